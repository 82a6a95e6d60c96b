"""Columns of a crystal that lose and regain atoms under the beam: a Markov chain of every column.

Time is counted in frames of a movie. Lengths are in Å.
"""

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from latticework.materials import Material

MARGIN = 2.0  # of empty space along the beam
SAME = 0.3  # atoms whose projections are nearer than this form a column


def chain(
    rng: np.random.Generator, start: np.ndarray, matrix: np.ndarray, frames: int
) -> np.ndarray:
    """States (frames, n) of n independent Markov chains.

    start: (n,) states in the first frame; matrix: (states, states), the probability of each state
    (column) in the next frame by the state (row) in this one.
    """
    states = np.empty((frames, len(start)), dtype=int)
    states[0] = start
    odds = np.cumsum(matrix, axis=1)
    for frame in range(1, frames):
        drawn = rng.random(len(start))
        reached = (drawn[:, None] > odds[states[frame - 1]]).sum(axis=1)
        states[frame] = np.minimum(reached, len(matrix) - 1)
    return states


@dataclass(frozen=True)
class ChangingCrystal:
    """A crystal one cell thick whose columns change.

    `columns` (n, 2) in a periodic square of side `box`; `elements` (n,) and `full` (n,), what a
    column is made of and of how many atoms; `counts` (frames, n), how many it has; `heights` (n,
    most) of its atoms in the order in which they stay, NaN beyond their number.
    """

    columns: np.ndarray
    elements: np.ndarray
    full: np.ndarray
    counts: np.ndarray
    heights: np.ndarray
    box: float

    def atoms(self, frame: int) -> Atoms:
        """The structure in one frame; the beam runs along +z."""
        order = np.arange(self.heights.shape[1])
        column, atom = np.nonzero(order < self.counts[frame][:, None])
        positions = np.column_stack([self.columns[column], self.heights[column, atom]])
        depth = np.nanmax(self.heights) + MARGIN
        return Atoms(
            list(self.elements[column]),
            positions=positions,
            cell=(self.box, self.box, depth),
            pbc=(True, True, False),
        )

    def classes(self, frame: int) -> np.ndarray:
        """What each column (n,) holds in one frame: `S2`, `S`, or nothing, ""."""
        return np.array(
            [named(*one) for one in zip(self.elements, self.counts[frame], strict=True)]
        )


def named(element: str, count: int) -> str:
    """A column's class by its element and the number of its atoms."""
    return "" if count == 0 else element if count == 1 else f"{element}{count}"


def changing_crystal(
    streams: tuple[np.random.Generator, np.random.Generator],
    *,
    material: Material,
    repeats: tuple[int, int],
    element: str,
    matrix: np.ndarray,
    start: np.ndarray,
    disorder: float,
    frames: int,
) -> ChangingCrystal:
    """A material's reference crystal in which the columns of one element change.

    Parameters
    ----------
    streams
        Random streams of the crystal and of its changes.
    material
        With a reference cell, of which one layer is taken.
    repeats
        Cells along x and y; they are stretched to a square box.
    element
        Whose columns change.
    matrix, start
        Markov chain of the number of atoms in such a column, from all of them down to none: the
        transition matrix of a frame (`chain`), and the shares at the beginning.
    disorder
        RMS displacement of a column per axis, for good.
    frames
        Of the movie.

    Raises ValueError for a material without a reference cell.
    """
    still, changing = streams
    reference = material.reference
    if reference is None:
        raise ValueError(f"{material.name} has no reference cell")
    cell = np.array(reference.cell)
    corners = np.stack(np.meshgrid(*map(np.arange, repeats), indexing="ij"), -1).reshape(-1, 2)
    box = float(np.mean(cell * repeats))
    columns, elements, heights = [], [], []
    for group in _columns([(site.element, *site.at) for site in reference.basis], cell):
        places = (corners + group[0][1:3]) / repeats * box % box
        columns.append(places)
        elements += [group[0][0]] * len(places)
        heights += [[atom[3] * reference.period + MARGIN for atom in group]] * len(places)
    most = max(map(len, heights))
    full = np.array([len(one) for one in heights])
    stack = np.array([[*one, *[np.nan] * (most - len(one))] for one in heights])
    for row, number in zip(stack, full, strict=True):
        row[:number] = still.permutation(row[:number])
    where = np.concatenate(columns)
    where = where + still.normal(0, disorder, where.shape)
    names = np.array(elements)
    mine = np.flatnonzero(names == element)
    first = still.choice(len(start), size=len(mine), p=start)
    counts = np.repeat(full[None], frames, axis=0)
    counts[:, mine] = full[mine] - chain(changing, first, np.asarray(matrix), frames)
    return ChangingCrystal(where % box, names, full, counts, stack, box)


def _columns(basis: list[tuple], cell: np.ndarray) -> list[list[tuple]]:
    """Atoms (element, x, y, z in units of the cell) by the column that they stand in."""
    found: list[list[tuple]] = []
    for atom in basis:
        for group in found:
            step = np.subtract(atom[1:3], group[0][1:3])
            if np.linalg.norm((step - np.round(step)) * cell) < SAME:
                group.append(atom)
                break
        else:
            found.append([atom])
    return found
