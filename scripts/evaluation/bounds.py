"""Cramér–Rao bound of an atom's position in a perfect crystal against dose and defocus."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latticework import materials, names, shards
from latticework.logs import tee


def main(
    output: Path,
    *,
    function: str,
    material: str,
    simulation: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    imaging: Mapping[str, Any],
) -> None:
    """Write the bounds that `function` gives of a material's reference crystal."""
    bounds = names.resolve(function)
    shards.write_csv(output, bounds(materials.load(material), simulation, evaluation, imaging))


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.output[0]),
        function=snakemake.params.function,
        material=snakemake.params.material,
        simulation=snakemake.params.simulation,
        evaluation=snakemake.params.evaluation,
        imaging=snakemake.params.imaging,
    )
