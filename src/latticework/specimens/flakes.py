"""Flakes of hexagonal boron nitride along the beam: a lattice without strain (Munshi 2022, Fig. 4).

Lengths in Å. The flake is a wedge of layers in AA' stacking: its thickness grows along x.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from pydantic import Field

from latticework.config.base import Integers, Section
from latticework.structures.orientations import about, fill_box

SPACING = 3.33  # between layers
BORON, NITROGEN = 5, 7


class Parameters(Section):
    """A scan of a flake."""

    lattice: float = Field(2.504, gt=1, lt=10, description="Å.")
    layers: Integers = Field((20, 40), description="Of the flake, at the left and the right end.")
    tilt: float = Field(0.0, ge=0, lt=20, description="Mistilt about an axis in x, degrees.")
    azimuth: float = Field(11.0, description="Of the lattice's vector a from x, degrees.")
    positions: int = Field(gt=0, description="Along x.")
    rows: int = Field(1, gt=0, description="Along y.")
    step: float = Field(100.0, gt=0, description="Between positions, Å.")


@dataclass(frozen=True)
class Flake:
    """A flake that is ready; it has nothing to draw."""

    design: Parameters


def prepare(design: Parameters, seed: int, name: str, reach: float) -> Flake:
    """The flake of a design."""
    return Flake(design)


def places(design: Parameters) -> np.ndarray:
    """Positions (rows, positions, 2) of the probe, x and y in Å."""
    x, y = (np.arange(n) * design.step for n in (design.positions, design.rows))
    return np.stack(np.broadcast_arrays(x, y[:, None]), axis=-1)


def vectors(design: Parameters) -> np.ndarray:
    """Lattice vectors a and b (2, 2) of a layer."""
    angles = np.radians(design.azimuth + np.array([0.0, 120.0]))
    return design.lattice * np.column_stack([np.cos(angles), np.sin(angles)])


def _orientation(design: Parameters) -> np.ndarray:
    return about(np.array([1.0, 0, 0]), np.radians(design.tilt))


def design_deformation(design: Parameters, x: float) -> np.ndarray:
    """Deformation (2, 2) of the lattice as it was grown: none."""
    return np.eye(2)


def true_deformation(design: Parameters, x: float) -> np.ndarray:
    """Deformation (2, 2) of the lattice in projection: what the mistilt foreshortens."""
    return np.linalg.inv(_orientation(design)[:2, :2]).T


def reference(design: Parameters) -> np.ndarray:
    """Reciprocal vectors (2, 2) of a layer, 1/Å."""
    return np.linalg.inv(vectors(design)).T


def settled(design: Parameters, x: float, reach: float) -> bool:
    """Always: there is one lattice."""
    return True


def local_box(flake: Flake, place: Sequence[float], side: float) -> Atoms:
    """Atoms in a square box (side, side, thickness) whose middle is at a place (x, y)."""
    design = flake.design
    low, high = design.layers
    share = place[0] / (design.step * max(1, design.positions - 1))
    layers = round(low + (high - low) * share)
    a, b = vectors(design)
    cell = np.array([[*a, 0], [*b, 0], [0, 0, 2 * SPACING]])
    third = np.array([1, 2]) / 3
    fractions = [(0, 0, 0.25), (*third, 0.25), (0, 0, 0.75), (*third, 0.75)]
    crystal = Atoms(
        [BORON, NITROGEN, NITROGEN, BORON], cell=cell, scaled_positions=fractions, pbc=True
    )
    crystal.info |= {
        "orientation": _orientation(design),
        "origin": np.array([*np.linalg.solve(np.stack([a, b]).T, place), 0.0]) % 1,
    }
    return fill_box(crystal, (side, side, layers * SPACING))
