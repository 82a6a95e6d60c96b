"""The best that any method could do: bounds on the position of an atom or of a column."""

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
from latticework.imaging.augmentation import fixed_microscope, series_intensity, wave_bank
from latticework.materials import GOLD_LATTICE_CONSTANT

BOND = 1.42
STEP = 0.02
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


def gold_slab(height: int) -> Atoms:
    """A periodic slab of gold along ⟨110⟩ of columns of `height` atoms: the reference for columns.

    Seven by five centred rectangles a/√2 × a make a square to 1 %; they are stretched to one.
    """
    step = GOLD_LATTICE_CONSTANT / np.sqrt(2)
    corners = np.array([(i, j) for i in range(7) for j in range(5)])
    plane = np.concatenate([corners, corners + 0.5]) / (7, 5)
    shift = np.repeat([0, 0.5], len(corners))
    side = np.sqrt(35 * step * GOLD_LATTICE_CONSTANT)
    z = (shift[:, None] + np.arange(height)) * step + 2.0
    positions = np.concatenate([np.repeat(plane * side, height, axis=0), z.reshape(-1, 1)], axis=1)
    slab = Atoms(
        f"Au{len(positions)}",
        positions=positions,
        cell=(side, side, z.max() + 2.0),
        pbc=(True, True, False),
    )
    slab.new_array("column", np.repeat(np.arange(len(plane)), height))
    return slab


# By generator: a perfect periodic structure, and how many neighbours an atom's picture overlaps.
REFERENCES = {
    "graphene": (lambda: pristine_square(17.0), 9),
    "nanoparticles": (lambda: gold_slab(6), 6),
}


def position_bounds(
    make_wave: Callable[[Atoms], np.ndarray],
    generator: str,
    settings: Evaluation,
    *,
    energy: float,
    sampling: float,
    band_limit: float,
    series: Sequence[float] = (0.0,),
) -> pd.DataFrame:
    """Cramér–Rao bound of a position in a perfect crystal, for every dose and defocus.

    Of an atom of a pristine sheet, or of a column of a slab; `generator` says which. The positions
    of its nearest neighbours are unknown as well. The camera is ideal:
    its MTF acts on signal and noise alike and costs no information.

    Columns: dose (e/Å²), defocus (Å), `bound` (Å, RMS per axis), `within_radius` (fraction of
    perfect estimates that fall within the matching radius), `detectability` (d′ of the atom's
    presence), `attainable` (whether
    both allow to find 98 % of the atoms with as few false ones).
    """
    make_reference, neighbours = REFERENCES[generator]
    crystal = make_reference()
    box = crystal.cell.lengths()[0]
    moved = neighbourhood(crystal, neighbours)
    without = crystal[columns_of(crystal) != moved[0]]
    waves = np.concatenate(
        [[make_wave(crystal), make_wave(without)], displaced_waves(make_wave, crystal, moved)]
    )
    empty = [torch.zeros(1, 2)] * len(waves)
    bank = wave_bank(torch.from_numpy(waves), empty, [torch.ones(1)] * len(waves), box, band_limit)
    size = 2 * round(box / sampling / 2)
    rows = []
    for defocus in settings.defocus:
        optics = fixed_microscope(defocus, settings.cs, settings.focal_spread, len(waves))
        # Differences of nearly equal pictures need double precision.
        pictures = series_intensity(
            bank.spectra.to(torch.complex128),
            bank.frequencies.double(),
            box,
            size,
            energy,
            {name: value.double() for name, value in optics.items()},
            series,
        )
        # The frames of a series are more pixels of one picture.
        pictures = pictures.flatten(1, 2).numpy()
        mean, absent, displaced = pictures[0], pictures[1], pictures[2:]
        derivatives = (displaced[1::2] - displaced[::2]) / (2 * STEP)
        for dose in settings.doses:
            per_pixel = dose / len(series) * (box / size) ** 2
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
