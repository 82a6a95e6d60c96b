"""How one structure of a study is made, step by step."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latticework import materials, names, shards
from latticework.logs import tee


def main(
    output: Path,
    *,
    generator: str,
    material: str,
    parameters: Mapping[str, Any],
    seed: int,
    study: str,
) -> None:
    """Write the arrays of the generator's `construction`, format "construction"."""
    make = names.load("structures", generator).construction
    arrays = make(parameters, materials.load(material), seed, study)
    shards.write(output, "construction", arrays, {"study": study})


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.output[0]),
        generator=snakemake.params.generator,
        material=snakemake.params.material,
        parameters=snakemake.params.parameters,
        seed=snakemake.params.seed,
        study=snakemake.wildcards.study,
    )
