"""Cramér–Rao bound of an atom's position in a perfect crystal against dose and defocus."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latticework import materials, shards
from latticework.limits.images import Microscope
from latticework.limits.positions import position_bounds
from latticework.logs import tee
from latticework.simulation.exit_waves import wave_maker
from latticework.structures.references import reference_crystal


def main(
    output: Path,
    *,
    material: str,
    simulation: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    imaging: Mapping[str, Any],
) -> None:
    """Write the bounds of a material's reference crystal in the evaluation's microscope."""
    looked_at = materials.load(material)
    bounds = position_bounds(
        wave_maker(simulation),
        reference_crystal(looked_at),
        looked_at.reference.neighbours,
        Microscope.of_evaluation(simulation, evaluation, imaging),
        doses=evaluation["doses"],
        defocus=evaluation["defocus"],
        radius=evaluation["radius"],
    )
    shards.write_csv(output, bounds)


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.output[0]),
        material=snakemake.params.material,
        simulation=snakemake.params.simulation,
        evaluation=snakemake.params.evaluation,
        imaging=snakemake.params.imaging,
    )
