"""Sites of a layer with the indices that they have in its lattice, through drift and distortion.

A site is held against its own neighbours only: where one is, the next is a lattice vector away,
give or take what a scan distorts over one spacing. So indices go over from neighbour to neighbour,
and a lattice that bends in the image is as good as a straight one.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.spatial import cKDTree

RADIUS = 0.3  # of the spacing: how far a site may be from where its neighbour says


@dataclass(frozen=True)
class SiteLattice:
    """Sites on a lattice.

    Parameters
    ----------
    vectors
        (2, 2), rows a and b; px, as all lengths.
    indices
        (n, 2) integers; those of different groups have nothing to do with each other.
    group
        (n,), which sites hang together, 0 the largest group; −1 for a site without neighbours.
    pairs
        (pairs, 2), neighbours.
    """

    vectors: np.ndarray
    indices: np.ndarray
    group: np.ndarray
    pairs: np.ndarray

    @property
    def spacing(self) -> float:
        """Distance of neighbours."""
        return float(np.linalg.norm(self.vectors, axis=1).mean())

    @property
    def hexagonal(self) -> bool:
        """Whether a site has six neighbours, and not four."""
        return len(steps_of(self.vectors)) > 4

    def single(self, group: int) -> np.ndarray:
        """Numbers of the sites of a group, one for each place of the lattice."""
        own = np.flatnonzero(self.group == group)
        return own[np.unique(self.indices[own], axis=0, return_index=True)[1]]

    def pairs_of(self, chosen: np.ndarray) -> np.ndarray:
        """Neighbours (pairs, 2) among `chosen` sites, as numbers in that list."""
        number = np.full(len(self.indices), -1)
        number[chosen] = np.arange(len(chosen))
        pairs = number[self.pairs]
        return pairs[(pairs >= 0).all(axis=1)]


def neighbour_vectors(positions: np.ndarray, cutoff: float, coordination: int) -> np.ndarray | None:
    """Vectors (2, 2) of the lattice whose sites (n, 2) have `coordination` (4 or 6) neighbours.

    From the distances of sites nearer than `cutoff`, whose directions repeat after 90° or 60°. None
    where there are too few.
    """
    pairs = cKDTree(positions).query_pairs(cutoff, output_type="ndarray")
    if len(pairs) < coordination:
        return None
    edges = positions[pairs[:, 1]] - positions[pairs[:, 0]]
    # From −180° to 180° each of them once, as their opposites are edges as well.
    angles = np.arctan2(edges[:, 1], edges[:, 0])
    first = np.angle(np.exp(1j * coordination * angles).mean()) / coordination
    step, vectors = 2 * np.pi / coordination, []
    for number in (0, 1 if coordination == 4 else 2):
        off = (angles - first - number * step + np.pi / 2) % np.pi - np.pi / 2
        own = np.abs(off) < step / 2
        if not own.any():
            return None
        direction = np.array([np.cos(first + number * step), np.sin(first + number * step)])
        forward = edges[own] * np.sign(edges[own] @ direction)[:, None]
        vectors.append(np.median(forward, axis=0))
    return np.array(vectors)


def steps_of(vectors: np.ndarray) -> np.ndarray:
    """Translations (4 or 6, 2), in indices, to the nearest sites of a reduced cell, 90° to 120°."""
    square = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    a, b = vectors
    # Of a square lattice the diagonals are no neighbours.
    diagonal = np.linalg.norm(a + b)
    if diagonal > 1.25 * np.linalg.norm(vectors, axis=1).mean():
        return square
    return np.concatenate([square, [[1, 1], [-1, -1]]])


def on_lattice(positions: np.ndarray, vectors: np.ndarray) -> SiteLattice:
    """Sites (n, 2) with their indices in the lattice of `vectors` (2, 2)."""
    positions = np.asarray(positions, dtype=float).reshape(-1, 2)
    count = len(positions)
    steps = steps_of(vectors)
    radius = RADIUS * float(np.linalg.norm(vectors, axis=1).mean())
    source, target, taken = [np.zeros(0, int)], [np.zeros(0, int)], [np.zeros((0, 2), int)]
    if count:
        tree = cKDTree(positions)
        for step in steps:
            distance, nearest = tree.query(positions + step @ vectors)
            near = np.flatnonzero(distance < radius)
            source.append(near)
            target.append(nearest[near])
            taken.append(np.repeat(step[None], len(near), axis=0))
    source, target, taken = (np.concatenate(part) for part in (source, target, taken))
    links = coo_array((np.ones(len(source)), (source, target)), shape=(count, count)).tocsr()
    _, found = connected_components(links, directed=False)
    group = _by_size(found)
    indices = np.zeros((count, 2), int)
    step_of = {(i, j): step for i, j, step in zip(source, target, taken, strict=True)}
    for number in range(group.max(initial=-1) + 1):
        start = int(np.flatnonzero(group == number)[0])
        order, before = breadth_first_order(links + links.T, start, directed=False)
        for site in order[1:]:
            parent = before[site]
            step = step_of.get((parent, site))
            step = step if step is not None else -step_of[(site, parent)]
            indices[site] = indices[parent] + step
    pairs = np.unique(np.sort(np.column_stack([source, target]), axis=1), axis=0)
    return SiteLattice(np.asarray(vectors), indices, group, pairs)


def _by_size(components: np.ndarray) -> np.ndarray:
    """Components (n,) numbered by size, the largest 0; −1 for those of one site."""
    if len(components) == 0:
        return components.astype(int)
    count = np.bincount(components)
    rank = np.empty(len(count), int)
    rank[np.argsort(-count, kind="stable")] = np.arange(len(count))
    return np.where(count[components] > 1, rank[components], -1)


def missing_sites(
    positions: np.ndarray, lattice: SiteLattice, shape: tuple[int, int], votes: int = 3
) -> np.ndarray:
    """Places (m, 2) in an image (ny, nx) px where a lattice site is empty: at least `votes` of its
    neighbours are there, and it is not."""
    found, index = [], lattice.indices
    ny, nx = shape
    for number in range(lattice.group.max(initial=-1) + 1):
        own = np.flatnonzero(lattice.group == number)
        taken = {tuple(at) for at in index[own]}
        said: dict[tuple[int, int], list[np.ndarray]] = {}
        for site in own:
            for step in steps_of(lattice.vectors):
                at = tuple(index[site] + step)
                if at not in taken:
                    said.setdefault(at, []).append(positions[site] + step @ lattice.vectors)
        found += [np.mean(places, axis=0) for places in said.values() if len(places) >= votes]
    places = np.array(found).reshape(-1, 2)
    half = lattice.spacing / 2
    inside = ((places >= half) & (places <= np.array([nx, ny]) - 1 - half)).all(axis=1)
    places = places[inside]
    if len(positions) and len(places):
        # A site that is there, but belongs to no group, is not missing.
        places = places[cKDTree(positions).query(places)[0] > RADIUS * lattice.spacing]
    return places
