"""One shard of random structures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latticework import materials, names
from latticework.logs import tee
from latticework.structures import write_structures


def main(
    output: Path,
    *,
    generator: str,
    material: str | None,
    parameters: Mapping[str, Any],
    seed: int,
    study: str,
    split: str,
    indices: tuple[int, int],
) -> None:
    """Write structures number indices[0] to indices[1] − 1 of a study's split."""
    structures = names.load("structures", generator).make_shard(
        parameters,
        materials.load(material) if material else None,
        seed,
        study,
        split,
        range(*indices),
    )
    write_structures(output, structures)


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.output[0]),
        generator=snakemake.params.generator,
        material=snakemake.params.material,
        parameters=snakemake.params.parameters,
        seed=snakemake.params.seed,
        study=snakemake.wildcards.study,
        split=snakemake.wildcards.split,
        indices=snakemake.params.indices,
    )
