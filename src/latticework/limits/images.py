"""Noise-free images of waves in a known microscope, from which limits are computed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from ase import Atoms

from latticework.imaging.waves import OPTICS, fixed_microscope, series_intensity, wave_bank
from latticework.limits.positions import (
    bound_of_first,
    displaced,
    neighbourhood,
    position_bounds,
)
from latticework.materials import Material
from latticework.simulation.exit_waves import wave_maker
from latticework.structures.references import reference_crystal


@dataclass(frozen=True)
class Microscope:
    """A microscope without astigmatism, and how it records.

    Parameters
    ----------
    energy
        eV.
    cs, focal_spread
        Å.
    sampling
        Pixel of the images, Å, nearly: the number of pixels is even.
    band_limit
        Highest spatial frequency that is imaged, 1/Å.
    series
        Defocus of each image of a focal series beyond the common one, Å.
    """

    energy: float
    cs: float
    focal_spread: float
    sampling: float
    band_limit: float
    series: Sequence[float]

    @classmethod
    def of_evaluation(
        cls,
        simulation: Mapping[str, Any],
        evaluation: Mapping[str, Any],
        imaging: Mapping[str, Any],
    ) -> Self:
        """The microscope that a study is evaluated in, at the middle of its range of pixels."""
        sampling = imaging["sampling"]
        return cls(
            energy=simulation["energy"],
            cs=evaluation["cs"],
            focal_spread=evaluation["focal_spread"],
            sampling=0.5 * (sampling["low"] + sampling["high"]),
            band_limit=imaging["band_limit"],
            series=imaging["series"],
        )

    def size(self, box: float) -> int:
        """Pixels along a box in Å."""
        return 2 * round(box / self.sampling / 2)

    def electrons(self, dose: float, box: float) -> float:
        """Electrons per pixel and image of a series of a dose in e/Å²."""
        return dose / len(self.series) * (box / self.size(box)) ** 2

    def mean_images(self, waves: np.ndarray, box: float, defocus: float) -> np.ndarray:
        """`mean_images` in double precision, which differences of nearly equal images need."""
        return mean_images(waves, box, self, defocus, double=True)


def mean_images(
    waves: np.ndarray, box: float, microscope: Microscope, defocus: float, *, double: bool
) -> np.ndarray:
    """Mean images (n, series · size, size) of exit waves (n, ny, nx) in a square box of side Å.

    In units of the vacuum intensity, at a defocus in Å. The images of a series are more pixels of
    one image. `double` computes in double precision, which differences of nearly equal images need.
    """
    optics = fixed_microscope(defocus, microscope.cs, microscope.focal_spread, len(waves))
    return imaged(
        waves,
        box,
        optics,
        energy=microscope.energy,
        size=microscope.size(box),
        band_limit=microscope.band_limit,
        series=microscope.series,
        double=double,
    )


def imaged(
    waves: np.ndarray,
    box: float,
    optics: Mapping[str, torch.Tensor],
    *,
    energy: float,
    size: int,
    band_limit: float,
    series: Sequence[float] = (0.0,),
    double: bool,
) -> np.ndarray:
    """`mean_images` of `size` px with optics of any kind, `imaging.waves.OPTICS`, (n,) each."""
    bank = wave_bank(torch.from_numpy(waves), box=box, band_limit=band_limit)
    spectra, frequencies = bank.spectra, bank.frequencies
    if double:
        spectra, frequencies = spectra.to(torch.complex128), frequencies.double()
        optics = {name: value.double() for name, value in optics.items()}
    images = series_intensity(spectra, frequencies, box, size, energy, optics, series)
    return images.flatten(1, 2).double().numpy()


def bound_in_sheet(
    structure: Atoms,
    simulate: Callable[[Atoms], np.ndarray],
    neighbours: int,
    optics: Mapping[str, torch.Tensor],
    *,
    energy: float,
    size: int,
    band_limit: float,
    dose: float,
) -> float:
    """Cramér–Rao bound in Å, RMS per axis, of the atom nearest to the middle of a square field.

    As in `limits.positions.position_bounds`, but of this structure in this microscope, `optics`
    (1,) each, whose parameters are known. `dose` in e/Å².
    """
    box = float(structure.cell.lengths()[0])
    moved = neighbourhood(structure, neighbours)
    waves = np.concatenate([[simulate(structure)], displaced(simulate, structure, moved)])
    every = {name: optics[name].expand(len(waves)) for name in OPTICS}
    images = imaged(waves, box, every, energy=energy, size=size, band_limit=band_limit, double=True)
    return bound_of_first(images[0], images[1:], dose * (box / size) ** 2)


def bounds(
    material: Material,
    simulation: Mapping[str, Any],
    evaluation: Mapping[str, Any],
    imaging: Mapping[str, Any],
) -> pd.DataFrame:
    """Bounds of a position in a material's reference crystal, in the evaluation's microscope.

    `simulation`, `evaluation` and `imaging` are sections of a study of micrographs; for the table
    see `limits.positions.position_bounds`.
    """
    return position_bounds(
        wave_maker(simulation),
        reference_crystal(material),
        material.reference.neighbours,
        Microscope.of_evaluation(simulation, evaluation, imaging),
        doses=evaluation["doses"],
        defocus=evaluation["defocus"],
        radius=evaluation["radius"],
    )
