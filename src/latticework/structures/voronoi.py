"""Random networks of three-coordinated atoms: the vertices of a periodic Voronoi tessellation.

A tessellation of well separated seeds consists mainly of hexagons, and each of its vertices joins
three cells (Madsen 2018, §3.1, Fig. 4). Lengths are in Å; the square box is periodic.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.spatial import Delaunay, Voronoi, cKDTree

from latticework.structures.thinning import hard_core

# A Voronoi cell depends on seeds this far outside the box, in units of its side, at most.
MARGIN = 0.25
ANGLE_STIFFNESS = 0.15  # of springs between second neighbours, over those of bonds


def poisson_disc(
    rng: np.random.Generator,
    box: float,
    count: int,
    separation: float,
    points: np.ndarray | None = None,
) -> np.ndarray:
    """Seeds (count, 2) in a periodic box, none nearer to another than `separation`.

    `points` (n, 2) are seeds that exist already; the voids between them are filled.

    Darts are thrown in batches. Where the box is full before `count` is reached, the separation
    shrinks by 3 %, so that the count, and with it the density, is exact.
    """
    points = np.empty((0, 2)) if points is None else points[:count]
    while len(points) < count:
        darts = rng.uniform(0, box, (4 * count, 2))
        if len(points):
            free = cKDTree(points, boxsize=box).query(darts)[0] >= separation
            darts = darts[free]
        keep = hard_core(darts, separation, box=box)
        if not keep.any():
            separation *= 0.97
        points = np.concatenate([points, darts[keep]])[:count]
    return points


def crystal_seeds(rng: np.random.Generator, box: float, grains: int, spacing: float) -> np.ndarray:
    """Ring centres (n, 2) of a polycrystal: perfect grains of random orientation.

    Grains are the periodic Voronoi cells of random points. Where two of them meet, also across
    the border of the box, centres nearer than 0.8 of the lattice constant `spacing` are merged.
    """
    middles = rng.uniform(0, box, (grains, 2))
    steps = np.arange(-int(1.5 * box / spacing), int(1.5 * box / spacing) + 1)
    i, j = np.meshgrid(steps, steps)
    lattice = spacing * np.column_stack([(i + 0.5 * j).ravel(), (np.sqrt(0.75) * j).ravel()])
    grown = []
    for grain in range(grains):
        angle = rng.uniform(0, np.pi / 3)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = lattice @ turn.T + rng.uniform(0, spacing, 2) + box / 2
        points = points[((points >= 0) & (points < box)).all(axis=1)]
        grown.append(points[cKDTree(middles, boxsize=box).query(points)[1] == grain])
    seeds = np.concatenate(grown)
    return seeds[hard_core(seeds, 0.8 * spacing, box=box)]


def _with_images(points: np.ndarray, box: float, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Points with their periodic images within `margin` of the box, and whose image each is."""
    shifts = box * np.array([(i, j) for i in (0, -1, 1) for j in (0, -1, 1)])
    images = (points[None] + shifts[:, None]).reshape(-1, 2)
    origin = np.tile(np.arange(len(points)), len(shifts))
    near = ((images > -margin) & (images < box + margin)).all(axis=1)
    near[: len(points)] = True
    return images[near], origin[near]


def lloyd(points: np.ndarray, box: float, steps: int) -> np.ndarray:
    """Move each seed to the centre of mass of its Voronoi cell, `steps` times (Lloyd 1982)."""
    for _ in range(steps):
        images, _ = _with_images(points, box, MARGIN * box)
        tessellation = Voronoi(images)
        ridges = np.asarray(tessellation.ridge_vertices)
        inner = (ridges >= 0).all(axis=1)
        ends = tessellation.vertices[ridges[inner]]
        sums = np.zeros((len(images), 3))
        # A cell is the union of the triangles that its seed forms with each of its edges.
        for seed in tessellation.ridge_points[inner].T:
            apex = images[seed]
            edge_a, edge_b = ends[:, 0] - apex, ends[:, 1] - apex
            area = 0.5 * np.abs(edge_a[:, 0] * edge_b[:, 1] - edge_a[:, 1] * edge_b[:, 0])
            centroid = (apex + ends[:, 0] + ends[:, 1]) / 3
            np.add.at(sums, seed, np.column_stack([area, area[:, None] * centroid]))
        points = (sums[: len(points), 1:] / sums[: len(points), :1]) % box
    return points


