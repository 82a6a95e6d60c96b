"""Quasi-random graphene: Voronoi sheets with holes and contamination (Madsen 2018, §3.1, Fig. 4).

A Voronoi tessellation of well separated seeds consists mainly of hexagons, and each of its
vertices joins three cells: its vertices are a random sheet of three-coordinated carbon.
All lengths are in Å; the sheet is periodic in x and y.
"""

from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy.optimize import minimize
from scipy.spatial import Delaunay, Voronoi, cKDTree

BOND = 1.42
PRISTINE_DENSITY = 4 / (3 * np.sqrt(3) * BOND**2)  # atoms per Å²


@dataclass(frozen=True)
class Outline:
    """A smooth closed curve r(θ) = radius (1 + Σ a_n cos(nθ + φ_n)) about a centre, in Å."""

    centre: np.ndarray
    radius: float
    amplitudes: np.ndarray
    phases: np.ndarray

    def depth(self, points: np.ndarray, box: float) -> np.ndarray:
        """Relative depth of points (n, 2): 1 at the centre, 0 on the curve, negative outside."""
        offset = (points - self.centre + box / 2) % box - box / 2
        angle = np.arctan2(offset[:, 1], offset[:, 0])[:, None]
        order = np.arange(2, 2 + len(self.amplitudes))
        radius = self.radius * (
            1 + (self.amplitudes * np.cos(order * angle + self.phases)).sum(axis=1)
        )
        return 1 - np.hypot(*offset.T) / radius


def random_outline(rng: np.random.Generator, box: float, radius: tuple[float, float]) -> Outline:
    """A random outline anywhere in the box, its mean radius uniform in the given range."""
    return Outline(
        centre=rng.uniform(0, box, 2),
        radius=rng.uniform(*radius),
        amplitudes=rng.normal(0, 0.12, 4),
        phases=rng.uniform(0, 2 * np.pi, 4),
    )


def poisson_disc(
    rng: np.random.Generator,
    box: float,
    count: int,
    separation: float,
    points: np.ndarray | None = None,
) -> np.ndarray:
    """Seeds (count, 2) in a periodic box, none nearer to another than `separation`.

    `points` (n, 2), where given, are there already, and their voids are filled.

    Dart throwing in batches; where the box is full before `count` is reached, the
    separation shrinks by 3 %, so that the count, hence the density, is exact.
    """
    points = np.empty((0, 2)) if points is None else points[:count]
    while len(points) < count:
        darts = rng.uniform(0, box, (4 * count, 2))
        if len(points):
            free = cKDTree(points, boxsize=box).query(darts)[0] >= separation
            darts = darts[free]
        keep = np.ones(len(darts), bool)
        pairs = cKDTree(darts, boxsize=box).query_pairs(separation, output_type="ndarray")
        for first, second in pairs[np.lexsort(pairs.T[::-1])] if len(pairs) else ():
            if keep[first]:
                keep[second] = False
        if not keep.any():
            separation *= 0.97
        points = np.concatenate([points, darts[keep]])[:count]
    return points


def crystal_seeds(rng: np.random.Generator, box: float, grains: int) -> np.ndarray:
    """Ring centres (n, 2) of a polycrystal: pristine grains of random orientation, Å.

    Grains are the periodic Voronoi cells of random points; where two of them meet, also across
    the border of the box, centres nearer than 0.8 of the lattice constant are merged into one.
    """
    spacing = np.sqrt(3) * BOND
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
    keep = np.ones(len(seeds), bool)
    pairs = cKDTree(seeds, boxsize=box).query_pairs(0.8 * spacing, output_type="ndarray")
    for first, second in pairs[np.lexsort(pairs.T[::-1])]:
        if keep[first]:
            keep[second] = False
    return seeds[keep]


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
        images, _ = _with_images(points, box, margin=0.25 * box)
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

    A vertex is placed at the centroid of its Delaunay triangle rather than its circumcentre:
    the same graph, without the very short edges.
    """
    images, origin = _with_images(points, box, margin=0.25 * box)
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
    positions: np.ndarray, bonds: np.ndarray, box: float, angle_stiffness: float = 0.15
) -> np.ndarray:
    """Relax atoms (n, 2) on their bond graph: springs on bonds and on second neighbours.

    The energy is Σ (r − 1.42 Å)² over bonds plus `angle_stiffness` Σ (r − √3·1.42 Å)² over
    pairs with a common neighbour (bonds at 120°), minimised by L-BFGS in the fixed box.
    """
    neighbours: list[list[int]] = [[] for _ in positions]
    for a, b in bonds:
        neighbours[a].append(b)
        neighbours[b].append(a)
    second = np.array(
        [(ring[i], ring[j]) for ring in neighbours for i in range(len(ring)) for j in range(i)]
    )
    pairs = np.concatenate([bonds, second])
    rest = np.concatenate([np.full(len(bonds), BOND), np.full(len(second), np.sqrt(3) * BOND)])
    weight = np.concatenate([np.ones(len(bonds)), np.full(len(second), angle_stiffness)])

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


def prune(bonds: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Drop, until none is left, kept atoms with fewer than two kept neighbours."""
    keep = keep.copy()
    while True:
        alive = bonds[keep[bonds].all(axis=1)]
        dangling = keep & (np.bincount(alive.ravel(), minlength=len(keep)) < 2)
        if not dangling.any():
            return keep
        keep &= ~dangling


