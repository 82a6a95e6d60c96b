"""Defects by foreign atoms: what is bonded together through dopants, as Si2C5 (Ziatdinov 2018).

The bond graph has the longest bonds of each pair of classes; bonds without a dopant are dropped; a
dopant with more bonds than its chemistry allows loses the longest ones to the host. What then hangs
together is one defect, be it of a kind that was ever seen or not.
"""

from collections import Counter
from collections.abc import Iterator

import networkx as nx
import numpy as np
from scipy import special
from scipy.spatial import cKDTree

from latticework.analysis.atoms.atom_set import AtomSet
from latticework.analysis.atoms.bonds_and_rings import bond_lengths, material_bonds
from latticework.analysis.atoms.defect import Defect
from latticework.materials import Material

FULL_TURN = 360.0
# Standard deviations of a distance within which a pair beyond the longest bond may be bonded.
DOUBTFUL = 4.0


def dopant_graph(atoms: AtomSet, material: Material) -> nx.Graph:
    """Graph of the dopants and of what each is bonded to; nodes are numbers in `atoms`.

    An edge has its `length` in Å. A node that lost bonds has `lost`: the longest bond that it kept
    and the shortest that it lost, as pairs of atoms.
    """
    most = material.defects.dopants
    dopants = [int(i) for i in np.flatnonzero([name in most for name in atoms.classes])]
    bonds = material_bonds(atoms.positions, list(atoms.classes), material.bonds)
    bonds = bonds[np.isin(bonds, dopants).any(axis=1)]
    graph = nx.Graph()
    graph.add_nodes_from(dopants)
    lengths = bond_lengths(atoms.positions, bonds)
    graph.add_weighted_edges_from(
        ((int(i), int(j), length) for (i, j), length in zip(bonds, lengths, strict=True)), "length"
    )
    for dopant in dopants:
        # Bonds to other dopants are never removed: there may be more of them than allowed.
        hosts = [other for other in graph[dopant] if atoms.classes[other] not in most]
        hosts.sort(key=lambda other: graph.edges[dopant, other]["length"])
        excess = min(graph.degree(dopant) - most[atoms.classes[dopant]], len(hosts))
        if excess <= 0:
            continue
        kept, lost = hosts[:-excess], hosts[-excess:]
        graph.remove_edges_from((dopant, other) for other in lost)
        graph.nodes[dopant]["lost"] = (kept[-1] if kept else None, lost)
    lone = [node for node in graph if graph.degree(node) == 0 and node not in set(dopants)]
    graph.remove_nodes_from(lone)
    return graph


def dopant_defects(
    atoms: AtomSet, field: tuple[float, float], material: Material
) -> Iterator[Defect]:
    """Every defect around dopants in a field (x, y) of Å; `atoms` with all candidates."""
    found = atoms.atoms()
    graph = dopant_graph(found, material)
    beyond = _doubtful_pairs(found, atoms, material)
    for members in nx.connected_components(graph):
        part = graph.subgraph(members)
        dopants = sorted(n for n in part if found.classes[n] in material.defects.dopants)
        hosts = sorted(set(part) - set(dopants))
        spread = _angle_spread(part, dopants, found)
        yield Defect(
            name=_formula(found.classes[dopants], found.classes[hosts], material),
            positions=found.positions[dopants + hosts],
            classes=tuple(found.classes[dopants + hosts]),
            n_dopant=len(dopants),
            n_host=len(hosts),
            confidence=_confidence(part, dopants, hosts, found, beyond, field, material),
            distorted=bool(spread > material.defects.distorted),
            **_bond(part, hosts, found),
        )


def _bond(part: nx.Graph, hosts: list[int], atoms: AtomSet) -> dict[str, float]:
    """Mean length of the bonds of a defect and its standard deviation, Å.

    An error of a dopant's position lengthens some bonds by what it shortens others, so that those
    of the hosts remain.
    """
    if not part.edges:
        return {}
    lengths = [part.edges[edge]["length"] for edge in part.edges]
    sigma = np.sqrt(np.sum(atoms.sigma[hosts] ** 2)) / len(lengths)
    return {"bond": float(np.mean(lengths)), "bond_sigma": float(sigma)}


