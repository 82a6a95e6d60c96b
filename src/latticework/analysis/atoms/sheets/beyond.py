"""Atoms beyond the border of an image, whose scattering reaches into it: the lattice continued.

Where atoms near the border stand in a honeycomb, strained or not, an affine map of a perfect one is
fitted to their surroundings and says where the next atoms must be. A grain boundary or an edge that
lies just beyond the border cannot be known.
"""

import math

import numpy as np
from scipy.spatial import cKDTree

from latticework.analysis.atoms.template_strain import (
    NEIGHBOURS,
    RESIDUAL_LIMIT,
    fit_templates,
)
from latticework.structures.thinning import hard_core

REACH = 9.0  # Å beyond the border, as far as lenses of the trained range take an atom's image
ANCHORS = 4.0  # Å from the border, within which atoms are whose lattice is continued
DISTURBED = 1.5  # Å along the border where a network's positions are less sure
SPREAD = 3.0  # Å between two of them
RADII = (
    4.5,
    7.0,
    10.0,
    13.0,
)  # Å of surroundings to which a lattice is fitted, one after the other
AGREEING = 0.5  # Å between an atom and its place in the lattice, at most
FITTING = 0.8  # share of the places inside the image that must have their atom
NEAREST = 0.9  # Å between two atoms, at least


def continued(
    positions: np.ndarray, classes: np.ndarray, extent: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Positions (m, 2) in Å and classes (m,) of atoms that must lie beyond an image's border.

    Parameters
    ----------
    positions, classes
        (n, 2) in Å and (n,), of the atoms of a honeycomb in the image.
    extent
        (2,), width and height of the image, Å.
    """
    if len(positions) <= NEIGHBOURS:
        return positions[:0], classes[:0]
    maps, residual = fit_templates(positions)
    depth = np.minimum(positions, extent - positions).min(axis=1)
    # Next to the border an atom's nine neighbours are not all in the image.
    anchors = np.flatnonzero((residual < RESIDUAL_LIMIT) & (depth < 2 * ANCHORS))
    anchors = anchors[np.argsort(depth[anchors], kind="stable")]
    anchors = anchors[hard_core(positions[anchors], SPREAD)] if len(anchors) else anchors
    tree = cKDTree(positions)
    places, kinds, away = [positions[:0]], [classes[:0]], [np.zeros(0)]
    for anchor in anchors:
        lattice, kind = _lattice_around(anchor, maps[anchor], positions, classes, tree, extent)
        outside = ((lattice < 0) | (lattice > extent)).any(axis=1)
        outside &= ((lattice > -REACH) & (lattice < extent + REACH)).all(axis=1)
        places.append(lattice[outside])
        kinds.append(kind[outside])
        away.append(np.hypot(*(lattice[outside] - positions[anchor]).T))
    # Where several lattices say that an atom must be, the nearest one's counts.
    order = np.argsort(np.concatenate(away), kind="stable")
    every, kind = np.concatenate(places)[order], np.concatenate(kinds)[order]
    if not len(every):
        return every, kind
    kept = hard_core(every, NEAREST) & (tree.query(every)[0] > NEAREST)
    return every[kept], kind[kept]


def _lattice_around(
    anchor: int,
    start: np.ndarray,
    positions: np.ndarray,
    classes: np.ndarray,
    tree: cKDTree,
    extent: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Places (m, 2), Å, of the lattice that continues an atom's surroundings, and their classes.

    `start` (2, 2) takes the template of `template_strain` there. There are none where the
    surroundings are no honeycomb.
    """
    bond = math.sqrt(abs(np.linalg.det(start)))
    template, sublattice = _honeycomb((RADII[-1] + REACH) / bond)
    middle = positions[anchor]
    places = template @ start.T + middle
    for radius in RADII:
        near = np.hypot(*(places - middle).T) < radius
        near &= ((places > DISTURBED) & (places < extent - DISTURBED)).all(axis=1)
        distance, found = tree.query(places[near])
        agreeing = distance < AGREEING
        if agreeing.mean() < FITTING:
            return positions[:0], classes[:0]
        known = np.column_stack([template[near][agreeing], np.ones(agreeing.sum())])
        fit, *_ = np.linalg.lstsq(known, positions[found[agreeing]], rcond=None)
        places = template @ fit[:2] + fit[2]
        kinds = [
            np.bincount(classes[found[agreeing & (sublattice[near] == part)]], minlength=1).argmax()
            for part in (0, 1)
        ]
    reached = np.hypot(*(places - middle).T) < 1.5 * REACH + ANCHORS
    return places[reached], np.array(kinds)[sublattice[reached]]


def _honeycomb(radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Atoms (n, 2) of a honeycomb with bonds of length 1 around one of them, and sublattices (n,).

    The nearest are at 0°, 120° and 240°, as in the template of `template_strain`.
    """
    steps = np.arange(-int(radius) - 1, int(radius) + 2)
    rows, columns = (part.ravel() for part in np.meshgrid(steps, steps, indexing="ij"))
    root = math.sqrt(3)
    corners = np.stack([1.5 * rows, root * (columns + rows / 2)], axis=1)
    places = np.concatenate([corners, corners + np.array([1.0, 0.0])])
    near = np.hypot(*places.T) <= radius
    return places[near], np.repeat([0, 1], len(corners))[near]
