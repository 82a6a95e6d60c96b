"""Gold nanoparticles: cut from fcc, roughened, tilted off a zone axis (Madsen 2018, §4.1, Fig. 8).

A lattice site is three integers (i, j, k) with an even sum, in units of half a lattice constant:
neighbours, layers and columns are then exact, whatever the rotation. Lengths are in Å.
"""

from itertools import product

import numpy as np
from ase import Atoms
from ase.build import bulk
from scipy.spatial import cKDTree

from latticework.materials import CERIA_LATTICE_CONSTANT
from latticework.materials import GOLD_LATTICE_CONSTANT as LATTICE_CONSTANT

# Ce and O of a support are no nearer to gold than this.
CONTACT = 2.6
# Degrees RMS by which the planes of a support are off the beam.
SUPPORT_LEAN = 2.0
MARGIN = 2.0

NEIGHBOURS = np.array([v for v in product((-1, 0, 1), repeat=3) if np.abs(v).sum() == 2])
FACETS = {
    family: np.array([v for v in product((-1, 0, 1), repeat=3) if np.abs(v).sum() == nonzero])
    for family, nonzero in (("100", 1), ("110", 2), ("111", 3))
}
# Rows: two directions in the picture and the zone axis; columns along the axis are the sites that
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

# How near neighbouring columns are, Å, and how many of them a column inside a particle has.
COLUMN_NEIGHBOURS = {"100": (2.3, 4), "110": (3.2, 6), "111": (1.9, 6)}


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


def layer_spacing(family: str) -> float:
    """Distance of neighbouring atomic layers along ⟨100⟩, ⟨110⟩ or ⟨111⟩, Å."""
    return LATTICE_CONSTANT * {"100": 1 / 2, "110": 1 / np.sqrt(8), "111": 1 / np.sqrt(3)}[family]


def cut(
    rng: np.random.Generator, radius: float, facets: dict[str, tuple[float, float]]
) -> np.ndarray:
    """Sites (n, 3) of a particle with a random number of layers in each low-index direction.

    radius: Å. facets: for each family, the range of a facet's distance from the centre over the
    radius; every facet of the 26 draws its own.
    """
    furthest = max(high for _, high in facets.values())
    sites = fcc_sites(int(np.ceil(1.8 * furthest * radius / LATTICE_CONSTANT * 2)))
    for family, (low, high) in facets.items():
        for facet in FACETS[family]:
            count = round(rng.uniform(low, high) * radius / layer_spacing(family))
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