def amorphous_patch(
    rng: np.random.Generator,
    box: float,
    outline: Outline,
    thickness: float,
    density: float,
    profile: float,
) -> np.ndarray:
    """Random carbon (n, 3) over an outline, z from 2.5 Å, thickest in the middle.

    Its height is thickness · depth^profile: a dome with a profile of 0.5, steep-sided with one
    near 0. Random sequential addition with a hard core of 1.3 Å; `density` in atoms per Å³.
    """
    side = 2 * outline.radius * (1 + 2 * np.abs(outline.amplitudes).sum())
    # Random sequential addition loses darts to the hard core: about a third at these densities.
    count = rng.poisson(1.5 * density * side**2 * thickness)
    darts = rng.uniform(-0.5, 0.5, (count, 3)) * (side, side, 0)
    darts[:, :2] += outline.centre
    darts[:, 2] = rng.uniform(0, thickness, count)
    depth = np.clip(outline.depth(darts[:, :2], box), 0, 1)
    darts = darts[(depth > 0) & (darts[:, 2] < thickness * depth**profile)]
    keep = np.ones(len(darts), bool)
    pairs = cKDTree(darts).query_pairs(1.3, output_type="ndarray")
    for first, second in pairs[np.lexsort(pairs.T[::-1])] if len(pairs) else ():
        if keep[first]:
            keep[second] = False
    patch = darts[keep] + (0, 0, 2.5)
    patch[:, :2] %= box
    return patch


@dataclass(frozen=True)
class Stages:
    """A sheet on its way from seeds to holes (Madsen 2018, Fig. 4); lengths in Å, periodic.

    `bonds` (3n/2, 2) join `vertices` (n, 2) of the Voronoi network as well as `positions` (n, 2),
    the same atoms after relaxation; `keep` (n,) is False for atoms that `holes` removed.
    """

    seeds: np.ndarray
    moved_seeds: np.ndarray
    vertices: np.ndarray
    bonds: np.ndarray
    positions: np.ndarray
    holes: list[Outline]
    keep: np.ndarray


def stages(
    rng: np.random.Generator,
    *,
    box: float,
    density: float,
    seed_separation: float,
    crystalline: float,
    grains: tuple[int, int],
    lloyd_steps: tuple[int, int],
    holes: tuple[int, int],
    hole_radius: tuple[float, float],
) -> Stages:
    """Seeds → Lloyd's algorithm → Voronoi network → relaxed bonds → holes: see `graphene`."""
    count = round(density * box**2 / 2)
    # No draw where there is no choice.
    if crystalline and rng.random() < crystalline:
        grown = crystal_seeds(rng, box, int(rng.integers(grains[0], grains[1] + 1)))
        seeds = poisson_disc(rng, box, count, seed_separation, grown)
    else:
        seeds = poisson_disc(rng, box, count, seed_separation)
    moved = lloyd(seeds, box, int(rng.integers(lloyd_steps[0], lloyd_steps[1] + 1)))
    vertices, bonds = voronoi_network(moved, box)
    positions = relax(vertices, bonds, box)

    outlines = [
        random_outline(rng, box, hole_radius) for _ in range(rng.integers(holes[0], holes[1] + 1))
    ]
    keep = np.ones(len(positions), bool)
    for outline in outlines:
        keep &= outline.depth(positions, box) < 0
    return Stages(seeds, moved, vertices, bonds, positions, outlines, prune(bonds, keep))


