"""Graphene with silicon: dopants on three- and four-coordinated sites, clusters, vacancies, rings.

Sheets are perfect, polycrystals or random networks. Defects are changes of the bond graph, which is
then relaxed with a length for each pair of elements. Lengths are in Å, the square box is periodic.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from ase import Atoms
from pydantic import Field
from scipy.spatial import cKDTree

from latticework.config.base import Integers, Lengths, Section
from latticework.materials import Material
from latticework.structures import numbered, sheets
from latticework.structures.amorphous import contaminate, covering_thickness
from latticework.structures.displacements import between
from latticework.structures.outlines import random_outline
from latticework.structures.voronoi import relax

CLASSES = ["C", "Si"]
# Projected lengths: silicon on a three-coordinated site stands out of the sheet.
SILICON_CARBON, SILICON_SILICON = 1.69, 2.25
MARGIN = sheets.MARGIN
CONTAMINATION_DENSITY = 0.075  # atoms per Å³


class Parameters(Section):
    """Parameters of a sheet with silicon."""

    box: float = Field(29.65, gt=15, le=100, description="Side of the periodic square, Å.")
    perfect: float = Field(0.4, ge=0, le=1, description="Probability of a perfect lattice.")
    crystalline: float = Field(
        0.7, ge=0, le=1, description="Of the others: of grains instead of a random network."
    )
    grains: Integers = (1, 3)
    silicon: Integers = (1, 5)
    largest_cluster: int = Field(4, gt=0, le=8, description="Silicon atoms of a cluster, at most.")
    vacancies: Integers = (0, 2)
    rotations: Integers = (0, 2)
    holes: Integers = (0, 1)
    hole_radius: Lengths = (2.0, 7.0)
    contamination: Integers = (0, 1)
    contamination_radius: Lengths = (2.0, 7.0)
    contamination_thickness: Lengths = (1.5, 8.0)
    contaminated: float = Field(0.4, ge=0, le=1, description="Share of sheets that may have any.")
    contamination_silicon: Lengths = (0.0, 0.15)
    contamination_margin: float = Field(
        2.0, ge=0, lt=10, description="Atoms nearer than this to contamination are no labels, Å."
    )
    disorder: Lengths = (0.0, 0.15)


def classes(parameters: Mapping[str, Any], material: Material) -> list[str]:
    """Carbon and silicon."""
    return CLASSES


def make_shard(
    parameters: Mapping[str, Any],
    material: Material,
    seed: int,
    study: str,
    split: str,
    indices: range,
) -> list[Atoms]:
    """Structures number `indices` of a study's split; `parameters` are those of `Parameters`."""
    given = Parameters.model_validate(parameters).model_dump()
    bond = sheets.material_of(material)["bond"]
    return numbered(
        lambda rng: doped_graphene(rng, bond=bond, **given),
        seed=seed,
        study=study,
        split=split,
        indices=indices,
    )


@dataclass(frozen=True)
class Sheet:
    """Atoms of a sheet and their bonds; atoms without bonds have been taken out.

    `positions` (n, 2) Å; `bonds` pairs of numbers, the smaller first; `silicon` numbers.
    """

    positions: np.ndarray
    bonds: frozenset[tuple[int, int]]
    silicon: frozenset[int]

    def neighbours(self, atom: int) -> list[int]:
        """Atoms bonded to one, in ascending order."""
        return sorted({b if a == atom else a for a, b in self.bonds if atom in (a, b)})

    def without(self, *atoms: int) -> "Sheet":
        """The sheet after atoms have been taken out."""
        kept = frozenset(bond for bond in self.bonds if not set(bond) & set(atoms))
        return replace(self, bonds=kept, silicon=self.silicon - set(atoms))

    def joined(self, *pairs: tuple[int, int]) -> "Sheet":
        """The sheet with more bonds."""
        return replace(self, bonds=self.bonds | {(min(p), max(p)) for p in pairs})

    def doped(self, *atoms: int) -> "Sheet":
        """The sheet with silicon at some atoms' places."""
        return replace(self, silicon=self.silicon | set(atoms))

    @property
    def alive(self) -> np.ndarray:
        """Numbers of the atoms that are still there."""
        return np.unique(np.array(sorted(self.bonds), dtype=int))


def perfect_sheet(rng: np.random.Generator, bond: float, box: float) -> Sheet:
    """A perfect lattice, strained by up to half a per cent to fit the box, anywhere in it."""
    cells = round(box / (np.sqrt(3) * bond)), round(box / (3 * bond))
    basis = np.array([[0, 0], [0.5, 1 / 6], [0.5, 0.5], [0, 2 / 3]])
    corners = np.array([(i, j) for i in range(cells[0]) for j in range(cells[1])])
    positions = ((corners[:, None] + basis) / cells * box).reshape(-1, 2)
    positions = (positions + rng.uniform(0, box, 2)) % box
    pairs = cKDTree(positions, boxsize=box).query_pairs(1.2 * bond, output_type="ndarray")
    return Sheet(positions, frozenset(map(tuple, pairs.tolist())), frozenset())


