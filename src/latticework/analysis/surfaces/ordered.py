"""Order in an image whose sites a network has found: what `latticework order` does.

What is looked for follows from the material: a state with ordering vectors, that makes sites bright
and dark in turn, or orientations, of which molecules form domains. Of any other lattice the usual
ordering vectors of its symmetry are tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.spatial import cKDTree

from latticework.analysis.surfaces.azimuths import circular_waves, turned_kinds
from latticework.analysis.surfaces.markov_field import domains
from latticework.analysis.surfaces.site_lattice import (
    SiteLattice,
    missing_sites,
    neighbour_vectors,
    on_lattice,
)
from latticework.analysis.surfaces.site_order import (
    FEWEST,
    SIGNIFICANT,
    SiteOrder,
    order_of,
    site_values,
)
from latticework.imaging.levelling import level
from latticework.materials import Material

THIRD = 1 / 3
# Ordering vectors that are tried where the material names none, by neighbours of a site: (½, ½)
# and (½, 0), (0, ½) of a square lattice; 2 × 1, √3 × √3 and 3 × 3 of a hexagonal one.
USUAL = {
    4: {"c(2 × 2)": [(0.5, 0.5)], "2 × 1": [(0.5, 0.0)], "1 × 2": [(0.0, 0.5)]},
    6: {
        "2 × 1": [(0.5, 0.0)],
        "√3 × √3": [(THIRD, THIRD)],
        "√7 × √7": [(3 / 7, 1 / 7), (1 / 7, -2 / 7), (2 / 7, 3 / 7)],
        "√7 × √7, mirrored": [(1 / 7, 3 / 7), (-2 / 7, 1 / 7), (3 / 7, 2 / 7)],
        "3 × 3": [(THIRD, 0.0), (0.0, THIRD), (THIRD, -THIRD)],
    },
}
ACROSS = 1.3  # of the distance of neighbours: where the next ones are not yet
ON_LATTICE = 0.8  # share of the sites that have to hang together, for no warning
MISSING = "missing"  # class of a site that is empty


@dataclass(frozen=True)
class Ordered:
    """Order of an image's sites.

    Parameters
    ----------
    table
        Sites, found and missing: those of the network with `h`, `k` (indices in the lattice),
        `group` (0: the largest part that hangs together, −1 outside of all), and `brightness`;
        where there is an ordered state `domain`, `state` and `local_order`; where classes are
        orientations `domain`, one for each azimuth of each, and `orientation_domain`. A missing
        site has the class "missing".
    lattice
        Of the sites; None where there is none.
    states
        Of each ordering that was looked for, by its name.
    walls
        (m, 2, 2) px: pairs of neighbours in different domains.
    warnings
        What makes this doubtful.
    """

    table: pd.DataFrame
    lattice: SiteLattice | None
    states: dict[str, SiteOrder]
    walls: np.ndarray
    warnings: list[str]

    @property
    def best(self) -> str | None:
        """The ordering that is there; of several the most significant."""
        there = {name: one for name, one in self.states.items() if one.present}
        return max(there, key=lambda name: there[name].significance) if there else None


def lattice_of_sites(
    positions: np.ndarray, material: Material, sampling: float
) -> SiteLattice | None:
    """The lattice of sites (n, 2) px; None where they have none.

    With as many neighbours as the material has, at its distance; where it says neither, with four
    or six, whichever fits the directions better.
    """
    if len(positions) < FEWEST:
        return None
    bonds = material.bonds
    if bonds is not None and bonds.coordination in USUAL:
        vectors = neighbour_vectors(positions, bonds.longest / sampling, bonds.coordination)
        return None if vectors is None else on_lattice(positions, vectors)
    nearest = float(np.median(cKDTree(positions).query(positions, k=2)[0][:, 1]))
    pairs = cKDTree(positions).query_pairs(ACROSS * nearest, output_type="ndarray")
    edges = positions[pairs[:, 1]] - positions[pairs[:, 0]]
    angles = np.arctan2(edges[:, 1], edges[:, 0])
    # Directions of neighbours repeat after 90° or after 60°.
    coordination = max(USUAL, key=lambda count: abs(np.exp(1j * count * angles).mean()))
    vectors = neighbour_vectors(positions, ACROSS * nearest, coordination)
    return None if vectors is None else on_lattice(positions, vectors)


def read_order(
    image: np.ndarray,
    sites: pd.DataFrame,
    material: Material,
    classes: Sequence[str],
    sampling: float,
    vectors: Sequence[tuple[float, float]] = (),
) -> Ordered:
    """Order of the sites of an image (ny, nx) as the instrument wrote it.

    Parameters
    ----------
    sites
        Table of the network, with x_px, y_px and p_<class>.
    classes
        Of the network.
    sampling
        Å per px; not used where the material's unit is the spacing.
    vectors
        Ordering vectors to look for in place of the material's, one state of them all.
    """
    levelled = level(torch.from_numpy(np.array(image, dtype=np.float32))).numpy()
    table = sites.reset_index(drop=True)
    positions = table[["x_px", "y_px"]].to_numpy(dtype=float).reshape(-1, 2)
    lattice = lattice_of_sites(positions, material, sampling)
    if lattice is None or len(lattice.single(0)) < FEWEST:
        return Ordered(table, None, {}, np.zeros((0, 2, 2)), ["the sites have no lattice"])
    own, warnings = lattice.single(0), []
    if len(own) < ON_LATTICE * len(positions):
        warnings.append(
            f"{len(own)} of {len(positions)} sites hang together on one lattice: order is that of "
            "these"
        )
    values = site_values(levelled, positions, lattice.spacing)
    table = table.assign(
        h=lattice.indices[:, 0], k=lattice.indices[:, 1], group=lattice.group, brightness=values
    )
    readings, given = [values], material.order
    if given is not None and given.bright in classes and given.dark in classes:
        readings.append((table[f"p_{given.bright}"] - table[f"p_{given.dark}"]).to_numpy())
    states = {
        name: order_of(positions, np.array(readings), lattice, np.array(one, dtype=float))
        for name, one in orderings(material, lattice, vectors).items()
    }
    found = Ordered(table, lattice, states, np.zeros((0, 2, 2)), warnings)
    labels = np.full(len(positions), -1)
    if found.best is not None:
        state = states[found.best]
        labels = state.domain
        table = table.assign(domain=state.domain, state=state.state, local_order=state.local)
    if given is not None and given.orientations:
        shares = table[[f"p_{name}" for name in classes]].to_numpy()[own]
        waves = circular_waves(levelled, positions[own], lattice.spacing)
        azimuths = [given.orientations[name] for name in classes]
        seen, kinds = turned_kinds(waves, shares, azimuths, 60.0 if lattice.hexagonal else 90.0)
        labels = np.full(len(positions), -1)
        labels[own] = domains(seen, lattice.pairs_of(own)).argmax(axis=1)
        names = np.array([*np.array(classes)[kinds], ""], dtype=object)
        table = table.assign(domain=labels, orientation_domain=names[labels])
    pairs = own[lattice.pairs_of(own)]
    walls = positions[pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]]]
    empty = missing_sites(positions, lattice, levelled.shape)
    gone = pd.DataFrame({"x_px": empty[:, 0], "y_px": empty[:, 1], "class": MISSING})
    if len(gone):
        table = pd.concat([table, gone], ignore_index=True)
    return Ordered(table, lattice, states, walls, warnings)


def orderings(
    material: Material, lattice: SiteLattice, vectors: Sequence[tuple[float, float]]
) -> dict[str, Sequence[tuple[float, float]]]:
    """Ordering vectors that are looked for, by their names: the user's, or the material's, or the
    usual ones of the lattice."""
    if vectors:
        return {said(vectors): vectors}
    if material.order is not None:
        given = material.order.vectors
        return {said(given): given} if given else {}
    return USUAL[6 if lattice.hexagonal else 4]


def said(vectors: Sequence[tuple[float, float]]) -> str:
    """Vectors in words, (0.5, 0.5)."""
    return ", ".join(f"({h:.3g}, {k:.3g})" for h, k in vectors)


def in_words(found: Ordered, sampling: float | None) -> list[str]:
    """What was found, in lines; lengths in Å where a pixel is `sampling` Å, else in px."""
    if found.lattice is None:
        return ["no lattice of sites"]
    unit, size = ("px", 1.0) if sampling is None else ("Å", sampling)
    a, b = np.linalg.norm(found.lattice.vectors, axis=1) * size
    missing = int((found.table["class"] == MISSING).sum())
    lines = [
        f"{len(found.lattice.single(0))} sites on a lattice of {a:.2f} × {b:.2f} {unit}, "
        f"{missing} missing"
    ]
    for name, state in found.states.items():
        if not state.present:
            lines.append(
                f"no order at {name}: sites agree {state.significance:.1f} standard "
                f"deviations more than by chance, and {SIGNIFICANT:g} are asked for"
            )
            continue
        lines.append(
            f"order at {name}: order parameter {state.parameter:.2f}, "
            f"{state.local_parameter:.2f} locally, correlation length {state.length * size:.1f} "
            f"{unit}, {state.significance:.1f} standard deviations"
        )
    if "orientation_domain" in found.table:
        share = found.table["orientation_domain"].dropna().value_counts(normalize=True)
        lines.append("domains: " + ", ".join(f"{n} {s:.0%}" for n, s in share.items() if n))
    if len(found.walls):
        lines.append(f"{len(found.walls)} pairs of neighbours are in different domains")
    return lines