def graphene(
    rng: np.random.Generator,
    *,
    box: float = 43.2,
    density: float = 0.381,
    seed_separation: float = 1.9,
    crystalline: float = 0.0,
    grains: tuple[int, int] = (1, 3),
    lloyd_steps: tuple[int, int] = (3, 8),
    holes: tuple[int, int] = (0, 4),
    hole_radius: tuple[float, float] = (2.0, 7.0),
    contamination: tuple[int, int] = (0, 0),
    contamination_radius: tuple[float, float] = (4.0, 14.0),
    contamination_thickness: tuple[float, float] = (3.0, 20.0),
    contamination_density: float = 0.075,
    contamination_profile: tuple[float, float] = (0.05, 0.5),
    contamination_margin: float = 2.5,
    disorder: float = 0.03,
) -> Atoms:
    """One quasi-random sheet of graphene (Madsen 2018, §3.1, Fig. 4).

    Poisson-disc seeds → Lloyd's algorithm → Voronoi network → relaxed bonds → holes, and, which
    the paper does not have, patches of amorphous carbon, so that the network learns to stay
    silent where a real sheet is covered.

    Parameters
    ----------
    rng
        The structure's own random stream.
    box
        Side of the periodic square, Å.
    density
        Atoms per Å² before holes; pristine graphene has 0.382.
    seed_separation
        Poisson-disc radius, Å.
    crystalline
        Probability of a polycrystal of pristine grains instead of a quasi-random sheet. The paper
        has none; a network that never saw a perfect lattice may misread one.
    grains, lloyd_steps, holes, contamination
        Inclusive ranges of integers, drawn uniformly.
    hole_radius, contamination_radius, contamination_thickness
        Uniform ranges, Å.
    contamination_density
        Atoms per Å³.
    contamination_profile
        Uniform range of the exponent of `amorphous_patch`: steep sides to domes.
    contamination_margin
        Å. A sheet atom is hidden where contaminating carbon lies nearer to it than this in
        projection.
    disorder
        Standard deviation of a random displacement of each atom per axis, in the plane and out
        of it, Å: positions that no relaxed network has, so that none is learned by heart.

    Returns
    -------
    ase.Atoms
        With the boolean array `visible`: a sheet atom that no contamination covers. Only
        visible atoms are labels. `info["pristine_area"]` is the area outside holes in Å².
    """
    made = stages(
        rng,
        box=box,
        density=density,
        seed_separation=seed_separation,
        crystalline=crystalline,
        grains=grains,
        lloyd_steps=lloyd_steps,
        holes=holes,
        hole_radius=hole_radius,
    )
    sheet = np.pad(made.positions[made.keep], ((0, 0), (0, 1)))
    sheet += rng.normal(0, disorder, sheet.shape)
    sheet[:, :2] %= box

    patches = []
    for _ in range(rng.integers(contamination[0], contamination[1] + 1)):
        outline = random_outline(rng, box, contamination_radius)
        thickness = rng.uniform(*contamination_thickness)
        profile = rng.uniform(*contamination_profile)
        patches.append(
            amorphous_patch(rng, box, outline, thickness, contamination_density, profile)
        )
    dirt = np.concatenate([np.empty((0, 3)), *patches])
    visible = np.ones(len(sheet), bool)
    if len(dirt):
        nearest = cKDTree(dirt[:, :2], boxsize=box).query(sheet[:, :2])[0]
        visible = nearest >= contamination_margin
    carbon = np.concatenate([sheet, dirt])
    carbon[:, 2] -= carbon[:, 2].min() - 2.0
    atoms = Atoms(
        f"C{len(carbon)}",
        positions=carbon,
        cell=(box, box, carbon[:, 2].max() + 2.0),
        pbc=(True, True, False),
    )
    atoms.new_array("visible", np.concatenate([visible, np.zeros(len(carbon) - len(sheet), bool)]))
    atoms.new_array("sheet", np.arange(len(carbon)) < len(sheet))
    grid = np.stack(np.meshgrid(*2 * [np.arange(0.25, box, 0.5)]), axis=-1).reshape(-1, 2)
    in_hole = np.zeros(len(grid), bool)
    for outline in made.holes:
        in_hole |= outline.depth(grid, box) > 0
    atoms.info["pristine_area"] = float((~in_hole).mean() * box**2)
    return atoms
