"""Simulated movies: waves of a changing structure → frames of a drifting camera, with the truth."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from tqdm import tqdm

from latticework.config.movies import SimulatedMovie
from latticework.imaging.detector import detect
from latticework.imaging.waves import exit_intensity, fixed_microscope, wave_bank
from latticework.materials import Material
from latticework.seeds import stream, torch_seed
from latticework.structures.hopping import moving_particle


def random_drift(rng: np.random.Generator, frames: int, step: float) -> np.ndarray:
    """Drift (frames, 2) in Å: a random walk of `step` Å RMS an axis and frame, from zero."""
    steps = rng.normal(0, step, (frames, 2))
    steps[0] = 0
    return np.cumsum(steps, axis=0)


def movie_frames(
    structures: Iterable[Any],
    make_wave: Callable[[Any], np.ndarray],
    drift: np.ndarray,
    *,
    box: float,
    size: int,
    energy: float,
    band_limit: float,
    microscope: Mapping[str, torch.Tensor],
    mtf: tuple[float, float, float],
    dose: float,
    generator: torch.Generator,
) -> Iterator[np.ndarray]:
    """Frames (size, size) of structures in a known microscope, one after the other.

    A structure that did not change since the last frame is not computed again. drift: (frames, 2)
    x, y in Å; dose: e/Å² a frame; `microscope` as `fixed_microscope` gives it; the camera has the
    frame's pixels.
    """
    before, bank = None, None
    for atoms, shift in zip(structures, drift, strict=True):
        if before is None or not np.array_equal(atoms.positions, before):
            wave = torch.from_numpy(make_wave(atoms))[None]
            bank = wave_bank(wave, box, band_limit)
            before = atoms.positions.copy()
        intensity = exit_intensity(
            bank.spectra,
            bank.frequencies,
            box,
            size,
            energy,
            microscope,
            torch.from_numpy(shift)[None].float(),
        )
        c1, c2, c3 = (torch.tensor([float(c)]) for c in mtf)
        yield detect(
            intensity[:, None],
            torch.tensor([dose * (box / size) ** 2]),
            c1=c1,
            c2=c2,
            c3=c3,
            nyquist_ratio=torch.ones(1),
            generator=generator,
        )[0, 0].numpy()


@dataclass(frozen=True)
class Movie:
    """A simulated movie and its truth.

    `frames` float32 (n, size, size) of pixels of `sampling` Å; `truth` a row for each column in
    each frame (x_angstrom, y_angstrom, i, j, height, frame); `drift` (n, 2) x, y in Å.
    """

    frames: np.ndarray
    sampling: float
    truth: pd.DataFrame
    drift: np.ndarray


def true_columns(structures: Sequence[Atoms]) -> pd.DataFrame:
    """Columns of structures with the array `key`, one structure a frame; `height` in atoms."""
    rows = []
    for number, atoms in enumerate(structures):
        table = pd.DataFrame(atoms.positions[:, :2], columns=["x_angstrom", "y_angstrom"])
        table[["i", "j"]] = atoms.arrays["key"]
        columns = table.groupby(["i", "j"])
        heights = columns.size().rename("height")
        rows.append(columns.mean().join(heights).reset_index().assign(frame=number))
    return pd.concat(rows, ignore_index=True)


def simulated_movie(
    movie: SimulatedMovie,
    make_wave: Callable[[Atoms], np.ndarray],
    *,
    material: Material,
    facets: Mapping[str, tuple[float, float]],
    energy: float,
    sampling: float,
    band_limit: float,
    microscope: Mapping[str, Any],
    seed: int,
    study: str,
    name: str,
) -> Movie:
    """A particle whose surface atoms hop, filmed by a known microscope.

    Parameters
    ----------
    movie
        Particle, hops, dose, defocus and drift.
    make_wave
        Exit wave (ny, nx) of a structure.
    material
        The fcc metal of the particle.
    facets
        As in `structures.hopping.moving_particle`.
    energy, sampling, band_limit
        eV; the pixel that frames should have, Å; 1/Å.
    microscope
        `cs` and `focal_spread` in Å, `mtf` (c1, c2, c3).
    seed, study, name
        Name the random streams: movies of one study and number begin with one particle.
    """
    own = f"{study}/{name}"
    streams = stream(seed, f"{study}/movie", movie.particle), stream(seed, own)
    structures = list(
        moving_particle(
            streams,
            element=material.elements[0],
            lattice_constant=material.lattice_constant,
            facets=dict(facets),
            **movie.model_dump(
                include={"box", "radius", "added", "tilt", "frames", "rate", "temperature"}
            ),
        )
    )
    drift = random_drift(stream(seed, f"{own}/drift"), movie.frames, movie.drift)
    size = 2 * round(movie.box / (2 * sampling))
    generator = torch.Generator()
    generator.manual_seed(torch_seed(seed, f"{own}/noise"))
    optics = fixed_microscope(movie.defocus, microscope["cs"], microscope["focal_spread"], 1)
    frames = movie_frames(
        structures,
        make_wave,
        drift,
        box=movie.box,
        size=size,
        energy=energy,
        band_limit=band_limit,
        microscope=optics,
        mtf=microscope["mtf"],
        dose=movie.dose,
        generator=generator,
    )
    made = list(tqdm(frames, total=movie.frames, desc=own, unit="frame"))
    return Movie(
        np.stack(made).astype(np.float32), movie.box / size, true_columns(structures), drift
    )
