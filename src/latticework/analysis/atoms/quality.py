"""How sure is it? What in a picture's atoms is suspect, and where to look first.

No truth is needed: atoms nearer to each other than any bond, area without atoms, weak detections
and odd numbers of neighbours are what a person would look at.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.spatial import cKDTree

from latticework.analysis.atoms.bonds_and_rings import material_bonds, neighbour_counts
from latticework.analysis.atoms.sublattices import sublattices
from latticework.materials import Material

# Atoms of a lower probability are weak.
WEAK = 0.8
# In spacings of atoms at the material's density: what lies farther from every atom is uncovered;
# pixel of its map; side of the regions that are shown; how far apart their centres are at least.
UNCOVERED, PIXEL, REGION = 1.3, 0.2, 7.0
REASONS = ("short pairs", "uncovered", "weak", "odd neighbours")
# How much each of them counts: a short pair is an error for sure, an odd neighbourhood may be real.
WEIGHTS = (2.0, 1.0, 1.0, 0.3)
MOST_REGIONS = 6
REGION_COLUMNS = ["x0_px", "y0_px", "x1_px", "y1_px", "score", "reason"]


@dataclass(frozen=True)
class Quality:
    """What makes the atoms of one picture doubtful.

    Parameters
    ----------
    atoms
        One row an atom: x_px, y_px, nearest_angstrom (distance to the nearest atom), n_neighbours
        (bonds), sublattice (−1: none), short, weak, odd (bool).
    shares
        short_pairs, weak, odd_neighbours of the atoms; uncovered of the picture's area.
    regions
        Boxes to look at, the most suspect first: x0_px, y0_px, x1_px, y1_px, score (suspect atoms,
        weighed, per atom that the region should have) and reason (what there is most of).
    """

    atoms: pd.DataFrame
    shares: dict[str, float]
    regions: pd.DataFrame

    @property
    def histogram(self) -> pd.DataFrame:
        """Number of atoms with each number of neighbours: n_neighbours, count."""
        counts = np.bincount(self.atoms["n_neighbours"].to_numpy(dtype=int), minlength=1)
        return pd.DataFrame({"n_neighbours": np.arange(len(counts)), "count": counts})


def assess(
    atoms: pd.DataFrame, shape: tuple[int, int], sampling: float, material: Material
) -> Quality:
    """What is suspect in the atoms of a picture of shape (ny, nx) px.

    `atoms` is one picture's table: x_px, y_px, class, and probability if it is known. `sampling` is
    the pixel in Å.
    """
    positions = atoms[["x_px", "y_px"]].to_numpy(dtype=float).reshape(-1, 2) * sampling
    field = np.array(shape[::-1]) * sampling
    spacing = material.density**-0.5
    classes = atoms["class"].astype(str).to_numpy(dtype=object)
    nearest = np.full(len(atoms), np.inf)
    if len(atoms) > 1:
        nearest = cKDTree(positions).query(positions, k=2)[0][:, 1]
    bonds = np.zeros((0, 2), dtype=int)
    if material.bonds is not None:
        bonds = material_bonds(positions, list(classes), material.bonds)
    neighbours = neighbour_counts(bonds, len(atoms))
    probability = atoms["probability"] if "probability" in atoms else pd.Series(1.0, atoms.index)
    checked = pd.DataFrame(
        {
            "x_px": positions[:, 0] / sampling,
            "y_px": positions[:, 1] / sampling,
            "nearest_angstrom": nearest,
            "n_neighbours": neighbours,
            "sublattice": sublattices(positions, classes),
            "short": nearest < material.neighbours[0],
            "weak": probability.to_numpy(dtype=float) < WEAK,
            "odd": _odd(positions, neighbours, field, material),
        }
    )
    bare = _bare(positions, field, UNCOVERED * spacing, PIXEL * spacing)
    shares = {
        "short_pairs": _share(checked["short"]),
        "uncovered": float(bare.mean()),
        "weak": _share(checked["weak"]),
        "odd_neighbours": _share(checked["odd"]),
    }
    regions = _regions(checked, bare, field, spacing, sampling)
    return Quality(checked, shares, regions)


def _share(flags: pd.Series) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def _odd(
    positions: np.ndarray, neighbours: np.ndarray, field: np.ndarray, material: Material
) -> np.ndarray:
    """Mask (n,) of atoms away from the border with other numbers of bonds than in the crystal."""
    if material.bonds is None:
        return np.zeros(len(positions), dtype=bool)
    margin = material.bonds.longest
    inside = ((positions > margin) & (positions < field - margin)).all(axis=1)
    return inside & (neighbours != material.bonds.coordination)


def _bare(positions: np.ndarray, field: np.ndarray, radius: float, pixel: float) -> np.ndarray:
    """Map (ny, nx) of what lies farther than `radius` from every atom; lengths in Å."""
    axes = [(np.arange(max(int(size / pixel), 1)) + 0.5) * pixel for size in field]
    x, y = np.meshgrid(*axes)
    if not len(positions):
        return np.ones(x.shape, dtype=bool)
    places = np.column_stack([x.ravel(), y.ravel()])
    distance, _ = cKDTree(positions).query(places, distance_upper_bound=radius)
    return ~np.isfinite(distance).reshape(x.shape)


def _regions(
    atoms: pd.DataFrame, bare: np.ndarray, field: np.ndarray, spacing: float, sampling: float
) -> pd.DataFrame:
    """The most suspect boxes, none of which covers the middle of another."""
    pixel = PIXEL * spacing
    maps = np.zeros((len(REASONS), *bare.shape))
    cells = (atoms[["y_px", "x_px"]].to_numpy() * sampling / pixel).astype(int)
    rows, columns = np.clip(cells, 0, np.array(bare.shape) - 1).T
    for number, name in ((0, "short"), (2, "weak"), (3, "odd")):
        np.add.at(maps[number], (rows, columns), atoms[name].to_numpy(dtype=float))
    maps[1] = bare * PIXEL**2
    maps *= np.array(WEIGHTS)[:, None, None]
    width = np.minimum(max(int(REGION / PIXEL), 1), bare.shape)
    # Mean over the box around each pixel, times its area in atoms: suspects per box.
    summed = np.stack(
        [ndimage.uniform_filter(m, size=tuple(width), mode="constant") for m in maps]
    ) * np.prod(width)
    total = summed.sum(axis=0)
    expected = np.prod(width) * PIXEL**2
    found = []
    half = width // 2
    while len(found) < MOST_REGIONS and total.max() > 0.2:
        y, x = np.unravel_index(total.argmax(), total.shape)
        y0, x0 = np.clip((y - half[0], x - half[1]), 0, np.array(bare.shape) - width)
        box = np.array([x0, y0, x0 + width[1], y0 + width[0]]) * pixel / sampling
        reason = REASONS[int(summed[:, y, x].argmax())]
        found.append((*box, total[y, x] / expected, reason))
        low, high = np.maximum((y - width[0], x - width[1]), 0), (y + width[0], x + width[1])
        total[low[0] : high[0], low[1] : high[1]] = 0
    table = pd.DataFrame(found, columns=REGION_COLUMNS)
    limit = field / sampling
    for name, most in (("x1_px", limit[0]), ("y1_px", limit[1])):
        table[name] = table[name].clip(upper=most)
    return table
