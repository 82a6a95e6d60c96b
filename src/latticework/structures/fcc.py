"""Particles of face-centred cubic metals on their lattice (Madsen 2018, §4.1, Fig. 8).

A lattice site is three integers (i, j, k) with an even sum, in units of half a lattice constant:
neighbours, layers and columns are then exact, whatever the rotation. Lengths are in Å.
"""

from collections.abc import Mapping
from itertools import product

import numpy as np

MARGIN = 2.0  # of empty space along the beam, before and behind a particle
NEIGHBOURS = np.array([v for v in product((-1, 0, 1), repeat=3) if np.abs(v).sum() == 2])
FACETS = {
    family: np.array([v for v in product((-1, 0, 1), repeat=3) if np.abs(v).sum() == nonzero])
    for family, nonzero in (("100", 1), ("110", 2), ("111", 3))
}
# Layers along ⟨100⟩, ⟨110⟩ and ⟨111⟩ are this far apart, in lattice constants.
LAYER_SPACINGS = {"100": 1 / 2, "110": 1 / np.sqrt(8), "111": 1 / np.sqrt(3)}
# Rows: two directions in the image and the zone axis; columns along the axis are the sites that
# agree in the two integers of COLUMN_KEYS.
ZONE_AXES = {
    "100": np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    "110": np.array([[1, -1, 0], [0, 0, -2], [1, 1, 0]]),
    "111": np.array([[1, -1, 0], [1, 1, -2], [1, 1, 1]]),
}
COLUMN_KEYS = {
    "100": np.array([[0, 1, 0], [0, 0, 1]]),
    "110": np.array([[1, -1, 0], [0, 0, 1]]),
    "111": np.array([[1, -1, 0], [0, 1, -1]]),
}


def fcc_sites(reach: int) -> np.ndarray:
    """Sites (n, 3) of an fcc lattice with every index from −reach to reach."""
    index = np.arange(-reach, reach + 1)
    sites = np.stack(np.meshgrid(index, index, index, indexing="ij"), axis=-1).reshape(-1, 3)
    return sites[sites.sum(axis=1) % 2 == 0]


def layers(sites: np.ndarray, facet: np.ndarray) -> np.ndarray:
    """Number of the atomic layer of sites (n, 3) along a facet's normal, 0 through the origin."""
    along = sites @ facet
    # Of {111} every other plane of integers is empty.
    return along // 2 if np.abs(facet).sum() == 3 else along


def cut(
    rng: np.random.Generator,
    radius: float,
    facets: Mapping[str, tuple[float, float]],
    lattice_constant: float,
) -> np.ndarray:
    """Sites (n, 3) of a particle with a random number of layers in each low-index direction.

    Parameters
    ----------
    rng
        Every facet of the 26 draws its own number of layers from it.
    radius
        Å.
    facets
        For each family, "100", "110" and "111", the range of a facet's distance from the centre
        over the radius.
    lattice_constant
        Å.
    """
    furthest = max(high for _, high in facets.values())
    sites = fcc_sites(int(np.ceil(1.8 * furthest * radius / lattice_constant * 2)))
    for family, (low, high) in facets.items():
        spacing = lattice_constant * LAYER_SPACINGS[family]
        for facet in FACETS[family]:
            count = round(rng.uniform(low, high) * radius / spacing)
            sites = sites[layers(sites, facet) <= count]
    return sites


def placement_probabilities(coordination: np.ndarray, temperature: float) -> np.ndarray:
    """Probability of each vacant site to get the next atom (Madsen 2018, eq. 9).

    coordination: (n,) occupied neighbours; sites without any get none. temperature: T of eq. 9.
    """
    weights = np.exp((coordination - coordination.max(initial=0)) / temperature)
    weights = np.where(coordination > 0, weights, 0)
    return weights / weights.sum()


def roughen(
    rng: np.random.Generator, sites: np.ndarray, count: int, temperature: float
) -> np.ndarray:
    """Sites with `count` atoms added one after the other by eq. 9 (Madsen 2018)."""
    # Every added atom may lie one site further out than the last.
    reach = int(np.abs(sites).max()) + 2 + round(count**0.5)
    shape = (2 * reach + 1,) * 3
    occupied = np.zeros(shape, bool)
    coordination = np.zeros(shape, np.int8)
    steps = np.ravel_multi_index(tuple((NEIGHBOURS + reach).T), shape) - np.ravel_multi_index(
        (reach,) * 3, shape
    )
    occupied.ravel()[np.ravel_multi_index(tuple((sites + reach).T), shape)] = True
    flat_occupied, flat_coordination = occupied.ravel(), coordination.ravel()
    np.add.at(flat_coordination, np.flatnonzero(flat_occupied)[:, None] + steps, 1)
    candidates = np.flatnonzero((flat_coordination > 0) & ~flat_occupied)
    for _ in range(count):
        odds = np.cumsum(placement_probabilities(flat_coordination[candidates], temperature))
        chosen = candidates[min(np.searchsorted(odds, rng.random()), len(candidates) - 1)]
        flat_occupied[chosen] = True
        around = chosen + steps
        new = around[(flat_coordination[around] == 0) & ~flat_occupied[around]]
        flat_coordination[around] += 1
        candidates = np.concatenate([candidates[candidates != chosen], new])
    return np.argwhere(occupied) - reach


def columns(sites: np.ndarray, zone_axis: str) -> np.ndarray:
    """Number (n,) of the atomic column along a zone axis to which each site belongs, from 0."""
    keys = sites @ COLUMN_KEYS[zone_axis].T
    return np.unique(keys, axis=0, return_inverse=True)[1].ravel()


def shortened(sites: np.ndarray, zone_axis: str, tallest: int) -> np.ndarray:
    """Sites without those at the far end of columns of more than `tallest` atoms."""
    column = columns(sites, zone_axis)
    depth = sites @ ZONE_AXES[zone_axis][2]
    order = np.lexsort((depth, column))
    first = np.searchsorted(column[order], column[order])
    rank = np.empty(len(sites), int)
    rank[order] = np.arange(len(sites)) - first
    return sites[rank < tallest]


def oriented(sites: np.ndarray, zone_axis: str, lattice_constant: float) -> np.ndarray:
    """Positions (n, 3) in Å of sites, the zone axis along z."""
    axes = ZONE_AXES[zone_axis] / np.linalg.norm(ZONE_AXES[zone_axis], axis=1, keepdims=True)
    return sites @ axes.T * (lattice_constant / 2)
