"""Crystalline supports of particles. Lengths are in Å."""

import numpy as np
from ase import Atoms
from ase.build import bulk

from latticework.structures.orientations import about

CERIA_LATTICE_CONSTANT = 5.411
# Degrees RMS by which the planes of a support are off the beam.
LEAN = 2.0
BORDER = 0.6  # half a bond, free at the periodic border, where a crystal does not fit to itself


def ceria(
    rng: np.random.Generator,
    box: float,
    thickness: tuple[float, float],
    overlap: tuple[float, float],
) -> Atoms:
    """A CeO2 crystal that fills a part of the box, or all of it, seen along its {111} planes.

    The (111) normal lies in the image plane to within a few degrees, so that the 3.12 Å fringes
    show; the crystal is turned at random about it. It ends at a straight edge.

    Parameters
    ----------
    rng
        Source of all that is random.
    box
        Side of the square box, Å.
    thickness
        Range along the beam, Å.
    overlap
        Range of the edge's distance beyond the centre of the box, Å; beyond box/√2 there is no
        edge. The crystal is centred at the origin.
    """
    extent = box / np.sqrt(2) + thickness[1]
    unit = bulk("CeO2", crystalstructure="fluorite", a=CERIA_LATTICE_CONSTANT, cubic=True)
    repeats = 2 * int(np.ceil(extent / CERIA_LATTICE_CONSTANT)) + 1
    crystal = unit.repeat((repeats,) * 3)
    positions = crystal.positions - crystal.positions.mean(axis=0)
    # (111) along x, then a random turn about it, then a random direction of it in the image.
    frame = np.array([[1, 1, 1], [1, -1, 0], [1, 1, -2]], float)
    frame /= np.linalg.norm(frame, axis=1, keepdims=True)
    turn = about(np.array([1.0, 0, 0]), rng.uniform(0, 2 * np.pi))
    lean = about(np.array([0, 1.0, 0]), np.deg2rad(rng.normal(0, LEAN)))
    direction = rng.uniform(0, 2 * np.pi)
    positions = positions @ frame.T @ turn.T @ lean.T
    positions = positions @ about(np.array([0, 0, 1.0]), direction).T
    edge = direction + rng.uniform(-np.pi / 3, np.pi / 3)
    outward = np.array([np.cos(edge), np.sin(edge)])
    inside = np.abs(positions[:, 2]) < rng.uniform(*thickness) / 2
    inside &= positions[:, :2] @ outward < rng.uniform(*overlap)
    inside &= (np.abs(positions[:, :2]) < box / 2 - BORDER).all(axis=1)
    return Atoms(crystal.numbers[inside], positions=positions[inside])
