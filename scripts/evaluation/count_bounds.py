"""Likelihood bound of counting atoms, on a few columns of held-out particles."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latticework import shards
from latticework.limits.counting import chosen_particles, count_bounds
from latticework.limits.images import Microscope
from latticework.logs import tee
from latticework.simulation.exit_waves import wave_maker
from latticework.structures import read_structures


def main(
    structures: Path,
    output: Path,
    *,
    simulation: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    imaging: Mapping[str, Any],
    particles: int,
    columns: int,
) -> None:
    """Write the bounds of `columns` columns of each of `particles` structures of a shard."""
    defocus = evaluation["defocus"]
    bounds = count_bounds(
        wave_maker(simulation),
        chosen_particles(read_structures(structures), particles),
        Microscope.of_evaluation(simulation, evaluation, imaging),
        doses=evaluation["doses"],
        defocus=defocus[len(defocus) // 2],
        columns=columns,
    )
    shards.write_csv(output, bounds)


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.input.structures[0]),
        Path(snakemake.output[0]),
        simulation=snakemake.params.simulation,
        evaluation=snakemake.params.evaluation,
        imaging=snakemake.params.imaging,
        particles=snakemake.params.particles,
        columns=snakemake.params.columns,
    )
