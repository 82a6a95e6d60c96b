"""Crystals of many prototypes in low-index and random orientations (Munshi 2022, Methods).

Prototypes are those of the AFLOW library that pymatgen bundles (Mehl 2017). Each of their elements
is replaced by one of its own family, and the cell is scaled to data-mined bond lengths: plausible
crystals with the symmetries and compositions of real ones, not real compounds. All lengths are in
Å; the beam runs along +z.
"""

import itertools
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import spglib
from ase import Atoms
from ase.data import atomic_numbers
from pymatgen.analysis.prototypes import AFLOW_PROTOTYPE_LIBRARY
from pymatgen.analysis.prototypes.matcher import PrototypeDatabaseMatcher
from pymatgen.core import Structure
from pymatgen.core.structure_prediction.volume_predictor import DLSVolumePredictor
from scipy.spatial.transform import Rotation
from tqdm import tqdm

from latticework.seeds import stream
from latticework.structures.frozen import read_frozen
from latticework.structures.orientations import along_beam

# Elements that replace one another: those of a group, and the lanthanoids, without those that have
# no stable isotope, but with thorium and uranium.
FAMILIES = tuple(
    tuple(family.split())
    for family in (
        "H",
        "Li Na K Rb Cs",
        "Be Mg Ca Sr Ba",
        "Sc Y",
        "La Ce Pr Nd Sm Eu Gd Tb Dy Ho Er Tm Yb Lu",
        "Th U",
        "Ti Zr Hf",
        "V Nb Ta",
        "Cr Mo W",
        "Mn Re",
        "Fe Ru Os",
        "Co Rh Ir",
        "Ni Pd Pt",
        "Cu Ag Au",
        "Zn Cd Hg",
        "B Al Ga In Tl",
        "C Si Ge Sn Pb",
        "N P As Sb Bi",
        "O S Se Te",
        "F Cl Br I",
    )
)
# Elements of the library without a family: replaced by those of the family of another one.
RELATIVES = {"Np": "U", "Pa": "U", "Pu": "U", "Cf": "U", "Po": "Te", "Tc": "Mn"}
MOST_SITES = 24
# A crystal with atoms nearer than this share of the sum of their atomic radii is refused.
NEAREST = 0.75


@dataclass(frozen=True)
class Candidate:
    """A prototype (its AFLOW label, its entry in pymatgen's library) with other elements."""

    label: str
    entry: int
    elements: tuple[str, ...]


def family(element: str) -> tuple[str, ...]:
    """Elements that may stand in for one, itself included; none for a noble gas."""
    element = RELATIVES.get(element, element)
    return next((members for members in FAMILIES if element in members), ())


def prototype_elements(entry: int) -> tuple[str, ...]:
    """Elements of a prototype in the order in which a candidate names their substitutes."""
    return tuple(sorted(AFLOW_PROTOTYPE_LIBRARY[entry]["snl"].structure.symbol_set))


def prototype_label(entry: int) -> str:
    """AFLOW's label: stoichiometry, Pearson symbol, space group, Wyckoff letters."""
    return AFLOW_PROTOTYPE_LIBRARY[entry]["tags"]["aflow"].strip()


@cache
def candidates() -> tuple[Candidate, ...]:
    """All substitutions of all prototypes of at most `MOST_SITES` sites, in a fixed order."""
    found = []
    for entry, item in enumerate(AFLOW_PROTOTYPE_LIBRARY):
        if len(item["snl"].structure) > MOST_SITES:
            continue
        for elements in itertools.product(*map(family, prototype_elements(entry))):
            if len(set(elements)) == len(elements):
                found.append(Candidate(prototype_label(entry), entry, elements))
    return tuple(sorted(found, key=lambda c: (c.label, c.entry, c.elements)))


def held_out_prototypes(
    seed: int, study: str, share: float, labels: Iterable[str]
) -> frozenset[str]:
    """Labels that are kept for the evaluation: a random `share` of all, at least one."""
    labels = sorted(set(labels))
    count = max(1, round(share * len(labels)))
    chosen = stream(seed, f"{study}/held-out prototypes").permutation(len(labels))[:count]
    return frozenset(labels[i] for i in chosen)


