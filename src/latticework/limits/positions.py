"""The best that any method could do: bounds on the position of an atom or of a column."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from ase import Atoms
from scipy.spatial import cKDTree

from latticework.limits.fisher import (
    detection_bound,
    joint_position_bounds,
    rayleigh_fraction,
)
from latticework.limits.images import Microscope, mean_images

STEP = 0.02  # Å, of the finite differences
# An F1 of 0.98 needs 98 % of the estimates within the matching radius, and errors of either kind
# rarer than 2 %: the best test errs with the probability Φ(−d′/2).
ATTAINABLE = 0.98
LEAST_DETECTABILITY = 4.1


def columns_of(structure: Atoms) -> np.ndarray:
    """Number (atoms,) of what each atom belongs to: its column, or itself alone."""
    return structure.arrays.get("column", np.arange(len(structure)))


def displaced_waves(
    make_wave: Callable[[Atoms], np.ndarray], structure: Atoms, moved: Sequence[int]
) -> np.ndarray:
    """Exit waves (2·2·n, ny, nx) of a structure of which one atom or column at a time is moved.

    In the order x−, x+, y−, y+ of each number in `moved`, by ∓0.02 Å.
    """
    waves = []
    for number in moved:
        members = columns_of(structure) == number
        for axis in (0, 1):
            for step in (-STEP, STEP):
                displaced = structure.copy()
                displaced.positions[members, axis] += step
                waves.append(make_wave(displaced))
    return np.stack(waves)


def neighbourhood(structure: Atoms, count: int) -> np.ndarray:
    """Numbers of the atom or column nearest to the centre of the cell, and of its nearest."""
    box = structure.cell.lengths()[:2]
    numbers, first = np.unique(columns_of(structure), return_index=True)
    positions = structure.positions[first, :2]
    middle = positions[cKDTree(positions).query(box / 2)[1]]
    return numbers[cKDTree(positions).query(middle, k=count + 1)[1]]


def position_bounds(
    make_wave: Callable[[Atoms], np.ndarray],
    crystal: Atoms,
    neighbours: int,
    microscope: Microscope,
    *,
    doses: Sequence[float],
    defocus: Sequence[float],
    radius: float,
) -> pd.DataFrame:
    """Cramér–Rao bound of a position in a perfect crystal, for every dose and defocus.

    The positions of the nearest neighbours are unknown as well. The camera is ideal: its MTF acts
    on signal and noise alike and costs no information (`limits.fisher`).

    Parameters
    ----------
    make_wave
        Exit wave (ny, nx) of a structure.
    crystal
        In a square cell, such as `structures.references.reference_crystal`.
    neighbours
        How many neighbours an atom's, or a column's, image overlaps with.
    microscope
        In which the crystal is imaged.
    doses, defocus
        e/Å², of all images of a series together, and Å.
    radius
        Largest distance of a found from a true atom, Å.

    Returns
    -------
    pandas.DataFrame
        dose, defocus, bound (Å, RMS per axis), within_radius (fraction of perfect estimates that
        fall within the radius), detectability (d′ of the atom's presence), attainable (whether
        both allow to find 98 % of the atoms with as few false ones).
    """
    box = crystal.cell.lengths()[0]
    moved = neighbourhood(crystal, neighbours)
    without = crystal[columns_of(crystal) != moved[0]]
    waves = np.concatenate(
        [[make_wave(crystal), make_wave(without)], displaced_waves(make_wave, crystal, moved)]
    )
    rows = []
    for value in defocus:
        images = mean_images(waves, box, microscope, value, double=True)
        mean, absent, displaced = images[0], images[1], images[2:]
        derivatives = (displaced[1::2] - displaced[::2]) / (2 * STEP)
        for dose in doses:
            electrons = microscope.electrons(dose, box)
            bounds = joint_position_bounds(derivatives, mean, electrons)[0]
            bound = np.sqrt(np.mean(bounds**2))
            within = rayleigh_fraction(bound, radius)
            detectability = detection_bound(mean, absent, electrons)
            rows.append(
                {
                    "dose": dose,
                    "defocus": value,
                    "bound": bound,
                    "within_radius": within,
                    "detectability": detectability,
                    "attainable": within >= ATTAINABLE and detectability >= LEAST_DETECTABILITY,
                }
            )
    return pd.DataFrame(rows)
