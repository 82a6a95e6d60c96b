"""Groups of atoms that are scored together, by the rules of the material."""

import numpy as np
from ase import Atoms
from scipy.spatial import cKDTree

from latticework.analysis.atoms.bonds_and_rings import material_bonds, ring_members
from latticework.materials import ANY_AXIS, Material, Rule
from latticework.structures import Targets, specimen


def in_field(positions: np.ndarray, atoms: Atoms) -> np.ndarray:
    """Positions (n, 2) in Å where the image shows them.

    The image is periodic: an atom that lies beyond the border is seen at the opposite side.
    """
    return positions % atoms.cell.lengths()[:2]


def by_adatoms(found: np.ndarray, atoms: Atoms, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Which found atoms (n,) are adatoms, and which of the `specimen`'s (m,) an adatom hides.

    Neither is scored: an adatom is no label, and whoever finds it is not wrong. `found` (n, 2), in
    Å where the image shows them; within `radius` Å of an adatom, in projection.
    """
    true = specimen(atoms)
    adatoms = atoms.positions[atoms.arrays.get("adatom", np.zeros(len(atoms), bool)), :2]
    if len(adatoms) == 0:
        return np.zeros(len(found), bool), np.zeros(len(true.positions), bool)
    box = atoms.cell.lengths()[:2]
    distance = cKDTree(adatoms % box, boxsize=box).query(np.reshape(found, (-1, 2)) % box)[0]
    return distance < radius, ~true.visible


def atom_groups(atoms: Atoms, material: Material, classes: list[str]) -> np.ndarray:
    """Name (n,) of the group of each of the `specimen`'s atoms or columns.

    The first of the material's groups whose rule holds. `classes` are the names of the classes
    from 1 on. Raises ValueError for a rule that the structure cannot answer.
    """
    found = specimen(atoms)
    names = np.full(len(found.positions), "", dtype=object)
    for group in material.groups:
        names[(names == "") & _holds(group.rule, found, atoms, material, classes)] = group.name
    return names.astype(str)


def _holds(
    rule: Rule, found: Targets, atoms: Atoms, material: Material, classes: list[str]
) -> np.ndarray:
    """Mask (n,) of the atoms for which all conditions of a rule hold."""
    held = np.ones(len(found.positions), dtype=bool)
    if rule.covered is not None:
        held &= covered(found, atoms, rule.covered)
    if rule.rings is not None:
        held &= in_rings(found, atoms, material, classes, rule.rings)
    if rule.neighbours is not None:
        axis = str(atoms.info.get("zone_axis", ANY_AXIS))
        wanted = rule.neighbours.get(axis, rule.neighbours.get(ANY_AXIS))
        if wanted is None:
            raise ValueError(
                f"{material.name}: no neighbours are given for the zone axis {axis}, only for "
                f"{sorted(rule.neighbours)}"
            )
        held &= has_neighbours(found, *wanted)
    return held


def covered(found: Targets, atoms: Atoms, reach: float) -> np.ndarray:
    """Mask (n,) of atoms that are hidden, or nearer than `reach` Å to what covers the specimen.

    In projection: images within this reach are not those of the specimen alone.
    """
    hidden = ~found.visible
    others = atoms.positions[~atoms.arrays.get("specimen", atoms.arrays["visible"]), :2]
    if len(others) == 0:
        return hidden
    box = atoms.cell.lengths()[:2]
    tree = cKDTree(others % box, boxsize=box)
    return hidden | (tree.query(found.positions[:, :2] % box)[0] < reach)


def in_rings(
    found: Targets, atoms: Atoms, material: Material, classes: list[str], size: int
) -> np.ndarray:
    """Mask (n,) of atoms with all their bonds that belong to rings of `size` atoms only."""
    positions, box = found.positions[:, :2], atoms.cell.lengths()[:2]
    names = np.array([*classes, ""])[found.classes - 1]
    bonds = material_bonds(positions, names, material.bonds, box)
    return ring_members(
        positions, bonds, size=size, coordination=material.bonds.coordination, cell=box
    )


def has_neighbours(found: Targets, reach: float, count: int) -> np.ndarray:
    """Mask (n,) of atoms with at least `count` others within `reach` Å in projection."""
    positions = found.positions[:, :2]
    near = cKDTree(positions).query_ball_point(positions, reach, return_length=True) - 1
    return near >= count