def grown_sheet(rng: np.random.Generator, bond: float, box: float, **network: Any) -> Sheet:
    """Grains or a random network, as in `structures.graphene`; arguments as in `stages`."""
    made = sheets.stages(rng, bond=bond, box=box, **network)
    pairs = np.sort(made.bonds[made.keep[made.bonds].all(axis=1)], axis=1)
    return Sheet(made.positions, frozenset(map(tuple, pairs.tolist())), frozenset())


def substitute(rng: np.random.Generator, sheet: Sheet, count: int) -> Sheet:
    """Silicon on `count` sites that are near each other: a first or second neighbour at a time."""
    chosen = [int(rng.choice(sheet.alive))]
    while len(chosen) < count:
        member = int(rng.choice(chosen))
        if rng.random() < 0.5:
            member = int(rng.choice(sheet.neighbours(member)))
        near = [n for n in sheet.neighbours(member) if n not in chosen]
        if near:
            chosen.append(int(rng.choice(near)))
        elif rng.random() < 0.1:
            break
    return sheet.doped(*chosen)


def fourfold(rng: np.random.Generator, sheet: Sheet, count: int) -> Sheet:
    """One silicon atom in the place of two carbon atoms, bonded to their four neighbours."""
    kept, gone = map(int, rng.permutation(random_bond(rng, sheet)))
    others = [n for n in sheet.neighbours(gone) if n != kept]
    return sheet.without(gone).joined(*((kept, n) for n in others)).doped(kept)


def around_vacancy(rng: np.random.Generator, sheet: Sheet, count: int) -> Sheet:
    """Silicon on all neighbours of a missing atom, or with a fourth in its place."""
    middle = int(rng.choice(sheet.alive))
    ring = sheet.neighbours(middle)
    if count > 3:
        return sheet.doped(middle, *ring)
    pairs = [(a, b) for a in ring for b in ring if a < b]
    return sheet.without(middle).joined(*pairs).doped(*ring)


def vacancy(rng: np.random.Generator, sheet: Sheet) -> Sheet:
    """One atom less."""
    return sheet.without(int(rng.choice(sheet.alive)))


def divacancy(rng: np.random.Generator, sheet: Sheet) -> Sheet:
    """Two neighbours less, and the bonds that close the rings to 5-8-5."""
    first, second = random_bond(rng, sheet)
    ends = [
        tuple(n for n in sheet.neighbours(a) if n != b)
        for a, b in ((first, second), (second, first))
    ]
    closed = [pair for pair in ends if len(pair) == 2]
    return sheet.without(first, second).joined(*closed)


def rotation(rng: np.random.Generator, sheet: Sheet, box: float) -> Sheet:
    """A bond turned by 90°: two rings of five and two of seven (Stone and Wales)."""
    a, b = random_bond(rng, sheet)
    of_a = [n for n in sheet.neighbours(a) if n != b]
    of_b = [n for n in sheet.neighbours(b) if n != a]
    if len(of_a) != 2 or len(of_b) != 2 or set(of_a) & set(of_b):
        return sheet
    along = offset(sheet.positions[b] - sheet.positions[a], box)
    across = np.array([-along[1], along[0]])
    of_a, of_b = (
        sorted(ends, key=lambda n: offset(sheet.positions[n] - sheet.positions[end], box) @ across)
        for ends, end in ((of_a, a), (of_b, b))
    )
    # a goes to one side of the old bond, b to the other; each takes over a neighbour there.
    lost = {(min(p), max(p)) for p in ((a, of_a[0]), (b, of_b[1]))}
    positions = sheet.positions.copy()
    middle = positions[a] + 0.5 * along
    positions[a], positions[b] = middle + 0.5 * across, middle - 0.5 * across
    turned = Sheet(positions % box, sheet.bonds - lost, sheet.silicon)
    return turned.joined((a, of_b[1]), (b, of_a[0]))


def offset(vector: np.ndarray, box: float) -> np.ndarray:
    """The shortest of a vector's periodic images."""
    return vector - box * np.round(vector / box)


def random_bond(rng: np.random.Generator, sheet: Sheet) -> tuple[int, int]:
    """One of the bonds."""
    bonds = sorted(sheet.bonds)
    return bonds[int(rng.integers(len(bonds)))]


def pruned(sheet: Sheet) -> Sheet:
    """Without atoms that have fewer than two bonds, until there are none."""
    bonds = np.array(sorted(sheet.bonds), dtype=int)
    keep = sheets.prune(bonds, np.isin(np.arange(len(sheet.positions)), bonds))
    return sheet.without(*np.flatnonzero(~keep).tolist())


def bond_lengths(bonds: np.ndarray, silicon: np.ndarray, bond: float) -> np.ndarray:
    """Length of each bond (m, 2), Å, by its elements; `silicon` (n,) is a mask of the atoms."""
    return np.array([bond, SILICON_CARBON, SILICON_SILICON])[silicon[bonds].sum(axis=1)]


