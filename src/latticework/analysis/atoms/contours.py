"""Atomic contours: the shape of every atom's image against its neighbours'.

Of each atom: intensity, the area, ellipticity and orientation of its contour at half height, and
the Zernike moments of its surroundings. Sites that the lattice has and no atom was found at are
described as well, since a missing atom has no contour.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.spatial import cKDTree

from latticework.analysis.atoms.sublattices import sublattices, translations

# In distances to the nearest atom: radius of the disc that is described, of that of the intensity,
# of that of the contour; smoothing of the picture; reach of the centring.
DISC, CORE, CONTOUR, SMOOTHING, CENTRING = 0.95, 0.4, 0.65, 0.14, 0.4
# Points along a side of a patch, and steps of the centring.
POINTS, CENTRING_STEPS = 21, 3
# Neighbours on the same sublattice that an atom is compared with.
NEIGHBOURS = 10
# Translations that must lead from an atom to a site for it to be one; how near an atom may be.
LEADING, EMPTY = 3, 0.45
# Orders and azimuths of the Zernike moments.
MOMENTS = ((1, 1), (2, 0), (2, 2), (3, 1), (3, 3), (4, 0), (4, 2), (4, 4))


@dataclass(frozen=True)
class Sites:
    """Atoms and empty sites of a picture.

    Parameters
    ----------
    positions
        (n, 2), px.
    sublattice
        (n,), its number; −1 for atoms of none.
    empty
        (n,) bool: no atom was found there.
    nearest
        Usual distance of an atom from the nearest, px.
    """

    positions: np.ndarray
    sublattice: np.ndarray
    empty: np.ndarray
    nearest: float


def find_sites(atoms: pd.DataFrame, shape: tuple[int, int]) -> Sites:
    """Atoms (x_px, y_px, class) of a picture of shape (ny, nx) and the lattice's empty sites.

    A site is empty if three or more atoms of one sublattice are a translation of the lattice away
    from it, and no atom is near.

    Raises ValueError for fewer than two atoms.
    """
    positions = atoms[["x_px", "y_px"]].to_numpy(dtype=float).reshape(-1, 2)
    if len(positions) < 2:
        raise ValueError(
            f"contours are compared with each other: {len(positions)} atoms are too few"
        )
    tree = cKDTree(positions)
    nearest = float(np.median(tree.query(positions, k=2)[0][:, 1]))
    classes = atoms["class"].astype(str).to_numpy(dtype=object)
    number = sublattices(positions, classes)
    steps = translations(positions, classes)
    places, numbers = [], []
    if len(steps):
        ways = np.array([*steps, steps[0] + steps[1], steps[0] - steps[1]])
        ways = np.concatenate([ways, -ways])
        for which in range(number.max(initial=-1) + 1):
            guesses = (positions[number == which][:, None] + ways).reshape(-1, 2)
            far = tree.query(guesses)[0] > EMPTY * nearest
            inside = ((guesses > 0) & (guesses < np.array(shape[::-1]) - 1)).all(axis=1)
            found = _agreeing(guesses[far & inside], EMPTY * nearest)
            places.append(found)
            numbers += [which] * len(found)
    holes = np.concatenate([np.zeros((0, 2)), *places])
    return Sites(
        positions=np.concatenate([positions, holes]),
        sublattice=np.concatenate([number, np.array(numbers, dtype=int)]),
        empty=np.repeat([False, True], [len(positions), len(holes)]),
        nearest=nearest,
    )


def _agreeing(guesses: np.ndarray, reach: float) -> np.ndarray:
    """Means (sites, 2) of guesses on which enough atoms agree, px."""
    found = []
    left = guesses
    while len(left):
        near = np.linalg.norm(left - left[0], axis=1) < reach
        if near.sum() >= LEADING:
            found.append(left[near].mean(axis=0))
        left = left[~near]
    return np.array(found).reshape(-1, 2)


def centred(image: np.ndarray, sites: Sites) -> np.ndarray:
    """Positions (n, 2) px at the centres of mass of what is brighter around them than beside.

    Empty sites stay: there is nothing that they could be centred on.
    """
    reach = CENTRING * sites.nearest
    offsets = np.linspace(-reach, reach, 9)
    x, y = np.meshgrid(offsets, offsets)
    weight = np.exp(-0.5 * (x**2 + y**2) / (0.6 * reach) ** 2)
    positions = sites.positions.copy()
    for _ in range(CENTRING_STEPS):
        values = _sample(image, positions, x, y)
        values = np.maximum(values - np.percentile(values, 20, axis=(1, 2))[:, None, None], 0)
        mass = values * weight
        total = np.maximum(mass.sum(axis=(1, 2)), 1e-12)
        shift = np.stack([(mass * x).sum(axis=(1, 2)), (mass * y).sum(axis=(1, 2))], axis=1)
        shift = np.clip(shift / total[:, None], -0.3 * reach, 0.3 * reach)
        positions = np.where(sites.empty[:, None], positions, positions + shift)
    return positions


def _sample(image: np.ndarray, positions: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Patches (n, *x.shape) of an image around positions (n, 2) px, at offsets x and y px."""
    rows = positions[:, 1, None, None] + y
    columns = positions[:, 0, None, None] + x
    return ndimage.map_coordinates(image, [rows, columns], order=1, mode="nearest")


