"""Rotations, crystals seen along a direction, and boxes filled with them.

Lengths in Å; the beam runs along +z.
"""

import itertools

import numpy as np
from ase import Atoms
from scipy.spatial.transform import Rotation


def along_beam(direction: np.ndarray, angle: float) -> np.ndarray:
    """Rotation matrix (3, 3) that turns a direction onto +z, then by `angle` rad about it."""
    tilt = Rotation.align_vectors([[0, 0, 1.0]], [direction])[0]
    return (Rotation.from_rotvec([0, 0, angle]) * tilt).as_matrix()


def about(axis: np.ndarray, angle: float) -> np.ndarray:
    """Matrix (3, 3) that turns vectors by `angle` rad about an axis (Rodrigues)."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def tilt_from_zone(cell: np.ndarray, orientation: np.ndarray, most: int = 2) -> float:
    """Angle in degrees between the beam and the nearest low-index direction of a crystal.

    Low-index are the directions [uvw] of the cell (3, 3) whose indices are at most `most`.
    `orientation` (3, 3) turns the crystal's coordinates into those with the beam along +z.
    """
    line = np.arange(-most, most + 1)
    indices = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    directions = indices[indices.any(axis=1)] @ cell
    cosine = np.abs(directions @ np.asarray(orientation)[2]) / np.linalg.norm(directions, axis=1)
    return float(np.degrees(np.arccos(min(cosine.max(), 1.0))))


def fill_box(atoms: Atoms, box: tuple[float, float, float]) -> Atoms:
    """Fill a box (Å) with a crystal in its orientation: atoms at 0 ≤ x, y, z < box.

    `atoms` is a cell as `oriented_crystal` returns it: `info["orientation"]` (3, 3) turns its
    Cartesian coordinates into the box's, and the point `info["origin"]` (3,), in fractions of the
    cell, comes to lie in the middle of the entrance face, under the probe.
    """
    rotation = np.asarray(atoms.info["orientation"])
    cell = atoms.cell[:] @ rotation.T
    middle = np.array([box[0] / 2, box[1] / 2, 0])
    corner = np.array(list(itertools.product(*((0, length) for length in box)))) - middle
    fractions = corner @ np.linalg.inv(cell)
    low = np.floor(fractions.min(axis=0) - 2).astype(int)
    high = np.ceil(fractions.max(axis=0) + 2).astype(int)
    offsets = np.stack(
        np.meshgrid(*(np.arange(a, b + 1) for a, b in zip(low, high, strict=True)), indexing="ij"),
        axis=-1,
    ).reshape(-1, 3)
    corners = offsets @ cell + middle
    # Cells that reach the box at all; the others are most of them in an oblique orientation.
    reach = np.abs(cell).sum(axis=0)
    near = np.all((corners > -2 * reach) & (corners < np.array(box) + 2 * reach), axis=1)
    basis = (atoms.get_scaled_positions() - np.asarray(atoms.info["origin"])) @ cell
    positions = (corners[near][:, None] + basis).reshape(-1, 3)
    numbers = np.tile(atoms.numbers, int(near.sum()))
    inside = np.all((positions >= 0) & (positions < box), axis=1)
    return Atoms(
        numbers=numbers[inside],
        positions=positions[inside],
        cell=box,
        pbc=(True, True, False),
        info=dict(atoms.info),
    )