def relaxed(sheet: Sheet, bond: float, box: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions (n, 2) of the atoms that are there, after relaxation, and a mask of silicon."""
    alive, bonds = sheet.alive, np.array(sorted(sheet.bonds), dtype=int)
    silicon = np.isin(alive, sorted(sheet.silicon))
    bonds = np.searchsorted(alive, bonds)
    lengths = bond_lengths(bonds, silicon, bond)
    return relax(sheet.positions[alive], bonds, box, lengths), silicon


DOPINGS = (substitute, substitute, fourfold, around_vacancy)


def doped_graphene(
    rng: np.random.Generator,
    *,
    bond: float,
    box: float,
    perfect: float,
    crystalline: float,
    grains: tuple[int, int],
    silicon: tuple[int, int],
    largest_cluster: int,
    vacancies: tuple[int, int],
    rotations: tuple[int, int],
    holes: tuple[int, int],
    hole_radius: tuple[float, float],
    contaminated: float,
    contamination: tuple[int, int],
    contamination_radius: tuple[float, float],
    contamination_thickness: tuple[float, float],
    contamination_silicon: tuple[float, float],
    contamination_margin: float,
    disorder: tuple[float, float],
) -> Atoms:
    """One sheet with defects: a lattice, grains or a random network, changed and relaxed.

    Parameters
    ----------
    rng
        The structure's own random stream.
    bond
        Length of a bond of carbon, Å.
    box
        Side of the periodic square, Å.
    perfect, crystalline
        Probabilities: see `Parameters`.
    grains, silicon, vacancies, rotations, holes, contamination
        Inclusive ranges of numbers: of grains; of places with silicon, each with one to
        `largest_cluster` atoms; of vacancies and divacancies; of turned bonds; of holes; of
        patches.
    hole_radius, contamination_radius, contamination_thickness
        Uniform ranges, Å.
    contaminated
        Share of sheets that may have patches.
    contamination_silicon
        Uniform range of the share of silicon in them.
    contamination_margin
        Å. A sheet atom is hidden where a patch is nearer to it in projection.
    disorder
        Range of the RMS random displacement per axis, Å, one a sheet: wide enough that a network
        has to measure positions rather than to continue a lattice.

    Returns
    -------
    ase.Atoms
        With `specimen`, `visible`, `displacement` and `classes` (1 carbon, 2 silicon).
    """
    if rng.random() < perfect:
        sheet = perfect_sheet(rng, bond, box)
    else:
        sheet = grown_sheet(
            rng,
            bond,
            box,
            density=0.381,
            seed_separation=1.9,
            crystalline=crystalline,
            grains=grains,
            lloyd_steps=(3, 8),
            holes=(0, 0),
            hole_radius=hole_radius,
        )
    for _ in range(between(rng, rotations)):
        sheet = rotation(rng, sheet, box)
    for _ in range(between(rng, vacancies)):
        sheet = divacancy(rng, sheet) if rng.random() < 0.5 else vacancy(rng, sheet)
    for _ in range(between(rng, holes)):
        inside = random_outline(rng, box, hole_radius).depth(sheet.positions, box) > 0
        sheet = sheet.without(*np.flatnonzero(inside).tolist())
    for _ in range(between(rng, silicon)):
        doping = DOPINGS[int(rng.integers(len(DOPINGS)))]
        sheet = doping(rng, sheet, int(rng.integers(1, largest_cluster + 1)))
    positions, dopant = relaxed(pruned(sheet), bond, box)

    flat = np.pad(positions, ((0, 0), (0, 1)))
    displacement = rng.normal(0, rng.uniform(*disorder), flat.shape)
    flat += displacement
    flat[:, :2] %= box
    dirt = np.empty((0, 3))
    if rng.random() < contaminated:
        dirt = contaminate(
            rng,
            box,
            contamination=contamination,
            contamination_radius=contamination_radius,
            contamination_thickness=contamination_thickness,
            contamination_density=CONTAMINATION_DENSITY,
            contamination_profile=(0.05, 0.5),
        )
    foreign = rng.random(len(dirt)) < rng.uniform(*contamination_silicon)
    over = covering_thickness(flat, dirt, box, contamination_margin, CONTAMINATION_DENSITY)
    visible = over == 0
    atoms = sheets.on_sheet(flat, dirt, box)
    atoms.symbols[np.concatenate([dopant, foreign])] = "Si"
    atoms.new_array("visible", np.concatenate([visible, np.zeros(len(dirt), bool)]))
    atoms.new_array("specimen", np.arange(len(atoms)) < len(flat))
    moved = np.concatenate([displacement[:, :2], np.zeros((len(dirt), 2))])
    atoms.new_array("displacement", moved)
    atoms.new_array("classes", np.where(atoms.symbols == "Si", 2, 1))
    return atoms
