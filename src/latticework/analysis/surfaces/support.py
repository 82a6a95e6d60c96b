"""Sites of an image held against its lattice: which are missing, and which do not belong to it.

Whatever sits in the cell of a lattice sits in all cells: where a site is, there should be one a
lattice vector away. Sites are compared with their own neighbours, so that a scan that drifts, or a
lattice that bends, does no harm; a motif need not be known.
"""

from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

VOTES = 3  # neighbours a lattice vector away that agree on a missing site
LEAST = 2  # of the neighbours of a site that have to be there


@dataclass(frozen=True)
class Support:
    """Sites against a lattice.

    Parameters
    ----------
    supported
        bool (n,), whether at least two sites lie a lattice vector away.
    missing
        (m, 2) px, where sites should be by at least three others and are not.
    vectors
        (2, 2) px, the rows a and b of the lattice as the mean way from a site to the next one. The
        spectrum's where no two sites are one of them apart.
    """

    supported: np.ndarray
    missing: np.ndarray
    vectors: np.ndarray

    @property
    def completeness(self) -> float:
        """Share of the sites of the lattice that were found."""
        found = int(self.supported.sum())
        return found / max(found + len(self.missing), 1)

    @property
    def purity(self) -> float:
        """Share of what was found that belongs to the lattice."""
        return float(self.supported.mean()) if len(self.supported) else 0.0


def translational_support(
    sites: np.ndarray, vectors: np.ndarray, shape: tuple[int, int], radius: float
) -> Support:
    """Which sites (n, 2) of an image of `shape` (ny, nx) have others a lattice vector away.

    Parameters
    ----------
    vectors
        (2, 2), the rows a and b of the lattice; px, as all lengths.
    radius
        A site this near to where another one predicts it is the predicted one.
    """
    sites = np.asarray(sites, dtype=float).reshape(-1, 2)
    if len(sites) < 3:
        return Support(np.zeros(len(sites), bool), np.zeros((0, 2)), vectors)
    a, b = vectors
    # Of a reduced cell, 90° to 120°: all six shortest translations, or the four of a square.
    steps = np.array([a, -a, b, -b, a + b, -a - b])
    tree = cKDTree(sites)
    predicted = (sites[:, None] + steps).reshape(-1, 2)
    distance, partner = tree.query(predicted)
    near = distance < radius
    partners = np.zeros(len(sites), int)
    # A site that two others predict counts each of them once.
    np.add.at(partners, np.repeat(np.arange(len(sites)), len(steps))[near], 1)
    supported = partners >= LEAST
    ny, nx = shape
    inside = ((predicted >= radius) & (predicted <= np.array([nx, ny]) - 1 - radius)).all(axis=1)
    believed = np.repeat(supported, len(steps))
    empty = predicted[inside & believed & ~near]
    ways = (sites[partner] - np.repeat(sites, len(steps), axis=0)).reshape(-1, len(steps), 2)
    joined = near.reshape(-1, len(steps))
    own = [ways[joined[:, k], k].mean(axis=0) if joined[:, k].any() else steps[k] for k in (0, 2)]
    return Support(supported, _agreed(empty, radius), np.array(own))


def _agreed(points: np.ndarray, radius: float) -> np.ndarray:
    """Centres (m, 2) of groups of at least `VOTES` points (n, 2) that lie together."""
    if len(points) < VOTES:
        return np.zeros((0, 2))
    # Only points with company: the tree of all distances would be too large.
    close = cKDTree(points).query_ball_point(points, radius, return_length=True)
    points = points[close >= VOTES]
    if len(points) < VOTES:
        return np.zeros((0, 2))
    tree = cKDTree(points)
    group = _connected(tree, radius)
    centres = []
    for number in np.unique(group):
        own = points[group == number]
        if len(own) < VOTES:
            continue
        parts = fcluster(linkage(own, "average"), radius, "distance") if len(own) > 8 else None
        pieces = [own] if parts is None else [own[parts == k] for k in np.unique(parts)]
        centres += [piece.mean(axis=0) for piece in pieces if len(piece) >= VOTES]
    return np.array(centres).reshape(-1, 2)


def _connected(tree: cKDTree, radius: float) -> np.ndarray:
    """Number of the connected group (n,) of each point, links up to `radius`."""
    pairs = tree.query_pairs(radius, output_type="ndarray")
    size = tree.n
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
    return connected_components(links, directed=False)[1]
