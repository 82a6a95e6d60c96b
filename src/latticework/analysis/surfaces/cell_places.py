"""Where the cells of a surface lie in an image: the motif's place, and how a scan bends them."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from latticework.imaging.levelling import TUKEY

GUIDES = 0.3  # of the distance of sites: bright places so near to a site guide the lattice
DISTORTED = 0.5  # logarithm of the ratio of axes to which a scan may have distorted a cell
GRID = 28  # places of the motif along a side of the cell that are tried
START, GROWTH, ROUNDS = 1.5, 1.25, 4  # cells around the first one that are fitted, and how on


def cells_like(vectors: np.ndarray, cell: np.ndarray) -> list[np.ndarray]:
    """Bases (2, 2) of the lattice of `vectors` that look like `cell`, but for a distortion of at
    most `DISTORTED`; if there are none, the one that is distorted least."""
    found = []
    for entries in product((-1, 0, 1), repeat=4):
        change = np.array(entries).reshape(2, 2)
        if abs(round(np.linalg.det(change))) != 1:
            continue
        basis = change @ vectors
        stretch = np.linalg.svd(np.linalg.inv(cell) @ basis, compute_uv=False)
        found.append((float(np.log(stretch[0] / stretch[1])), basis))
    found.sort(key=lambda one: one[0])
    most = max(DISTORTED, found[0][0] + 1e-9)
    return [basis for distortion, basis in found if distortion <= most]


def placed(
    response: np.ndarray, basis: np.ndarray, sites: np.ndarray, empty: np.ndarray
) -> tuple[float, np.ndarray]:
    """How far sites stand out of places without one, and the origin (2,) px of the cell for which
    they do most. A scan bends its lattice: of nine parts of 3 × 3 cells the clearest is taken."""
    ny, nx = response.shape
    steps = np.arange(GRID) / GRID
    shifts = np.stack(np.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2)
    around = np.array(list(product((-1, 0, 1), repeat=2)))
    limit = 2 * response.std()
    half = 1.5 * np.abs(basis).sum(axis=0)
    last = np.array([nx, ny]) - 1
    best, origin = -np.inf, np.zeros(2)
    for share in product((0.0, 0.5, 1.0), repeat=2):
        middle = half + share * (last - 2 * half)
        if (last < 2 * half).any():
            break
        # One cell, averaged over the part, and the motif at all places in it.
        x, y = np.moveaxis(middle + (shifts[:, None] + around - 0.5) @ basis, -1, 0)
        values = ndimage.map_coordinates(response, [y, x], order=1, mode="nearest")
        one = np.clip(values, -limit, limit).mean(axis=1).reshape(GRID, GRID)
        means = []
        for places in (sites, empty):
            at = GRID * np.moveaxis(shifts[:, None] + places, -1, 0)
            folded = ndimage.map_coordinates(one, at, order=1, mode="grid-wrap")
            means.append(folded.mean(axis=1))
        contrast = means[0] - means[1]
        if contrast.max() > best:
            best = float(contrast.max())
            origin = middle + (shifts[contrast.argmax()] - 0.5) @ basis
    return best, origin


@dataclass(frozen=True)
class Bend:
    """Where places of cells appear in an image: a polynomial of their indices.

    Parameters
    ----------
    coefficients
        (terms, 2), px.
    powers
        (terms, 2), of h and k.
    scale
        Cells by which indices are divided.
    """

    coefficients: np.ndarray
    powers: np.ndarray
    scale: float

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Positions (n, 2) in px of places (n, 2) in cells."""
        return terms(places, self.powers, self.scale) @ self.coefficients


def terms(places: np.ndarray, powers: np.ndarray, scale: float) -> np.ndarray:
    """Products (n, terms) of the powers of places (n, 2) in cells."""
    scaled = np.asarray(places)[:, None] / scale
    return (scaled**powers).prod(axis=2)


def followed(
    origin: np.ndarray,
    basis: np.ndarray,
    peaks: np.ndarray,
    sites: np.ndarray,
    frame: np.ndarray,
    shape: tuple[int, int],
) -> Bend:
    """The lattice from one cell outwards, fitted to the bright places (n, 2) next to its sites."""
    last = np.array(shape[::-1]) - 1
    into, out = np.linalg.inv(basis), np.linalg.inv(frame)
    corners = np.array(list(product((0, 1), repeat=2))) * last
    furthest = float(np.abs((corners - origin) @ into).max()) + 1
    linear = np.array([[0, 0], [1, 0], [0, 1]])
    bend = Bend(np.array([origin, basis[0] * furthest, basis[1] * furthest]), linear, furthest)
    every = (indices_of(furthest)[:, None] + sites).reshape(-1, 2)
    tree = cKDTree(peaks @ out)
    radius, rounds = START, 0
    while rounds < ROUNDS:
        places = every[np.abs(every - 0.5).max(axis=1) < radius]
        expected = bend(places)
        inside = ((expected > 0) & (expected < last)).all(axis=1)
        distance, nearest = tree.query(expected[inside] @ out)
        near = distance < GUIDES
        # Drift is a parabola, and creep goes with the third power, where there is enough to see it.
        order = 1 if radius < 2 else 2 if radius < 3 else 3
        powers = np.array([(i, j) for i in range(order + 1) for j in range(order + 1 - i)])
        if near.sum() < 4 * len(powers):
            powers = linear
        if near.sum() < len(powers):
            break
        bend = _fitted(places[inside][near], peaks[nearest[near]], powers, furthest, out)
        rounds += radius >= furthest
        radius = min(radius * GROWTH, furthest)
    return bend


def indices_of(furthest: float) -> np.ndarray:
    """Indices (n, 2) of all cells up to so many from the first."""
    steps = np.arange(-int(np.ceil(furthest)), int(np.ceil(furthest)) + 1)
    return np.stack(np.meshgrid(steps, steps, indexing="ij"), -1).reshape(-1, 2)


def _fitted(
    places: np.ndarray, seen: np.ndarray, powers: np.ndarray, scale: float, out: np.ndarray
) -> Bend:
    """Polynomial by least squares, reweighted with Tukey's biweight; `out` takes px to distances
    of sites."""
    design = terms(places, powers, scale)
    weights = np.ones(len(places))
    for _ in range(5):
        root = np.sqrt(weights)[:, None]
        found = np.linalg.lstsq(root * design, root * seen, rcond=None)[0]
        off = np.linalg.norm((seen - design @ found) @ out, axis=1)
        # The median of the length of a vector with two normal components is 1.18 of their sigma.
        limit = max(TUKEY * float(np.median(off)) / 1.18, 1e-6)
        weights = np.clip(1 - (off / limit) ** 2, 0, None) ** 2
    return Bend(found, powers, scale)
