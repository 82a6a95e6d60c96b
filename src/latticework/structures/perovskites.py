"""Perovskites ABO3 along [100] and [110]: columns of A and B, and if wanted of oxygen.

Ions are displaced as perovskites do it: B sites off their centres, with domains (ferroelectrics); A
sites to and fro across a wave (antiferroelectric and tilted ones); both sites across a longer wave
(charge-ordered manganites). Lengths are in Å.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from ase import Atoms
from pydantic import Field

from latticework.config.base import Lengths, Section
from latticework.materials import Material
from latticework.structures import numbered
from latticework.structures.projected import (
    Columns,
    Crystal,
    Projection,
    arrangement,
    crystal,
    waves,
)

ZoneAxis = Literal["100", "110"]
PLACES = ("A", "B", "O")
WALL = 0.5  # of a domain's mean field, over which the polarisation turns


class Composition(Section):
    """Elements of the two sites of cations, with their shares."""

    A: dict[str, float] = Field(min_length=1, description="Shares of the elements on A sites.")
    B: dict[str, float] = Field(min_length=1, description="Shares of the elements on B sites.")


class Parameters(Crystal):
    """Parameters of a foil; ranges are drawn uniformly."""

    box: float = Field(27.3, gt=15, le=100, description="Side of the periodic square, Å.")
    zone_axes: list[ZoneAxis] = Field(
        ["100", "100", "110"], min_length=1, description="Along the beam, one a structure."
    )
    compositions: list[Composition] = Field(
        [Composition(A={"Sr": 1.0}, B={"Ti": 1.0})], min_length=1, description="One a structure."
    )
    polar: Lengths = (0.0, 0.2)
    zigzag: Lengths = (0.0, 0.25)
    modulation: Lengths = (0.0, 0.15)
    row: float = Field(3.9, gt=1, le=20, description="Distance of rows of A that zigzag, Å.")
    oxygen: bool = Field(False, description="Whether columns of oxygen are to be found as well.")


def along(zone_axis: ZoneAxis, lattice_constant: float) -> Projection:
    """A cubic perovskite along a zone axis; each column starts with the ion that names it."""
    a = lattice_constant
    if zone_axis == "100":
        sites = np.array([[0, 0], [0.5, 0.5], [0.5, 0], [0, 0.5]])
        contents = (
            (("A", 0.0),),
            (("B", 0.5), ("O", 0.0)),
            (("O", 0.5),),
            (("O", 0.5),),
        )
        return Projection((a, a), a, sites, contents)
    # [1-10] to the right, [001] up, [110] along the beam.
    sites = np.array([[0, 0], [0.5, 0], [0, 0.5], [0.5, 0.5], [0.25, 0.5], [0.75, 0.5]])
    contents = (
        (("A", 0.0), ("O", 0.5)),
        (("A", 0.5), ("O", 0.0)),
        (("B", 0.5),),
        (("B", 0.0),),
        (("O", 0.25), ("O", 0.75)),
        (("O", 0.25), ("O", 0.75)),
    )
    return Projection((a * np.sqrt(2), a), a * np.sqrt(2), sites, contents)


def classes(parameters: Mapping[str, Any], material: Material) -> list[str]:
    """Columns of A and of B, and of oxygen alone where it is to be found."""
    given = Parameters.model_validate(parameters)
    return list(PLACES if given.oxygen else PLACES[:2])


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
    known = classes(parameters, material)
    return numbered(
        lambda rng: foil(rng, material.lattice_constant, known, given),
        seed=seed,
        study=study,
        split=split,
        indices=indices,
    )


def foil(
    rng: np.random.Generator,
    lattice_constant: float,
    known: Sequence[str],
    given: Parameters,
) -> Atoms:
    """One foil, `info["zone_axis"]` along the beam; `known` are the classes."""
    axis = str(rng.choice(given.zone_axes))
    projection = along(axis, lattice_constant)
    columns = arrangement(rng, projection, given)
    place = np.array([contents[0][0] for contents in projection.contents])
    columns = distorted(rng, columns, place[columns.sites], given)
    chosen = given.compositions[rng.integers(len(given.compositions))]
    elements = {"A": chosen.A, "B": chosen.B, "O": {"O": 1.0}}
    kinds = [known.index(name) + 1 if name in known else 0 for name in place]
    atoms = crystal(rng, projection, columns, elements, kinds, given)
    atoms.info["zone_axis"] = axis
    return atoms


def distorted(
    rng: np.random.Generator, columns: Columns, place: np.ndarray, given: Parameters
) -> Columns:
    """Columns whose ions are displaced together: polarisation, zigzag and modulation.

    `place` (n,) names each column's ion.
    """
    positions, box = columns.positions, given.box
    polarisation = rng.uniform(*given.polar) * direction(rng)
    domain = np.tanh(waves(rng, positions, box) / WALL + rng.uniform(-2, 2))
    moved = np.where((place == "B")[:, None], domain[:, None] * polarisation, 0)
    # About every other row moves the other way.
    rows = round(box / given.row)
    order = axis_of(rng) * rng.integers(rows // 2 - 1, rows // 2 + 2)
    across = np.sign(plane_wave(rng, positions, box, order))[:, None]
    zigzag = rng.uniform(*given.zigzag) * across * direction(rng)
    moved += np.where((place == "A")[:, None], zigzag, 0)
    order = rng.integers(-3, 4, 2)
    transverse = np.array([-order[1], order[0]]) / max(np.hypot(*order), 1)
    wave = plane_wave(rng, positions, box, order)[:, None] * transverse
    moved += np.where((place != "O")[:, None], rng.uniform(*given.modulation) * wave, 0)
    return columns.moved(moved, box)


def direction(rng: np.random.Generator) -> np.ndarray:
    """A random unit vector (2,)."""
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def axis_of(rng: np.random.Generator) -> np.ndarray:
    """One of the two sides of the box, (2,) integers."""
    return np.eye(2, dtype=int)[rng.integers(2)]


def plane_wave(
    rng: np.random.Generator, positions: np.ndarray, box: float, order: np.ndarray
) -> np.ndarray:
    """A wave (n,) of unit amplitude with `order` (2,) periods across the box, of random phase."""
    return np.cos(2 * np.pi * positions @ order / box + rng.uniform(0, 2 * np.pi))
