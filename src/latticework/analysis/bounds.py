"""The best that any method could do: bounds on an atom's position in a pristine sheet."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from scipy.spatial import cKDTree

from latticework.analysis.limits import (
    detection_bound,
    joint_position_bounds,
    rayleigh_fraction,
)
from latticework.config import Evaluation
from latticework.imaging.augmentation import exit_intensity, fixed_microscope, wave_bank

BOND = 1.42
STEP = 0.02
# An F1 of 0.98 needs 98 % of the estimates within the matching radius, and errors of either kind
# rarer than 2 %: the best test errs with the probability Φ(−d′/2).
ATTAINABLE = 0.98
LEAST_DETECTABILITY = 4.1


def displaced_waves(
    make_wave: Callable[[Atoms], np.ndarray], sheet: Atoms, moved: Sequence[int]
) -> np.ndarray:
    """Exit waves (2·2·n, ny, nx) of a sheet whose atoms are moved one at a time.

    In the order x−, x+, y−, y+ of each atom in `moved`, by ∓0.02 Å.
    """
    waves = []
    for atom in moved:
        for axis in (0, 1):
            for step in (-STEP, STEP):
                displaced = sheet.copy()
                displaced.positions[atom, axis] += step
                waves.append(make_wave(displaced))
    return np.stack(waves)


def neighbourhood(sheet: Atoms, count: int) -> np.ndarray:
    """Indices of the atom nearest to the centre of the cell and its `count` nearest atoms."""
    box = sheet.cell.lengths()[:2]
    middle = cKDTree(sheet.positions[:, :2]).query(box / 2)[1]
    return cKDTree(sheet.positions[:, :2]).query(sheet.positions[middle, :2], k=count + 1)[1]


def pristine_square(box: float) -> Atoms:
    """A pristine periodic sheet in a square cell of about `box` Å: the reference for the bound.

    Seven by four rectangular cells of graphene make a square to 1 %; they are stretched to one.
    """
    cell = np.array([np.sqrt(3) * BOND, 3 * BOND])
    basis = np.array([[0, 0], [0.5, 1 / 6], [0.5, 0.5], [0, 2 / 3]])
    corners = np.array([(i, j) for i in range(7) for j in range(4)])
    fractional = (corners[:, None] + basis).reshape(-1, 2) / (7, 4)
    side = np.sqrt(np.prod(cell * (7, 4)))
    positions = np.pad(fractional * side, ((0, 0), (0, 1)), constant_values=2.0)
    return Atoms(
        f"C{len(positions)}", positions=positions, cell=(side, side, 4.0), pbc=(True, True, False)
    )


def position_bounds(
    make_wave: Callable[[Atoms], np.ndarray],
    settings: Evaluation,
    *,
    energy: float,
    sampling: float,
    band_limit: float,
) -> pd.DataFrame:
    """Cramér–Rao bound of an atom's position in a pristine sheet, for every dose and defocus.

    The positions of the atom's nine nearest neighbours are unknown as well. The camera is ideal:
    its MTF acts on signal and noise alike and costs no information.

    Columns: dose (e/Å²), defocus (Å), `bound` (Å, RMS per axis), `within_radius` (fraction of
    perfect estimates that fall within the matching radius), `detectability` (d′ of the atom's
    presence), `attainable` (whether
    both allow to find 98 % of the atoms with as few false ones).
    """
    sheet = pristine_square(17.0)
    box = sheet.cell.lengths()[0]
    moved = neighbourhood(sheet, 9)
    without = sheet.copy()
    del without[moved[0]]
    waves = np.concatenate(
        [[make_wave(sheet), make_wave(without)], displaced_waves(make_wave, sheet, moved)]
    )
    empty = [torch.zeros(1, 2)] * len(waves)
    bank = wave_bank(torch.from_numpy(waves), empty, [torch.ones(1)] * len(waves), box, band_limit)
    size = 2 * round(box / sampling / 2)
    rows = []
    for defocus in settings.defocus:
        optics = fixed_microscope(defocus, settings.cs, settings.focal_spread, len(waves))
        # Differences of nearly equal pictures need double precision.
        pictures = exit_intensity(
            bank.spectra.to(torch.complex128),
            bank.frequencies.double(),
            box,
            size,
            energy,
            {name: value.double() for name, value in optics.items()},
        ).numpy()
        mean, absent, displaced = pictures[0], pictures[1], pictures[2:]
        derivatives = (displaced[1::2] - displaced[::2]) / (2 * STEP)
        for dose in settings.doses:
            per_pixel = dose * (box / size) ** 2
            bound = np.sqrt(np.mean(joint_position_bounds(derivatives, mean, per_pixel)[0] ** 2))
            within_radius = rayleigh_fraction(bound, settings.radius)
            detectability = detection_bound(mean, absent, per_pixel)
            rows.append(
                {
                    "dose": dose,
                    "defocus": defocus,
                    "bound": bound,
                    "within_radius": within_radius,
                    "detectability": detectability,
                    "attainable": within_radius >= ATTAINABLE
                    and detectability >= LEAST_DETECTABILITY,
                }
            )
    return pd.DataFrame(rows)
