"""Foils of face-centred cubic metals along ⟨110⟩ or ⟨100⟩, with twins and grain boundaries.

Lengths are in Å.
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from ase import Atoms
from pydantic import Field

from latticework.materials import Material
from latticework.structures import numbered
from latticework.structures.projected import Crystal, Projection, arrangement, crystal

ZoneAxis = Literal["100", "110"]


class Parameters(Crystal):
    """Parameters of a foil; ranges are drawn uniformly."""

    box: float = Field(28.7, gt=15, le=100, description="Side of the periodic square, Å.")
    twinned: float = Field(0.2, ge=0, le=1, description="Probability of two twins along ⟨110⟩.")
    crystalline: float = Field(0.3, ge=0, le=1, description="Probability of a polycrystal.")
    zone_axes: list[ZoneAxis] = Field(
        ["110"], min_length=1, description="Along the beam, one a structure."
    )


def along(zone_axis: ZoneAxis, lattice_constant: float) -> Projection:
    """An fcc metal along a zone axis; its {111} twins are mirrored in a plane of atoms."""
    a = lattice_constant
    if zone_axis == "100":
        contents = ((("atom", 0.0),), (("atom", 0.5),))
        half = np.array([[0, 0], [0.5, 0.5]])
        # The square of columns a/2 apart, turned by 45° against that of equal heights.
        return Projection((a / np.sqrt(2), a / np.sqrt(2)), a, half, contents)
    cell = (a / np.sqrt(2), a)
    normal = np.array([cell[1], cell[0]]) / np.hypot(*cell)
    contents = ((("atom", 0.0),), (("atom", 0.5),))
    sites = np.array([[0, 0], [0.5, 0.5]])
    return Projection(cell, a / np.sqrt(2), sites, contents, (*normal, 0.0, 0.0))


def classes(parameters: Mapping[str, Any], material: Material) -> list[str]:
    """One class, the columns of the metal."""
    return material.elements[:1]


def make_shard(
    parameters: Mapping[str, Any],
    material: Material,
    seed: int,
    study: str,
    split: str,
    indices: range,
) -> list[Atoms]:
    """Structures number `indices` of a study's split; `parameters` are those of `Parameters`."""
    given = Parameters.model_validate(parameters)
    element, constant = material.elements[0], material.lattice_constant
    return numbered(
        lambda rng: foil(rng, element, constant, given),
        seed=seed,
        study=study,
        split=split,
        indices=indices,
    )


def foil(
    rng: np.random.Generator, element: str, lattice_constant: float, given: Parameters
) -> Atoms:
    """One foil, `info["zone_axis"]` along the beam. Along ⟨100⟩ there are no twins."""
    axis = str(rng.choice(given.zone_axes))
    projection = along(axis, lattice_constant)
    if projection.twin is None:
        given = given.model_copy(update={"twinned": 0.0})
    columns = arrangement(rng, projection, given)
    atoms = crystal(rng, projection, columns, {"atom": {element: 1.0}}, [1, 1], given)
    atoms.info["zone_axis"] = axis
    return atoms
