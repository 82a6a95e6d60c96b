"""Defects told by rings of the wrong size: 5-7, 5-8-5, 55-77, …, named by what adjoins."""

from collections import Counter
from collections.abc import Iterator, Sequence

import networkx as nx
import numpy as np

from latticework.analysis.atoms.atom_set import AtomSet
from latticework.analysis.atoms.bonds_and_rings import faces, material_bonds
from latticework.analysis.atoms.defect import Defect
from latticework.materials import Material

# Smaller rings are atoms that are none; larger ones are holes.
SMALLEST, LARGEST = 4, 12
STONE_WALES = "55-77"


def ring_defects(
    atoms: AtomSet, material: Material, empty: Sequence[np.ndarray] = ()
) -> Iterator[Defect]:
    """Groups of adjoining rings that are not the crystal's, without any dopant at them.

    Pentagons and heptagons that adjoin are pairs, each the core of a dislocation, however many form
    a boundary; two pairs back to back are a Stone-Wales defect. All others are named by the sizes
    of their rings. The ring around an `empty` site (x, y), Å, is none of them.
    """
    found = atoms.atoms()
    bonds = material_bonds(found.positions, list(found.classes), material.bonds)
    origin, face, size, interior = faces(found.positions, bonds)
    dopants = np.array([name in material.defects.dopants for name in found.classes], dtype=bool)
    touched = np.bincount(face, dopants[origin], len(size)) > 0
    odd = np.flatnonzero(
        interior
        & (size != material.defects.ring)
        & (size >= SMALLEST)
        & (size <= LARGEST)
        & ~touched
    )
    rings = nx.Graph()
    rings.add_nodes_from((int(f), {"size": int(size[f])}) for f in odd)
    # The two directions of a bond belong to the rings on either side of it.
    sides = face.reshape(2, -1).T
    rings.add_edges_from(
        (int(a), int(b)) for a, b in sides[np.isin(sides, odd).all(axis=1)] if a != b
    )
    certain = _certainty(found, bonds, material)
    for group in nx.connected_components(rings):
        for name, part in _parts(rings.subgraph(group)):
            corners = np.unique(origin[np.isin(face, part)])
            middle = found.positions[corners].mean(axis=0)
            if any(np.linalg.norm(site - middle) < material.bonds.length for site in empty):
                continue
            inside = np.isin(sides, part).any(axis=1)
            yield Defect(
                name=name,
                positions=found.positions[corners],
                classes=tuple(found.classes[corners]),
                n_dopant=0,
                n_host=len(corners),
                confidence=float(np.prod(found.probability[corners]) * np.prod(certain[inside])),
            )


def _certainty(atoms: AtomSet, bonds: np.ndarray, material: Material) -> np.ndarray:
    """Probability (bonds,) that each bond is shorter than the longest of its classes."""
    limits = [material.bonds.cutoff_of(atoms.classes[i], atoms.classes[j]) for i, j in bonds]
    return atoms.nearer(bonds, np.array(limits))


def _parts(group: nx.Graph) -> Iterator[tuple[str, list[int]]]:
    """Names of the defects in a group of adjoining rings, and their rings."""
    size = nx.get_node_attributes(group, "size")
    counts = Counter(size.values())
    if counts == {5: 2, 7: 2} and _back_to_back(group, size):
        yield STONE_WALES, list(group)
        return
    if set(counts) <= {5, 7} and counts[5] and counts[7]:
        across = group.edge_subgraph([(a, b) for a, b in group.edges if size[a] != size[b]])
        pairs = nx.max_weight_matching(across, maxcardinality=True)
        for pair in pairs:
            yield "5-7", sorted(pair)
        for ring in set(group) - {ring for pair in pairs for ring in pair}:
            yield str(size[ring]), [ring]
        return
    yield "-".join(str(size[ring]) for ring in _in_order(group, size)), list(group)


def _back_to_back(group: nx.Graph, size: dict[int, int]) -> bool:
    """Whether two heptagons adjoin and both pentagons adjoin both of them."""
    heptagons = [ring for ring in group if size[ring] == 7]
    pentagons = [ring for ring in group if size[ring] == 5]
    return group.has_edge(*heptagons) and all(
        group.has_edge(p, h) for p in pentagons for h in heptagons
    )


def _in_order(group: nx.Graph, size: dict[int, int]) -> list[int]:
    """The rings of a chain from end to end, such as 5-8-5; of other groups by their size."""
    ends = [ring for ring in group if group.degree(ring) == 1]
    chain = len(ends) == 2 and all(degree <= 2 for _, degree in group.degree)
    if not chain:
        return sorted(group, key=lambda ring: size[ring])
    first = min(ends, key=lambda ring: size[ring])
    return list(nx.dfs_preorder_nodes(group, first))
