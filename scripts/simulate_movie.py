"""A simulated movie of a particle whose surface atoms hop, as a TIFF stack, with its truth."""

import numpy as np
import pandas as pd
import tifffile
import torch
from tqdm import tqdm

from latticework import config, shards
from latticework.config_particles import SimulatedMovie
from latticework.imaging.augmentation import fixed_microscope
from latticework.imaging.movies import movie_frames, random_drift
from latticework.logs import tee
from latticework.seeds import stream, torch_seed
from latticework.simulation.exit_waves import exit_wave
from latticework.structures.hopping import moving_particle

tee(snakemake.log[0])
params, name = snakemake.params, f"{snakemake.wildcards.study}/{snakemake.wildcards.movie}"
movie = SimulatedMovie.model_validate(params.movie)
evaluation = config.Evaluation.model_validate(params.evaluation)
imaging = config.Imaging.model_validate(params.imaging)
simulation = dict(params.simulation) | {"device": "cpu"}
simulation.pop("method")
structures = list(
    moving_particle(
        (
            stream(params.seed, f"{snakemake.wildcards.study}/movie", movie.particle),
            stream(params.seed, name),
        ),
        box=movie.box,
        radius=movie.radius,
        facets={f: params.parameters[f"facets_{f}"] for f in ("100", "110", "111")},
        added=movie.added,
        tilt=movie.tilt,
        frames=movie.frames,
        rate=movie.rate,
        temperature=movie.temperature,
    )
)
drift = random_drift(stream(params.seed, f"{name}/drift"), movie.frames, movie.drift)
size = 2 * round(movie.box / (imaging.sampling.low + imaging.sampling.high))
generator = torch.Generator()
generator.manual_seed(torch_seed(params.seed, f"{name}/noise"))
frames = movie_frames(
    structures,
    lambda atoms: exit_wave(atoms, **simulation),
    drift,
    box=movie.box,
    size=size,
    energy=simulation["energy"],
    band_limit=imaging.band_limit,
    microscope=fixed_microscope(movie.defocus, evaluation.cs, evaluation.focal_spread, 1),
    mtf=evaluation.mtf,
    dose=movie.dose,
    generator=generator,
)
per_angstrom = size / movie.box
with (
    shards.atomic(snakemake.output.movie) as temporary,
    tifffile.TiffWriter(temporary, imagej=True) as tiff,
):
    stack = np.stack(list(tqdm(frames, total=movie.frames, desc=name, unit="frame")))
    tiff.write(
        stack.astype(np.float32),
        resolution=(per_angstrom, per_angstrom),
        metadata={"unit": "angstrom", "axes": "TYX"},
    )
rows = []
for number, atoms in enumerate(structures):
    table = pd.DataFrame(atoms.positions[:, :2], columns=["x_angstrom", "y_angstrom"])
    table[["i", "j"]] = atoms.arrays["key"]
    columns = table.groupby(["i", "j"])
    heights = columns.size().rename("height")
    rows.append(columns.mean().join(heights).reset_index().assign(frame=number))
shards.write_csv(snakemake.output.truth, pd.concat(rows, ignore_index=True))
drifted = pd.DataFrame(drift, columns=["drift_x_angstrom", "drift_y_angstrom"])
shards.write_csv(snakemake.output.drift, drifted.rename_axis("frame").reset_index())
