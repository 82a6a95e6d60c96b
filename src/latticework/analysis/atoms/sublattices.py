"""Sublattices by what surrounds an atom: atoms that translations of the lattice take to each other.

Brightness alone mixes them up: in MoSe2 the pair of anions is brighter than the metal, and a
foreign atom is on its host's sublattice whatever its brightness.
"""

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

# In distances to the nearest atom: how far translations are looked for, how far off a partner may
# be, the bin of their histogram.
REACH, TOLERANCE, BIN = 4.2, 0.28, 0.1
# Share of the atoms inside that must have a partner at a translation, and least share of all atoms
# that one sublattice has.
SUPPORT, LEAST = 0.6, 0.04
# Least angle between two translations, degrees.
LEAST_ANGLE = 25.0


def translations(positions: np.ndarray, classes: np.ndarray | None = None) -> np.ndarray:
    """The two shortest translations (2, 2) that take most atoms to atoms of the same class.

    Parameters
    ----------
    positions
        (n, 2), in any unit.
    classes
        (n,), names; without them every atom is like every other.

    Empty (0, 2) where there are none, as for scattered atoms. Atoms too near to the border for a
    partner count neither way.
    """
    none = np.zeros((0, 2))
    if len(positions) < 12:
        return none
    tree = cKDTree(positions)
    nearest = float(np.median(tree.query(positions, k=2)[0][:, 1]))
    pairs = tree.query_pairs(REACH * nearest, output_type="ndarray")
    steps = positions[pairs[:, 1]] - positions[pairs[:, 0]]
    candidates = _peaks(steps, nearest)
    supported = [step for step in candidates if _support(positions, classes, tree, step, nearest)]
    supported.sort(key=lambda step: np.linalg.norm(step))
    for second in supported[1:]:
        first = supported[0]
        sine = abs(first[0] * second[1] - first[1] * second[0])
        sine /= np.linalg.norm(first) * np.linalg.norm(second)
        if sine > np.sin(np.radians(LEAST_ANGLE)):
            return np.stack([first, second])
    return none


def _peaks(steps: np.ndarray, nearest: float) -> list[np.ndarray]:
    """Frequent steps between atoms: maxima of their histogram, of each and its opposite one."""
    half = int(np.ceil(REACH / BIN))
    both = np.concatenate([steps, -steps]) / (BIN * nearest)
    cell = np.rint(both).astype(int) + half
    cell = cell[((cell >= 0) & (cell <= 2 * half)).all(axis=1)]
    histogram = np.zeros((2 * half + 1,) * 2)
    np.add.at(histogram, tuple(cell.T), 1.0)
    smooth = ndimage.gaussian_filter(histogram, 1.0, mode="constant")
    size = int(2 * round(0.5 / BIN) + 1)
    top = (smooth == ndimage.maximum_filter(smooth, size)) & (smooth > 0.2 * smooth.max())
    places = np.argwhere(top) - half
    upper = places[(places[:, 1] > 0) | ((places[:, 1] == 0) & (places[:, 0] > 0))]
    found = []
    for place in upper:
        near = np.linalg.norm(both - place, axis=1) < 0.5 * TOLERANCE / BIN
        if near.any():
            found.append(both[near].mean(axis=0) * BIN * nearest)
    return found


def _support(
    positions: np.ndarray,
    classes: np.ndarray | None,
    tree: cKDTree,
    step: np.ndarray,
    nearest: float,
) -> bool:
    """Whether most atoms have one like them at a step and at its opposite."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    hits, tried = 0, 0
    for way in (step, -step):
        place = positions + way
        inside = ((place > low) & (place < high)).all(axis=1)
        distance, partner = tree.query(place[inside])
        hit = distance < TOLERANCE * nearest
        if classes is not None:
            hit &= classes[inside] == classes[partner]
        hits, tried = hits + int(hit.sum()), tried + int(inside.sum())
    return tried > 0 and hits > SUPPORT * tried


def sublattices(positions: np.ndarray, classes: np.ndarray | None = None) -> np.ndarray:
    """Number (n,) of the sublattice of each atom, from 0, the largest first; −1 for none.

    `positions` (n, 2) in any unit. `classes` (n,) tell apart atoms that the lattice's geometry does
    not, as the two kinds of columns of a perovskite; an atom of another class that stands on a
    sublattice belongs to it. Each grain of a polycrystal has sublattices of its own.
    """
    positions = np.asarray(positions, dtype=float).reshape(-1, 2)
    numbers = np.full(len(positions), -1)
    steps = translations(positions, classes)
    if not len(steps):
        return numbers
    tree = cKDTree(positions)
    nearest = float(np.median(tree.query(positions, k=2)[0][:, 1]))
    links = []
    for step in (*steps, steps[0] + steps[1], steps[0] - steps[1]):
        distance, partner = tree.query(positions + step)
        hit = distance < TOLERANCE * nearest
        links.append(np.column_stack([np.flatnonzero(hit), partner[hit]]))
    pairs = np.concatenate(links)
    graph = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(len(positions),) * 2)
    _, label = connected_components(graph, directed=False)
    size = np.bincount(label)
    large = [part for part in np.argsort(-size, kind="stable") if size[part] >= LEAST * len(label)]
    for number, part in enumerate(large):
        numbers[label == part] = number
    return numbers
