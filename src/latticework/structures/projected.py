"""Crystals seen along their columns: lattices of columns in a periodic box, and their atoms.

What silicon, perovskites and metals in scanning TEM have in common: a perfect lattice, twins or a
polycrystal; columns displaced at random and smoothly; a thickness with a wedge and steps,
vacancies, and amorphous layers. Lengths are in Å.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from pydantic import Field
from scipy.spatial import cKDTree

from latticework.config.base import Integers, Lengths, Section, Shares
from latticework.structures.amorphous import SOLID_CORE, slab
from latticework.structures.outlines import random_outline
from latticework.structures.thinning import hard_core

MARGIN = 1.0  # of empty space before the first atom and after the last
CLOSEST = 0.8  # of the least distance of two columns in the perfect crystal, at boundaries
WAVES = 3  # most periods of a smooth displacement, or of a wedge, across the box
Atom = tuple[str, float]


@dataclass(frozen=True)
class Projection:
    """A crystal along a zone axis, in a rectangular cell.

    Parameters
    ----------
    cell
        Sides a and b, Å.
    period
        Along the beam, Å.
    sites
        (n, 2) fractions of the cell: the columns.
    contents
        Of each site: (name of the atom's place, fraction of the period) of the atoms of a period.
    twin
        (nx, ny, x, y): a unit normal and a point of the plane across which a twin is mirrored, the
        point in Å. Without it the crystal has no twins.
    """

    cell: tuple[float, float]
    period: float
    sites: np.ndarray
    contents: tuple[tuple[Atom, ...], ...]
    twin: tuple[float, float, float, float] | None = None

    @property
    def nearest(self) -> float:
        """Least distance of two columns, Å."""
        repeats = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])
        copies = ((self.sites + repeats[:, None]).reshape(-1, 2)) * self.cell
        return float(cKDTree(copies).query(self.sites * self.cell, k=2)[0][:, 1].min())


@dataclass(frozen=True)
class Columns:
    """Columns of a periodic square box: `positions` (n, 2) Å, `sites` (n,) of the projection.

    `displacement` (n, 2) Å is that from an undisturbed crystal, None for columns of one.
    """

    positions: np.ndarray
    sites: np.ndarray
    displacement: np.ndarray | None = None

    def kept(self, mask: np.ndarray) -> "Columns":
        """The columns of a mask (n,)."""
        displacement = None if self.displacement is None else self.displacement[mask]
        return Columns(self.positions[mask], self.sites[mask], displacement)

    def moved(self, by: np.ndarray, box: float) -> "Columns":
        """These columns, displaced by (n, 2) Å more, in a periodic box."""
        before = 0 if self.displacement is None else self.displacement
        return Columns((self.positions + by) % box, self.sites, before + by)


class Crystal(Section):
    """Parameters that all crystals of columns have in common; ranges are drawn uniformly."""

    box: float = Field(27.0, gt=15, le=100, description="Side of the periodic square, Å.")
    twinned: float = Field(0.0, ge=0, le=1, description="Probability of two twins.")
    crystalline: float = Field(0.15, ge=0, le=1, description="Probability of a polycrystal.")
    grains: Integers = (2, 3)
    thickness: Lengths = (30.0, 140.0)
    wedge: Shares = (0.0, 0.4)
    steps: Integers = (0, 2)
    static: Lengths = (0.0, 0.15)
    smooth: Lengths = (0.0, 0.15)
    vacancies: Shares = (0.0, 0.08)
    missing: Shares = (0.0, 0.01)
    surface: Lengths = (0.0, 15.0)
    amorphous: Integers = (0, 0)
    amorphous_radius: Lengths = (3.0, 8.0)


def perfect(rng: np.random.Generator, projection: Projection, box: float) -> Columns:
    """A perfect crystal anywhere in the box, stretched to fit it.

    Along which side of the box the cell's first side lies is drawn.
    """
    repeats = [round(box / side) for side in projection.cell]
    corners = np.array([(i, j) for i in range(repeats[0]) for j in range(repeats[1])])
    places = ((corners[:, None] + projection.sites) / repeats * box).reshape(-1, 2)
    if rng.random() < 0.5:
        places = places[:, ::-1]
    places = (places + rng.uniform(0, box, 2)) % box
    return Columns(places, np.tile(np.arange(len(projection.sites)), len(corners)))


def patch(projection: Projection, reach: float) -> Columns:
    """Columns of the perfect crystal up to `reach` Å from its origin."""
    most = [int(np.ceil(reach / side)) + 1 for side in projection.cell]
    corners = np.array(
        [(i, j) for i in range(-most[0], most[0] + 1) for j in range(-most[1], most[1] + 1)]
    )
    places = ((corners[:, None] + projection.sites) * projection.cell).reshape(-1, 2)
    sites = np.tile(np.arange(len(projection.sites)), len(corners))
    return Columns(places, sites).kept(np.hypot(*places.T) < reach)


def turned(angle: float) -> np.ndarray:
    """Matrix (2, 2) of a turn by an angle in rad."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def twins(rng: np.random.Generator, projection: Projection, box: float) -> Columns:
    """Two twins in random orientation, joined coherently in the middle of the box.

    Where they meet again across the border of the box their boundary is a random one. Raises
    ValueError for a crystal without twins.
    """
    if projection.twin is None:
        raise ValueError("this crystal has no twins")
    normal, point = np.array(projection.twin[:2]), np.array(projection.twin[2:])
    whole = patch(projection, box)
    # Any lattice vector along the plane is as good an origin.
    side = (whole.positions - point) @ normal
    matrix = whole.kept(side < 0)
    mirrored = matrix.positions - 2 * ((matrix.positions - point) @ normal)[:, None] * normal
    places = np.concatenate([matrix.positions, mirrored]) - point
    turn = turned(rng.uniform(0, 2 * np.pi))
    joined = Columns(places @ turn.T, np.tile(matrix.sites, 2))
    return _boxed(rng, projection, box, [joined], np.full((1, 2), box / 2))


def grains(rng: np.random.Generator, projection: Projection, box: float, count: int) -> Columns:
    """A polycrystal of `count` grains, the periodic Voronoi cells of random points."""
    made = []
    for _ in range(count):
        grown = patch(projection, box)
        turn, shift = turned(rng.uniform(0, 2 * np.pi)), rng.uniform(0, 1, 2) * projection.cell
        made.append(replace(grown, positions=(grown.positions + shift) @ turn.T))
    return _boxed(rng, projection, box, made, rng.uniform(0, box, (count, 2)))


def _boxed(
    rng: np.random.Generator,
    projection: Projection,
    box: float,
    patches: Sequence[Columns],
    middles: np.ndarray,
) -> Columns:
    """Patches (about their own origins) in the Voronoi cells of middles (n, 2), shifted at random.

    Where two cells meet, columns that come too near to each other are thinned.
    """
    cells = cKDTree(middles, boxsize=box)
    places, sites = [], []
    for number, (grown, middle) in enumerate(zip(patches, middles, strict=True)):
        # One periodic image of the cell: what is nearer to this middle than to any other image.
        near = np.abs(grown.positions).max(axis=1) <= box / 2
        moved = (grown.positions[near] + middle) % box
        own = cells.query(moved)[1] == number
        places.append(moved[own])
        sites.append(grown.sites[near][own])
    joined = Columns((np.concatenate(places) + rng.uniform(0, box, 2)) % box, np.concatenate(sites))
    return joined.kept(hard_core(joined.positions, CLOSEST * projection.nearest, box=box))


def arrangement(rng: np.random.Generator, projection: Projection, given: Crystal) -> Columns:
    """A perfect crystal, two twins or a polycrystal, as drawn."""
    draw = rng.random()
    if draw < given.twinned:
        return twins(rng, projection, given.box)
    if draw < given.twinned + given.crystalline:
        count = int(rng.integers(given.grains[0], given.grains[1] + 1))
        return grains(rng, projection, given.box, count)
    return perfect(rng, projection, given.box)


def waves(rng: np.random.Generator, positions: np.ndarray, box: float) -> np.ndarray:
    """A smooth, periodic random field (n,) of mean square one at positions (n, 2)."""
    line = np.arange(-WAVES, WAVES + 1)
    orders = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    orders = orders[(orders**2).sum(axis=1) > 0]
    # Long waves are the strongest: bending and strain rather than ripples.
    amplitudes = rng.normal(size=len(orders)) / (orders**2).sum(axis=1)
    phases = 2 * np.pi * (positions @ orders.T / box) + rng.uniform(0, 2 * np.pi, len(orders))
    return np.cos(phases) @ amplitudes / np.sqrt(0.5 * (amplitudes**2).sum())


def displaced(
    rng: np.random.Generator, columns: Columns, box: float, static: float, smooth: float
) -> Columns:
    """Columns displaced at random, `static` Å RMS per axis each, and `smooth` Å together."""
    by = rng.normal(0, static, columns.positions.shape)
    for axis in range(2):
        by[:, axis] += smooth * waves(rng, columns.positions, box)
    return columns.moved(by, box)


def heights(
    rng: np.random.Generator,
    columns: Columns,
    box: float,
    *,
    thickness: float,
    wedge: float,
    steps: int,
    period: float,
) -> np.ndarray:
    """Periods (n,) of each column, at least one: a thickness in Å, a relative wedge, and steps."""
    profile = thickness * (1 + wedge * waves(rng, columns.positions, box) / 2)
    ragged = rng.integers(-steps, steps + 1, len(profile))
    return np.maximum(1, np.round(profile / period).astype(int) + ragged)


def atoms_of(
    rng: np.random.Generator,
    projection: Projection,
    columns: Columns,
    periods: np.ndarray,
    elements: Mapping[str, Mapping[str, float]],
    vacancies: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions (n, 3), symbols (n,) and column numbers (n,) of the atoms of columns.

    `periods` (columns,) are counted from z = 0; `elements` has the shares of the elements of each
    place; a share `vacancies` of the atoms is left out.
    """
    places, symbols, owners = [], [], []
    for site, contents in enumerate(projection.contents):
        members = np.flatnonzero(columns.sites == site)
        owner = np.repeat(members, periods[members])
        first = np.cumsum(periods[members]) - periods[members]
        layer = np.arange(len(owner)) - np.repeat(first, periods[members])
        for place, fraction in contents:
            there = rng.random(len(owner)) >= vacancies
            height = projection.period * (layer[there] + fraction)
            places.append(np.column_stack([columns.positions[owner[there]], height]))
            symbols.append(drawn_elements(rng, elements[place], len(height)))
            owners.append(owner[there])
    return np.concatenate(places), np.concatenate(symbols), np.concatenate(owners)


def drawn_elements(rng: np.random.Generator, shares: Mapping[str, float], count: int) -> np.ndarray:
    """`count` symbols, drawn by their shares."""
    share = np.array(list(shares.values()))
    return rng.choice(list(shares), count, p=share / share.sum())


def composition(
    projection: Projection, elements: Mapping[str, Mapping[str, float]]
) -> dict[str, float]:
    """Shares of the elements of a whole crystal."""
    total: dict[str, float] = {}
    for contents in projection.contents:
        for place, _ in contents:
            for element, share in elements[place].items():
                total[element] = total.get(element, 0) + share
    return total


def crystal(
    rng: np.random.Generator,
    projection: Projection,
    columns: Columns,
    elements: Mapping[str, Mapping[str, float]],
    classes: Sequence[int],
    given: Crystal,
) -> Atoms:
    """Atoms of columns: displaced, of finite height, with vacancies and amorphous matter.

    Parameters
    ----------
    rng
        The structure's own random stream.
    projection, columns
        The crystal, and where its columns would stand if nothing were displaced.
    elements
        Of each place of the crystal the elements that sit on it, with their shares.
    classes
        Class of each site of the projection; 0 for one that no network is to find.
    given
        Ranges of what is drawn.

    Returns
    -------
    ase.Atoms
        With the arrays `visible`, `classes`, `column` (−1 in amorphous matter) and `displacement`.
    """
    box = given.box
    columns = displaced(rng, columns, box, rng.uniform(*given.static), rng.uniform(*given.smooth))
    columns = columns.kept(rng.random(len(columns.sites)) >= rng.uniform(*given.missing))
    mean = rng.uniform(*given.thickness)
    density = sum(map(len, projection.contents)) / (np.prod(projection.cell) * projection.period)
    entrance, exit_ = rng.uniform(*given.surface, 2)
    filling = [slab(rng, box, -entrance, -SOLID_CORE / 2, density)] if entrance > 2 else []
    for _ in range(rng.integers(given.amorphous[0], given.amorphous[1] + 1)):
        outline = random_outline(rng, box, given.amorphous_radius)
        columns = columns.kept(outline.depth(columns.positions, box) < 0)
        inside = slab(rng, box, 0, mean, density)
        filling.append(inside[outline.depth(inside[:, :2], box) > 0])
    periods = heights(
        rng,
        columns,
        box,
        thickness=mean,
        wedge=rng.uniform(*given.wedge),
        steps=int(rng.integers(given.steps[0], given.steps[1] + 1)),
        period=projection.period,
    )
    places, symbols, owners = atoms_of(
        rng, projection, columns, periods, elements, rng.uniform(*given.vacancies)
    )
    if exit_ > 2:
        bottom = projection.period * periods.mean() + SOLID_CORE / 2
        filling.append(slab(rng, box, bottom, bottom + exit_, density))
    random = np.concatenate([np.empty((0, 3)), *filling])
    positions = np.concatenate([places, random])
    positions[:, 2] += MARGIN - positions[:, 2].min()
    others = drawn_elements(rng, composition(projection, elements), len(random))
    atoms = Atoms(
        [str(symbol) for symbol in np.concatenate([symbols, others])],
        positions=positions,
        cell=(box, box, positions[:, 2].max() + MARGIN),
        pbc=(True, True, False),
    )
    kinds = np.asarray(classes)[columns.sites[owners]]
    still = np.zeros((len(random), 2))
    atoms.new_array("displacement", np.concatenate([columns.displacement[owners], still]))
    atoms.new_array("column", np.concatenate([owners, np.full(len(random), -1)]))
    atoms.new_array("classes", np.concatenate([kinds, np.zeros(len(random), int)]))
    atoms.new_array("visible", atoms.arrays["classes"] > 0)
    return atoms