def describe(
    image: np.ndarray, sites: Sites, positions: np.ndarray
) -> tuple[np.ndarray, pd.DataFrame]:
    """Descriptors (n, k) of every site against its neighbours, and the contours as a table.

    `image` is (ny, nx), `positions` (n, 2) px where the sites are in it. The table has x_px, y_px,
    sublattice, empty, intensity (of the picture's mean), area_px2, ellipticity (1 − minor / major
    axis) and orientation_deg (from x towards y).

    A descriptor is the site's own less the median of its nearest neighbours on its sublattice, so
    that what varies slowly over a picture, as thickness and contamination do, is no anomaly.
    """
    smooth = ndimage.gaussian_filter(image.astype(float), SMOOTHING * sites.nearest)
    smooth = smooth / max(abs(image.mean()), 1e-12)
    offsets = np.linspace(-1, 1, POINTS) * DISC * sites.nearest
    x, y = np.meshgrid(offsets, offsets)
    radius = np.hypot(x, y) / sites.nearest
    patches = _sample(smooth, positions, x, y)
    around = neighbours_of(sites)
    intensity = patches[:, radius <= CORE].mean(axis=1)
    # Half height of the neighbours: a bright atom's contour is wider, a faint one's narrower.
    floor = np.percentile(patches[:, radius <= DISC], 10, axis=1)
    peak = patches[:, POINTS // 2, POINTS // 2]
    level = 0.5 * (np.median(peak[around], axis=1) + np.median(floor[around], axis=1))
    inside = (patches > level[:, None, None]) & (radius <= CONTOUR)
    excess = np.where(inside, patches - level[:, None, None], 0.0) + 1e-9 * (radius <= CONTOUR)
    moments = _second_moments(excess, x, y)
    spread = moments[:, 0] + moments[:, 1]
    stretch = (moments[:, 0] - moments[:, 1]) / spread
    shear = 2 * moments[:, 2] / spread
    area = inside.sum(axis=(1, 2)) * (offsets[1] - offsets[0]) ** 2
    own = np.column_stack([intensity, area, stretch, shear, _zernike(patches, x, y, sites)])
    relative = own - np.median(own[around], axis=1)
    anisotropy = np.minimum(np.hypot(stretch, shear), 1)
    table = pd.DataFrame(
        {
            "x_px": positions[:, 0],
            "y_px": positions[:, 1],
            "sublattice": sites.sublattice,
            "empty": sites.empty,
            "intensity": intensity,
            "area_px2": area,
            "ellipticity": 1 - np.sqrt((1 - anisotropy) / (1 + anisotropy)),
            "orientation_deg": np.degrees(0.5 * np.arctan2(shear, stretch)),
        }
    )
    return relative, table


def neighbours_of(sites: Sites) -> np.ndarray:
    """Numbers (n, k) of the nearest atoms on the same sublattice as each site, without itself."""
    result = np.zeros((len(sites.positions), NEIGHBOURS), dtype=int)
    for which in np.unique(sites.sublattice):
        own = np.flatnonzero(sites.sublattice == which)
        full = np.flatnonzero((sites.sublattice == which) & ~sites.empty)
        if len(full) < 2:
            full = np.flatnonzero(~sites.empty)
        count = min(NEIGHBOURS + 1, len(full))
        found = cKDTree(sites.positions[full]).query(sites.positions[own], k=count)[1]
        found = full[found.reshape(len(own), -1)]
        for number, row in zip(own, found, strict=True):
            others = row[row != number][:NEIGHBOURS]
            result[number] = np.resize(others if len(others) else row, NEIGHBOURS)
    return result


def _second_moments(weights: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Central second moments (n, 3) xx, yy, xy of patches (n, w, w)."""
    total = weights.sum(axis=(1, 2))
    mean_x = (weights * x).sum(axis=(1, 2)) / total
    mean_y = (weights * y).sum(axis=(1, 2)) / total
    dx, dy = x - mean_x[:, None, None], y - mean_y[:, None, None]
    products = (dx * dx, dy * dy, dx * dy)
    return np.stack([(weights * p).sum(axis=(1, 2)) / total for p in products], axis=1)


def _zernike(patches: np.ndarray, x: np.ndarray, y: np.ndarray, sites: Sites) -> np.ndarray:
    """Zernike moments (n, k), real and imaginary parts, of patches (n, w, w) on the disc."""
    radius = np.hypot(x, y) / (DISC * sites.nearest)
    angle = np.arctan2(y, x)
    disc = radius <= 1
    columns = []
    for order, azimuth in MOMENTS:
        shape = radial(order, azimuth, radius) * disc
        for wave in (np.cos(azimuth * angle), np.sin(azimuth * angle))[: 2 if azimuth else 1]:
            columns.append(np.tensordot(patches, shape * wave, axes=2) / disc.sum())
    return np.stack(columns, axis=1)


def radial(order: int, azimuth: int, radius: np.ndarray) -> np.ndarray:
    """Radial part of a Zernike polynomial (Zernike 1934) for order ≥ azimuth ≥ 0 of one parity."""
    from math import factorial

    half_sum, half_difference = (order + azimuth) // 2, (order - azimuth) // 2
    return sum(
        (-1) ** k
        * factorial(order - k)
        / (factorial(k) * factorial(half_sum - k) * factorial(half_difference - k))
        * radius ** (order - 2 * k)
        for k in range(half_difference + 1)
    )