def rotation(axis: np.ndarray, angle: float) -> np.ndarray:
    """Matrix (3, 3) that turns vectors by `angle` rad about an axis (Rodrigues)."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def oriented(sites: np.ndarray, zone_axis: str) -> np.ndarray:
    """Positions (n, 3) in Å of sites, the zone axis along z."""
    axes = ZONE_AXES[zone_axis] / np.linalg.norm(ZONE_AXES[zone_axis], axis=1, keepdims=True)
    return sites @ axes.T * (LATTICE_CONSTANT / 2)


def ceria(
    rng: np.random.Generator,
    box: float,
    thickness: tuple[float, float],
    overlap: tuple[float, float],
) -> Atoms:
    """A CeO2 crystal that fills a part of the box, or all of it, seen along its {111} planes.

    The (111) normal lies in the picture to within a few degrees, so that the 3.12 Å fringes show;
    the crystal is turned at random about it. It ends at a straight edge.

    thickness: range along the beam, Å. overlap: range of the edge's distance beyond the centre of
    the box, Å; beyond box/√2 there is no edge. The crystal is centred at the origin.
    """
    extent = box / np.sqrt(2) + thickness[1]
    unit = bulk("CeO2", crystalstructure="fluorite", a=CERIA_LATTICE_CONSTANT, cubic=True)
    repeats = 2 * int(np.ceil(extent / CERIA_LATTICE_CONSTANT)) + 1
    crystal = unit.repeat((repeats,) * 3)
    positions = crystal.positions - crystal.positions.mean(axis=0)
    # (111) along x, then a random turn about it, then a random direction of it in the picture.
    frame = np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]], float)
    frame /= np.linalg.norm(frame, axis=1, keepdims=True)
    turn = rotation(np.array([1.0, 0, 0]), rng.uniform(0, 2 * np.pi))
    lean = rotation(np.array([0, 1.0, 0]), np.deg2rad(rng.normal(0, SUPPORT_LEAN)))
    direction = rng.uniform(0, 2 * np.pi)
    positions = positions @ frame.T @ turn.T @ lean.T
    positions = positions @ rotation(np.array([0, 0, 1.0]), direction).T
    edge = direction + rng.uniform(-np.pi / 3, np.pi / 3)
    outward = np.array([np.cos(edge), np.sin(edge)])
    inside = np.abs(positions[:, 2]) < rng.uniform(*thickness) / 2
    inside &= positions[:, :2] @ outward < rng.uniform(*overlap)
    # Half a bond is left free at the periodic border, where the crystal does not fit to itself.
    inside &= (np.abs(positions[:, :2]) < box / 2 - 0.6).all(axis=1)
    return Atoms(crystal.numbers[inside], positions=positions[inside])


def nanoparticle(
    rng: np.random.Generator,
    *,
    box: float = 42.4,
    radius: tuple[float, float] = (5.0, 14.0),
    facets_100: tuple[float, float] = (1.0, 1.2),
    facets_110: tuple[float, float] = (0.9, 1.1),
    facets_111: tuple[float, float] = (0.8, 1.0),
    added: tuple[float, float] = (0.0, 0.25),
    temperature: tuple[float, float] = (0.3, 3.0),
    zone_axes: tuple[str, ...] = ("110", "111"),
    tilt: tuple[float, float] = (0.0, 5.0),
    aligned: float = 0.0,
    tallest: int = 99,
    classes: str = "column",
    disorder: float = 0.05,
    support: float = 0.0,
    support_thickness: tuple[float, float] = (5.0, 40.0),
    support_overlap: tuple[float, float] = (-12.0, 34.0),
) -> Atoms:
    """One gold particle near a zone axis (Madsen 2018, §4.1).

    Cut → roughened → columns and their heights counted → turned about the zone axis at random →
    tilted → optionally on CeO2.

    Parameters
    ----------
    rng
        The structure's own random stream.
    box
        Side of the square in the picture, Å. The particle is centred in it.
    radius
        Uniform range of the size from which the facets' distances are drawn, Å.
    facets_100, facets_110, facets_111
        Ranges of a facet's distance over the radius.
    added
        Range of the atoms that roughening adds, as a fraction of those cut.
    temperature
        T of eq. 9, one a particle, uniform in its logarithm.
    zone_axes
        Of which one is drawn: "110", "111", "100".
    tilt
        Range of the angle off the zone axis in degrees, in a random direction.
    aligned
        Probability of no tilt at all.
    tallest
        Atoms beyond this number are taken off a column's far end.
    classes
        "column": every column is of class 1; "height": its class is its number of atoms.
    disorder
        Standard deviation of a random displacement of each column in the picture, Å.
    support
        Probability of a CeO2 crystal.
    support_thickness, support_overlap
        Its thickness along the beam and how far it reaches beyond the particle's centre, Å.

    Returns
    -------
    ase.Atoms
        With the arrays `column` (number of the atom's column, −1 in the support), `classes` and
        `visible` (the gold). A column's position is the mean of its atoms': of a tilted column
        the middle of its height, seen along the beam. `info` has `zone_axis` and `tilt_degrees`.
    """
    family = str(rng.choice(zone_axes))
    sites = cut(
        rng,
        rng.uniform(*radius),
        {"100": facets_100, "110": facets_110, "111": facets_111},
    )
    low, high = np.log(temperature)
    count = round(rng.uniform(*added) * len(sites))
    sites = roughen(rng, sites, count, float(np.exp(rng.uniform(low, high))))
    sites = shortened(sites, family, tallest)
    column = columns(sites, family)
    heights = np.bincount(column)

    positions = oriented(sites, family)
    positions -= positions.mean(axis=0)
    positions[:, :2] += rng.normal(0, disorder, (len(heights), 2))[column]
    degrees, direction = rng.uniform(*tilt), rng.uniform(0, 2 * np.pi)
    # No draw where there is no choice.
    if aligned and rng.random() < aligned:
        degrees = 0.0
    turn = rotation(np.array([0, 0, 1.0]), rng.uniform(0, 2 * np.pi))
    lean = rotation(np.array([np.cos(direction), np.sin(direction), 0]), np.deg2rad(degrees))
    positions = positions @ turn.T @ lean.T
    gold = Atoms(f"Au{len(positions)}", positions=positions)
    gold.new_array("column", column)
    gold.new_array("classes", heights[column] if classes == "height" else np.ones_like(column))
    gold.new_array("visible", np.ones(len(gold), bool))

    if rng.random() < support:
        base = ceria(rng, box, support_thickness, support_overlap)
        # The particle lies on the support, in it, or under it.
        base.positions[:, 2] += rng.uniform(-1, 1) * np.ptp(positions[:, 2]) / 2
        base = base[cKDTree(positions).query(base.positions)[0] > CONTACT]
        for name, value in (("column", -1), ("classes", 0), ("visible", False)):
            base.new_array(name, np.full(len(base), value, gold.arrays[name].dtype))
        gold += base
    gold.positions[:, :2] += box / 2
    gold.positions[:, 2] += MARGIN - gold.positions[:, 2].min()
    gold.cell = np.diag([box, box, gold.positions[:, 2].max() + MARGIN])
    gold.pbc = (True, True, False)
    gold.info |= {"zone_axis": family, "tilt_degrees": float(degrees)}
    return gold