def drawing_order(pool: Sequence[Candidate], rng: np.random.Generator) -> list[Candidate]:
    """A random order without repetition in which common prototypes come more often.

    A prototype is drawn in proportion to the square root of the number of its substitutions:
    as in the Materials Project those that many elements form are the common ones, without
    crowding out the few of the elements' own structures (Gumbel's keys: Efraimidis 2006).
    """
    _, index, counts = np.unique(
        [candidate.label for candidate in pool], return_inverse=True, return_counts=True
    )
    weights = 1 / np.sqrt(counts[index])
    return [pool[i] for i in np.argsort(rng.exponential(size=len(pool)) / weights, kind="stable")]


def reduced_cell(structure: Structure) -> Atoms:
    """The primitive cell of a structure, with axes as short as may be (LLL)."""
    primitive = structure.get_primitive_structure().get_reduced_structure("LLL")
    return Atoms(
        numbers=[atomic_numbers[site.specie.symbol] for site in primitive],
        scaled_positions=primitive.frac_coords,
        cell=primitive.lattice.matrix,
        pbc=True,
    )


def build_crystal(candidate: Candidate) -> Atoms | None:
    """The primitive, reduced cell of a candidate, or None where atoms would come too near.

    The volume is that of `DLSVolumePredictor` (data-mined lattice scaling). `info` has `crystal`
    (a name), `prototype`.
    """
    structure: Structure = AFLOW_PROTOTYPE_LIBRARY[candidate.entry]["snl"].structure.copy()
    structure.replace_species(
        dict(zip(prototype_elements(candidate.entry), candidate.elements, strict=True))
    )
    with warnings.catch_warnings():
        # Elements without bond parameters are scaled by their atomic radii: nothing to warn of.
        warnings.simplefilter("ignore")
        structure.scale_lattice(DLSVolumePredictor().predict(structure))
    radii = np.array([float(site.specie.atomic_radius) for site in structure])
    first, second, _, distances = structure.get_neighbor_list(2 * NEAREST * radii.max())
    if np.any(distances < NEAREST * (radii[first] + radii[second])):
        return None
    atoms = reduced_cell(structure)
    atoms.info["crystal"] = f"{candidate.label}/{'-'.join(candidate.elements)}"
    atoms.info["prototype"] = candidate.label
    return atoms


def match_prototypes(structures: Iterable[tuple[str, Structure]]) -> list[Atoms]:
    """Reduced cells of those structures (id, structure) that have exactly one known prototype.

    `info` has `id` and `prototype`. Matching is pymatgen's, blind to the elements.
    """
    matcher = PrototypeDatabaseMatcher(pd.DataFrame(AFLOW_PROTOTYPE_LIBRARY))
    found = []
    for name, structure in tqdm(structures, desc="matching", unit="structure"):
        labels = {
            match["tags"]["aflow"].strip() for match in matcher.get_prototypes(structure) or ()
        }
        if len(labels) == 1:
            atoms = reduced_cell(structure)
            atoms.info = {"id": name, "prototype": labels.pop()}
            found.append(atoms)
    return found


def drawn_crystals(
    seed: int, study: str, split: str, held_out: float, frozen: str | None = None
) -> Iterator[Atoms]:
    """Crystals of one split ("train", "heldout") of a study in the order of drawing.

    No crystal comes twice, and no prototype is in both splits. `frozen` names a file of real
    crystals, each equally likely: prototypes are as common as they are in the file.
    """
    rng = stream(seed, f"{study}/{split}/crystals")
    if frozen:
        crystals = read_frozen(frozen)
        kept = held_out_prototypes(seed, study, held_out, [c.info["prototype"] for c in crystals])
        pool = [c for c in crystals if (c.info["prototype"] in kept) == (split == "heldout")]
        yield from (pool[i] for i in rng.permutation(len(pool)))
        return
    kept = held_out_prototypes(seed, study, held_out, [c.label for c in candidates()])
    pool = [c for c in candidates() if (c.label in kept) == (split == "heldout")]
    for candidate in drawing_order(pool, rng):
        atoms = build_crystal(candidate)
        if atoms is not None:
            yield atoms


