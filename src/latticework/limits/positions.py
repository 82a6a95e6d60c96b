"""The best that any method could do: bounds on the position of an atom or of a column."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import pandas as pd
from ase import Atoms
from scipy.spatial import cKDTree

from latticework.limits.fisher import (
    detection_bound,
    joint_position_bounds,
    rayleigh_fraction,
)

STEP = 0.02  # Å, of the finite differences
# An F1 of 0.98 needs 98 % of the estimates within the matching radius, and errors of either kind
# rarer than 2 %: the best test errs with the probability Φ(−d′/2).
ATTAINABLE = 0.98
LEAST_DETECTABILITY = 4.1


class Microscope(Protocol):
    """What makes mean images of what was simulated of structures, and how many electrons it has."""

    def mean_images(self, simulated: np.ndarray, box: float, defocus: float) -> np.ndarray:
        """Mean images (n, ny, nx), double precision, in a square box of side Å at a defocus, Å."""

    def electrons(self, dose: float, box: float) -> float:
        """Electrons per pixel and unit of the mean images, of a dose in e/Å²."""


def columns_of(structure: Atoms) -> np.ndarray:
    """Number (atoms,) of what each atom belongs to: its column, or itself alone."""
    return structure.arrays.get("column", np.arange(len(structure)))


def displaced(
    simulate: Callable[[Atoms], np.ndarray], structure: Atoms, moved: Sequence[int]
) -> np.ndarray:
    """Simulations (2·2·n, …) of a structure of which one atom or column at a time is moved.

    In the order x−, x+, y−, y+ of each number in `moved`, by ∓0.02 Å.
    """
    made = []
    for number in moved:
        members = columns_of(structure) == number
        for axis in (0, 1):
            for step in (-STEP, STEP):
                moved_one = structure.copy()
                moved_one.positions[members, axis] += step
                made.append(simulate(moved_one))
    return np.stack(made)


def bound_of_first(mean: np.ndarray, moved: np.ndarray, electrons: float) -> float:
    """Bound in Å, RMS per axis, of the first of some atoms or columns, all of them unknown.

    `mean` (ny, nx) is the structure's mean image, `moved` are those of `displaced`.
    """
    derivatives = (moved[1::2] - moved[::2]) / (2 * STEP)
    bounds = joint_position_bounds(derivatives, mean, electrons)[0]
    return float(np.sqrt(np.mean(bounds**2)))


def neighbourhood(structure: Atoms, count: int) -> np.ndarray:
    """Numbers of the atom or column nearest to the centre of the cell, and of its nearest."""
    box = structure.cell.lengths()[:2]
    numbers, first = np.unique(columns_of(structure), return_index=True)
    positions = structure.positions[first, :2]
    middle = positions[cKDTree(positions).query(box / 2)[1]]
    return numbers[cKDTree(positions).query(middle, k=count + 1)[1]]


def position_bounds(
    simulate: Callable[[Atoms], np.ndarray],
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
    simulate
        What is simulated of a structure: an exit wave (ny, nx), a scanning image.
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
    simulated = np.concatenate(
        [[simulate(crystal), simulate(without)], displaced(simulate, crystal, moved)]
    )
    rows = []
    for value in defocus:
        images = microscope.mean_images(simulated, box, value)
        mean, absent, moved_images = images[0], images[1], images[2:]
        for dose in doses:
            electrons = microscope.electrons(dose, box)
            bound = bound_of_first(mean, moved_images, electrons)
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
