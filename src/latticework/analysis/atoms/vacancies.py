"""Defects of single sites: columns that lost an atom, foreign columns, sites that are empty."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from latticework.analysis.atoms.atom_set import AtomSet
from latticework.analysis.atoms.bonds_and_rings import material_bonds
from latticework.analysis.atoms.defect import Defect
from latticework.materials import Material

# Shares of a bond: how far a bond may lie off its place around an atom; how near to each other two
# guesses at one empty site are; how near to it no atom may be.
OFF_PLACE, SAME_SITE, EMPTY = 0.35, 0.4, 0.5
# How many atoms of the same class are tried as the example of what an atom's bonds should be.
EXAMPLES = 12
# Share of all atoms from which on a class is no defect.
OWN_SHARE = 0.25
LINE = "_line"

Neighbours = list[list[int]]


def site_defects(atoms: AtomSet, material: Material) -> Iterator[Defect]:
    """Atoms whose class is a defect by itself, with the atoms that they are bonded to.

    A class that makes up much of the picture is the crystal's own: selenium in MoSe2, but not in
    MoS2.
    """
    found = atoms.atoms()
    around = _neighbours(found, material)
    kinds, frequency = np.unique(found.classes.astype(str), return_counts=True)
    rare = {str(kind) for kind in kinds[frequency < OWN_SHARE * len(found)]}
    for number, kind in enumerate(found.classes):
        if kind in material.defects.sites and kind in rare:
            members = [number, *around[number]]
            yield Defect(
                name=material.defects.sites[kind],
                positions=found.positions[members],
                classes=tuple(found.classes[members]),
                n_dopant=1,
                n_host=len(around[number]),
                confidence=float(found.probability[number]),
            )


def missing_sites(
    atoms: AtomSet, field: tuple[float, float], material: Material
) -> Iterator[Defect]:
    """Empty sites that the atoms around them enclose, in a field (x, y) of Å.

    An atom that lacks a bond is compared with complete atoms of its class near by: where they have
    a bond and it has none, a site may be empty. The guesses of all atoms around one site agree.
    A site is empty if as many atoms, or other empty sites, surround it as the crystal has bonds:
    beyond an edge of the crystal there are fewer.
    """
    found = atoms.atoms()
    wanted = material.bonds.coordination
    around = _neighbours(found, material)
    guesses, owners = _guesses(found, around, material)
    if not len(guesses):
        return
    sites, members = _gathered(guesses, owners, SAME_SITE * material.bonds.length)
    spread = material.bonds.length * EMPTY
    occupied = cKDTree(found.positions).query(sites)[0] < spread
    inside = ((sites > 0) & (sites < np.asarray(field))).all(axis=1)
    kept = [i for i in np.flatnonzero(~occupied & inside) if len(members[i]) >= 2]
    if not kept:
        return
    linked = cKDTree(sites[kept]).query_ball_point(sites[kept], material.bonds.longest)
    enclosed = [
        site
        for site, near in zip(kept, linked, strict=True)
        if len(members[site]) + len(near) - 1 >= wanted
    ]
    tree = cKDTree(atoms.positions)
    for site in enclosed:
        kind = _kind(found, members[site], material)
        if kind not in material.defects.missing:
            continue
        near = [i for i in tree.query_ball_point(sites[site], spread) if not atoms.found[i]]
        certain = np.prod(found.probability[members[site]]) * np.prod(1 - atoms.probability[near])
        yield Defect(
            name=material.defects.missing[kind],
            positions=found.positions[members[site]],
            classes=tuple(found.classes[members[site]]),
            n_dopant=0,
            n_host=len(members[site]),
            confidence=float(certain),
            centre=sites[site],
        )


def with_lines(defects: Sequence[Defect], material: Material) -> list[Defect]:
    """Defects of single sites, those in lines with names that say so, such as S_vacancy_line."""
    reach = material.defects.lines
    if reach is None or len(defects) < 2:
        return list(defects)
    pairs = cKDTree([defect.place for defect in defects]).query_pairs(reach)
    in_line = {i for pair in pairs if len({defects[j].name for j in pair}) == 1 for i in pair}
    return [
        replace(defect, name=defect.name + LINE) if i in in_line else defect
        for i, defect in enumerate(defects)
    ]


def _neighbours(atoms: AtomSet, material: Material) -> Neighbours:
    """Numbers of the atoms that each atom is bonded to."""
    around: Neighbours = [[] for _ in range(len(atoms))]
    for i, j in material_bonds(atoms.positions, list(atoms.classes), material.bonds):
        around[i].append(int(j))
        around[j].append(int(i))
    return around


def _guesses(
    atoms: AtomSet, around: Neighbours, material: Material
) -> tuple[np.ndarray, np.ndarray]:
    """Where atoms that lack a bond should have a neighbour (guesses, 2), Å, and which atoms these
    are (guesses,)."""
    wanted, limit = material.bonds.coordination, OFF_PLACE * material.bonds.length
    bonds = np.array([len(others) for others in around])
    places, owners = [], []
    for kind in sorted(set(atoms.classes)):
        own = atoms.classes == kind
        complete = np.flatnonzero(own & (bonds == wanted))
        if not len(complete):
            continue
        tree = cKDTree(atoms.positions[complete])
        for atom in np.flatnonzero(own & (bonds < wanted) & (bonds > 0)):
            _, nearest = tree.query(atoms.positions[atom], k=min(EXAMPLES, len(complete)))
            here = atoms.positions[around[atom]] - atoms.positions[atom]
            best, lacking = np.inf, None
            for example in complete[np.atleast_1d(nearest)]:
                there = atoms.positions[around[example]] - atoms.positions[example]
                off = np.linalg.norm(here[:, None] - there[None], axis=2)
                partner, worst = off.argmin(axis=1), off.min(axis=1).max()
                if worst < min(best, limit) and len(set(partner)) == len(partner):
                    best, lacking = worst, np.delete(there, partner, axis=0)
            if lacking is not None:
                places.append(atoms.positions[atom] + lacking)
                owners += [atom] * len(lacking)
    return np.concatenate(places) if places else np.zeros((0, 2)), np.array(owners, dtype=int)


def _gathered(
    guesses: np.ndarray, owners: np.ndarray, reach: float
) -> tuple[np.ndarray, list[list[int]]]:
    """Means (sites, 2) of the guesses nearer than `reach` to each other, and whose they are."""
    pairs = cKDTree(guesses).query_pairs(reach, output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(len(guesses),) * 2)
    count, label = connected_components(links, directed=False)
    sites = np.array([guesses[label == i].mean(axis=0) for i in range(count)])
    return sites, [sorted({int(atom) for atom in owners[label == i]}) for i in range(count)]


def _kind(atoms: AtomSet, members: list[int], material: Material) -> str:
    """The class that an empty site between `members` lacks: what they are bonded to, of those whose
    absence has a name."""
    beside = set(atoms.classes[members])
    for kind in material.defects.missing:
        if all(material.bonds.cutoff_of(kind, other) > 0 for other in beside):
            return kind
    return ""
