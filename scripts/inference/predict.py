"""Class maps of all images of a dataset, or Bragg peaks of a scan."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latticework import names
from latticework.logs import tee


def main(
    dataset: Path,
    source: Path,
    weights: Path,
    output: Path,
    *,
    function: str,
    settings: Mapping[str, Any],
    study: str,
    run: str,
) -> None:
    """Write what `function` reads in a calibrated dataset with a network."""
    names.resolve(function)(
        dataset, source, weights, output, settings=settings, attributes={"study": study, "run": run}
    )


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.input.dataset),
        Path(snakemake.input.source),
        Path(snakemake.input.weights),
        Path(snakemake.output[0]),
        function=snakemake.params.function,
        settings=snakemake.params.settings,
        study=snakemake.wildcards.study,
        run=snakemake.params.run,
    )
