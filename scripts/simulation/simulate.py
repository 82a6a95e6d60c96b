"""Exit waves or diffraction patterns of one shard of structures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from latticework import names, shards
from latticework.fingerprint import fingerprint
from latticework.logs import tee
from latticework.structures import read_structures


def main(
    structures: Path,
    output: Path,
    *,
    function: str,
    parameters: Mapping[str, Any],
    classes: Sequence[str],
    study: str,
    run: str,
    device: str,
) -> None:
    """Write what `function` simulates of a shard of structures, on the "cpu" or the "gpu"."""
    simulate = names.resolve(function)
    format_name, arrays, attributes = simulate(read_structures(structures), parameters, device)
    attributes |= {
        "study": study,
        "run": run,
        "config_hash": fingerprint(dict(parameters)),
        "classes": list(classes),
    }
    shards.write(output, format_name, arrays, attributes)


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.input.structures),
        Path(snakemake.output[0]),
        function=snakemake.params.function,
        parameters=snakemake.params.parameters,
        classes=snakemake.params.classes,
        study=snakemake.wildcards.study,
        run=snakemake.params.run,
        device="gpu" if snakemake.resources.get("gpu", 0) else "cpu",
    )