def _formula(dopants: np.ndarray, hosts: np.ndarray, material: Material) -> str:
    """Si2C5, with the classes in the material's order; a dopant without bonds is Si1."""
    counts = Counter(dopants), Counter(hosts)
    order = [*material.defects.dopants], [*material.classes]
    return "".join(
        f"{name}{count[name]}"
        for names, count in zip(order, counts, strict=True)
        for name in names
        if count[name]
    )


def _angle_spread(part: nx.Graph, dopants: list[int], atoms: AtomSet) -> float:
    """Largest standard deviation of the angles between a dopant's neighbouring bonds, degrees.

    Only of dopants that are not bonded to other dopants: in a cluster, unequal angles are the rule.
    """
    spreads = [0.0]
    for dopant in dopants:
        around = [n for n in part[dopant]]
        if len(around) < 3 or any(n in set(dopants) for n in around):
            continue
        vectors = atoms.positions[around] - atoms.positions[dopant]
        angles = np.sort(np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0])))
        spreads.append(float(np.std(np.diff(angles, append=angles[0] + FULL_TURN))))
    return max(spreads)


def _doubtful_pairs(found: AtomSet, atoms: AtomSet, material: Material) -> dict[int, list]:
    """By dopant: (atom or None, probability that it is bonded) of all that is near and may be.

    An atom is a number in `found`; None is a candidate that does not count as an atom.
    """
    number = np.full(len(atoms), -1)
    number[atoms.found] = np.arange(len(found))
    most = material.defects.dopants
    dopants = [i for i in np.flatnonzero(atoms.found) if atoms.classes[i] in most]
    reach = material.bonds.longest + DOUBTFUL * np.sqrt(2) * atoms.sigma.max(initial=0.0)
    near: dict[int, list] = {}
    if not dopants:
        return near
    for dopant, others in zip(
        dopants,
        cKDTree(atoms.positions).query_ball_point(atoms.positions[dopants], reach),
        strict=True,
    ):
        others = [other for other in others if other != dopant]
        pairs = np.array([(dopant, other) for other in others], dtype=int).reshape(-1, 2)
        limits = [
            material.bonds.cutoff_of(atoms.classes[dopant], atoms.classes[other])
            for other in others
        ]
        bonded = atoms.nearer(pairs, np.array(limits)) * (np.array(limits) > 0)
        exists = np.where(atoms.found[others], 1.0, atoms.probability[others])
        near[int(number[dopant])] = [
            (None if number[other] < 0 else int(number[other]), float(chance))
            for other, chance in zip(others, bonded * exists, strict=True)
        ]
    return near


def _confidence(
    part: nx.Graph,
    dopants: list[int],
    hosts: list[int],
    atoms: AtomSet,
    near: dict[int, list],
    field: tuple[float, float],
    material: Material,
) -> float:
    """Probability that every decision behind a defect's name holds, taken as independent.

    Each of its atoms is there and of its class; each bond is shorter than the longest that its
    classes have; nothing else near a dopant is bonded to it; the bonds that a dopant lost were the
    longest; and no neighbour lies beyond the border of the picture.
    """
    result = float(np.prod(atoms.probability[dopants + hosts]))
    for dopant in dopants:
        kept, lost = part.nodes[dopant].get("lost", (None, []))
        for other, bonded in near[dopant]:
            if other in part[dopant]:
                # A bond of two dopants is one decision, met at both ends.
                result *= bonded ** (0.5 if other in near else 1.0)
            elif other not in lost:
                result *= 1 - bonded
        if kept is not None:
            result *= _longer(atoms, dopant, kept, lost[0])
        outside = _share_outside(atoms.positions[dopant], material.bonds.longest, field)
        result *= (1 - outside) ** material.bonds.coordination
    return result


def _longer(atoms: AtomSet, dopant: int, first: int, second: int) -> float:
    """Probability that the bond of a dopant to the second atom is longer than to the first."""
    lengths = np.linalg.norm(atoms.positions[[first, second]] - atoms.positions[dopant], axis=1)
    return float(special.ndtr(np.diff(lengths)[0] / np.hypot(*atoms.sigma[[first, second]])))


def _share_outside(centre: np.ndarray, radius: float, field: tuple[float, float]) -> float:
    """Share of a circle around a point that lies outside a field (x, y) from the origin."""
    angle = np.arange(0, 2 * np.pi, np.pi / 60)
    circle = centre + radius * np.column_stack([np.cos(angle), np.sin(angle)])
    inside = ((circle >= 0) & (circle <= np.asarray(field))).all(axis=1)
    return float(1 - inside.mean())
