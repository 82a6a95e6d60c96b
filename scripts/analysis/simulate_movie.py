"""A simulated movie of a particle whose surface atoms hop, as a TIFF stack, with its truth."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import tifffile

from latticework import materials, shards
from latticework.config.movies import SimulatedMovie
from latticework.imaging.movies import simulated_movie
from latticework.logs import tee
from latticework.simulation.exit_waves import wave_maker


def main(
    stack: Path,
    truth: Path,
    drift: Path,
    *,
    movie: Mapping[str, Any],
    parameters: Mapping[str, Any],
    material: str,
    simulation: Mapping[str, Any],
    imaging: Mapping[str, Any],
    microscope: Mapping[str, Any],
    seed: int,
    study: str,
    name: str,
) -> None:
    """Write the frames, the columns that are in them, and the drift."""
    pixel = imaging["sampling"]
    made = simulated_movie(
        SimulatedMovie.model_validate(movie),
        wave_maker(simulation),
        material=materials.load(material),
        facets={family: parameters[f"facets_{family}"] for family in ("100", "110", "111")},
        energy=simulation["energy"],
        sampling=0.5 * (pixel["low"] + pixel["high"]),
        band_limit=imaging["band_limit"],
        microscope=microscope,
        seed=seed,
        study=study,
        name=name,
    )
    per_angstrom = 1 / made.sampling
    with (
        shards.atomic(stack) as temporary,
        tifffile.TiffWriter(temporary, imagej=True) as tiff,
    ):
        tiff.write(
            made.frames,
            resolution=(per_angstrom, per_angstrom),
            metadata={"unit": "angstrom", "axes": "TYX"},
        )
    shards.write_csv(truth, made.truth)
    drifted = pd.DataFrame(made.drift, columns=["drift_x_angstrom", "drift_y_angstrom"])
    shards.write_csv(drift, drifted.rename_axis("frame").reset_index())


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.output.movie),
        Path(snakemake.output.truth),
        Path(snakemake.output.drift),
        movie=snakemake.params.movie,
        parameters=snakemake.params.parameters,
        material=snakemake.params.material,
        simulation=snakemake.params.simulation,
        imaging=snakemake.params.imaging,
        microscope=snakemake.params.microscope,
        seed=snakemake.params.seed,
        study=snakemake.wildcards.study,
        name=snakemake.wildcards.movie,
    )