def voronoi_network(points: np.ndarray, box: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (n, 2) of the periodic Voronoi diagram of seeds, and its edges (3n/2, 2).

    A vertex is placed at the centroid of its Delaunay triangle rather than at its circumcentre:
    the same graph, without the very short edges. Raises ValueError where the seeds are too few.
    """
    images, origin = _with_images(points, box, MARGIN * box)
    triangles = Delaunay(images).simplices
    centroid = images[triangles].mean(axis=1)
    # One triangle of each set of periodic images: the one whose centroid is in the box.
    inside = ((centroid >= 0) & (centroid < box)).all(axis=1)
    keys = np.sort(origin[triangles], axis=1)
    lookup = {tuple(key): i for i, key in enumerate(keys[inside])}
    edges: dict[tuple[int, int], list[int]] = {}
    for i, key in enumerate(keys[inside]):
        for a, b in ((0, 1), (0, 2), (1, 2)):
            edges.setdefault((key[a], key[b]), []).append(i)
    if len(lookup) != 2 * len(points) or any(len(pair) != 2 for pair in edges.values()):
        raise ValueError("the seeds are too few for a periodic Voronoi network in this box")
    return centroid[inside], np.array(list(edges.values()))


def relax(
    positions: np.ndarray, bonds: np.ndarray, box: float, bond: float | np.ndarray
) -> np.ndarray:
    """Relax atoms (n, 2) on their bond graph: springs on bonds and on second neighbours.

    With the bond length b, one for all or one for each of the bonds (m, 2), the energy is
    Σ (r − b)² over the bonds plus `ANGLE_STIFFNESS` Σ (r − √3 b)² over pairs with a common
    neighbour (bonds at 120°; b is the mean of the two), minimised by L-BFGS in the fixed box.
    """
    lengths = np.broadcast_to(np.asarray(bond, dtype=float), len(bonds))
    neighbours: list[list[tuple[int, float]]] = [[] for _ in positions]
    for (a, b), length in zip(bonds, lengths, strict=True):
        neighbours[a].append((b, length))
        neighbours[b].append((a, length))
    corners = [
        (ring[i][0], ring[j][0], 0.5 * (ring[i][1] + ring[j][1]))
        for ring in neighbours
        for i in range(len(ring))
        for j in range(i)
    ]
    second = np.array([corner[:2] for corner in corners])
    between = np.array([corner[2] for corner in corners])
    pairs = np.concatenate([bonds, second])
    rest = np.concatenate([lengths, np.sqrt(3) * between])
    weight = np.concatenate([np.ones(len(bonds)), np.full(len(second), ANGLE_STIFFNESS)])

    def energy(flat: np.ndarray) -> tuple[float, np.ndarray]:
        current = flat.reshape(-1, 2)
        offset = current[pairs[:, 0]] - current[pairs[:, 1]]
        offset -= box * np.round(offset / box)
        length = np.maximum(np.hypot(*offset.T), 1e-9)
        stretch = length - rest
        pull = (2 * weight * stretch / length)[:, None] * offset
        gradient = np.empty_like(current)
        for axis in range(2):
            gradient[:, axis] = np.bincount(pairs[:, 0], pull[:, axis], len(current))
            gradient[:, axis] -= np.bincount(pairs[:, 1], pull[:, axis], len(current))
        return float((weight * stretch**2).sum()), gradient.ravel()

    result = minimize(
        energy, positions.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 300}
    )
    return result.x.reshape(-1, 2) % box