def zone_axes(atoms: Atoms, count: int, most: int = 3) -> np.ndarray:
    """The `count` shortest lattice vectors [uvw] that symmetry does not make equal, (count, 3).

    A short period along the beam is what "low index" means in any crystal system: the zones are
    dense and the Laue zones far apart. Indices refer to the given, primitive cell and are at most
    `most`. Opposite directions count as equal.
    """
    cell = (atoms.cell[:], atoms.get_scaled_positions(), atoms.numbers)
    rotations = spglib.get_symmetry(cell, symprec=1e-3)["rotations"]
    line = np.arange(-most, most + 1)
    indices = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    indices = indices[np.gcd.reduce(indices, axis=1) == 1]
    lengths = np.linalg.norm(indices @ atoms.cell[:], axis=1).round(4)
    chosen: list[np.ndarray] = []
    seen: set[tuple[int, ...]] = set()
    # Of equivalent ones the one with the most positive indices: easiest to read.
    for i in np.lexsort((*-indices.T, lengths)):
        if tuple(indices[i]) in seen:
            continue
        chosen.append(indices[i])
        equal = rotations @ indices[i]
        seen |= {tuple(u) for u in np.concatenate([equal, -equal]).tolist()}
        if len(chosen) == count:
            break
    return np.array(chosen)


def oriented_crystal(atoms: Atoms, number: int, low_index: int, rng: np.random.Generator) -> Atoms:
    """A crystal's cell with orientation number `number` in its `info`.

    The first `low_index` are its zone axes, each with a random turn about the beam; all others
    are uniform in the group of rotations. `info` gets `orientation` (3, 3), `origin` (3,)
    fractions of the cell that lie under the probe, `zone_axis` [uvw] (0, 0, 0 off zone).
    """
    oriented = atoms.copy()
    axis = np.zeros(3, dtype=int)
    if number < low_index:
        axis = zone_axes(atoms, low_index)[number]
        rotation = along_beam(axis @ atoms.cell[:], rng.uniform(0, 2 * np.pi))
    else:
        rotation = Rotation.random(rng=rng).as_matrix()
    oriented.info |= {"orientation": rotation, "origin": rng.uniform(size=3), "zone_axis": axis}
    # Every structure marks the atoms that are to be found: here all.
    oriented.new_array("visible", np.ones(len(oriented), bool))
    return oriented


def make_crystals(
    seed: int,
    study: str,
    split: str,
    indices: range,
    *,
    low_index: int,
    random: int,
    held_out_prototypes: float,
    frozen: str | None,
) -> list[Atoms]:
    """Structures number `indices` of one split of a study, with a progress bar.

    A structure is a crystal in one orientation; every crystal has `low_index` + `random` of them
    in a row. It depends on its own number only: shards of any size hold the same structures.
    `frozen` is a file of real crystals to draw from instead of prototypes (`structures.frozen`).
    Raises ValueError where there are not as many crystals as that.
    """
    each = low_index + random
    last = (indices.stop - 1) // each
    drawn = drawn_crystals(seed, study, split, held_out_prototypes, frozen)
    drawn = tqdm(drawn, desc=f"{study}/{split} crystals", unit="crystal", total=last + 1)
    crystals = dict(enumerate(itertools.islice(drawn, last + 1)))
    if last not in crystals:
        raise ValueError(
            f"{study}/{split}: {len(crystals)} crystals can be drawn, structure {indices.stop - 1} "
            f"would be of number {last}"
        )
    return [
        oriented_crystal(
            crystals[index // each],
            index % each,
            low_index,
            stream(seed, f"{study}/{split}/orientations", index // each, index % each),
        )
        for index in indices
    ]
