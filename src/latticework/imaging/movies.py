"""Simulated movies: waves of a changing structure → frames of a drifting camera."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from latticework.imaging.augmentation import exit_intensity, wave_bank
from latticework.imaging.detector import detect


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
    picture's pixels.
    """
    before, bank = None, None
    for atoms, shift in zip(structures, drift, strict=True):
        if before is None or not np.array_equal(atoms.positions, before):
            wave = torch.from_numpy(make_wave(atoms))[None]
            bank = wave_bank(wave, [torch.zeros(1, 2)], [torch.ones(1)], box, band_limit)
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
