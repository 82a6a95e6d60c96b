"""Surfaces as a tunnelling microscope sees them: the topmost sites, their charge and orbitals.

Lengths are in Å; the surface is periodic in a square box, into which a lattice of another shape
fits with a strain of some per cent. Arrays beside those of all: `density` (local density of states
of a site over the mean; files of extended XYZ mean something else by "charge"), `orbital_x` and
`orbital_y` (the shares of it in orbitals along x and y; the rest is round), `domain` (of an ordered
state, from 0).
"""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from ase import Atoms
from pydantic import Field
from scipy import ndimage

from latticework.config.base import Integers, Lengths, Section
from latticework.materials import Material
from latticework.structures import numbered

MARGIN = 2.0  # of empty space along the beam
ADSORBATE_HEIGHT = 1.6  # above the surface
COVERED = 2.2  # sites nearer than this to an adsorbate are no labels
HEXAGON = np.array([[1.0, 0.0], [-0.5, np.sqrt(0.75)]])
# The dimer-adatom-stacking-fault model: the stacking fault's half is higher, and so are adatoms
# at corner holes (Takayanagi 1985; heights as images of filled states show them).
FAULTED, CORNER = 0.15, 0.10

Kind = Literal["perovskite_001", "silicon_7x7", "graphite", "hexagonal", "charge_density_wave"]


class Parameters(Section):
    """Parameters of a surface."""

    kind: Kind = Field(description="What is grown.")
    box: float = Field(62.0, gt=20, le=300, description="Side of the periodic square, Å.")
    order: Lengths = (0.1, 0.35)
    ordered: float = Field(
        0.8, ge=0, le=1, description="Probability of charge order, where the kind may have it."
    )
    orbital: Lengths = (0.0, 0.5)
    domain_length: Lengths = (10.0, 40.0)
    relief: Lengths = (0.05, 0.3)
    missing: Lengths = (0.0, 0.06)
    adsorbates: Integers = (0, 3)
    disorder: Lengths = (0.02, 0.12)


def classes(parameters: Mapping[str, Any], material: Material) -> list[str]:
    """Names of the sites: those of the material."""
    return list(material.classes)


def make_shard(
    parameters: Mapping[str, Any],
    material: Material,
    seed: int,
    study: str,
    split: str,
    indices: range,
) -> list[Atoms]:
    """Structures number `indices` of a study's split; `parameters` are those of `Parameters`."""
    given = Parameters.model_validate(parameters).model_dump()
    facts = {"constant": material.lattice_constant, "element": material.elements[0]}
    return numbered(
        lambda rng: surface(rng, **facts, **given),
        seed=seed,
        study=study,
        split=split,
        indices=indices,
    )


def surface(
    rng: np.random.Generator,
    *,
    constant: float,
    element: str,
    kind: str,
    box: float,
    order: tuple[float, float],
    ordered: float,
    orbital: tuple[float, float],
    domain_length: tuple[float, float],
    relief: tuple[float, float],
    missing: tuple[float, float],
    adsorbates: tuple[int, int],
    disorder: tuple[float, float],
) -> Atoms:
    """One surface with domains, missing sites and adsorbates.

    Parameters
    ----------
    rng
        The structure's own random stream.
    constant, element
        Of the material, Å.
    kind
        See `Parameters`.
    box
        Side of the periodic square, Å.
    order
        Uniform range of the amplitude of a charge order, over the mean charge.
    ordered
        Probability that there is one.
    orbital
        Uniform range of the share of directed orbitals.
    domain_length
        Uniform range of the size of antiphase domains, Å.
    relief
        Uniform range of the height of a modulation that goes with the charge, Å.
    missing
        Uniform range of the share of missing sites.
    adsorbates
        Inclusive range of their number.
    disorder
        Uniform range of the RMS displacement of a site per axis, Å.
    """
    sites, cell = lattice_sites(kind, constant, box)
    field = domain_field(rng, sites, box, rng.uniform(*domain_length))
    amplitude = rng.uniform(*order) if rng.random() < ordered else 0.0
    grown = ORDERS[kind](sites, cell, field, amplitude, rng.uniform(*orbital))
    height = grown["height"] * rng.uniform(*relief)
    positions = np.column_stack([sites, height])
    positions += rng.normal(0, rng.uniform(*disorder), positions.shape) * [1, 1, 0.3]
    positions[:, :2] %= box
    keep = rng.random(len(sites)) >= rng.uniform(*missing)

    count = int(rng.integers(adsorbates[0], adsorbates[1] + 1))
    on_top = np.column_stack([rng.uniform(0, box, (count, 2)), np.full(count, ADSORBATE_HEIGHT)])
    visible = np.ones(len(sites), bool)
    for place in on_top:
        off = positions[:, :2] - place[:2]
        visible &= np.hypot(*(off - box * np.rint(off / box)).T) > COVERED
    total = np.concatenate([positions[keep], on_top])
    total[:, 2] += MARGIN - total[:, 2].min()
    atoms = Atoms(
        [element] * int(keep.sum()) + ["O"] * count,
        positions=total,
        cell=(box, box, total[:, 2].max() + MARGIN),
        pbc=(True, True, False),
    )
    added = np.zeros(count)
    for name in ("density", "orbital_x", "orbital_y"):
        fill = added + 1 if name == "density" else added
        atoms.new_array(name, np.concatenate([grown[name][keep], fill]))
    for name in ("classes", "domain"):
        atoms.new_array(name, np.concatenate([grown[name][keep], added]).astype(int))
    atoms.new_array("visible", np.concatenate([visible[keep], added > 0]))
    atoms.new_array("specimen", np.arange(len(atoms)) < keep.sum())
    atoms.info["order"] = float(amplitude)
    return atoms


def lattice_sites(kind: str, constant: float, box: float) -> tuple[np.ndarray, np.ndarray]:
    """Sites (n, 2) in Å of a lattice that fits into a box, and their cells' indices (n, 2).

    A square lattice has an even number of cells a side; a hexagonal one is made of rectangles
    a × √3a, of which a whole number, even for a 3 × 3 order, comes nearest to a square.
    """
    if kind == "perovskite_001":
        count = 2 * round(box / constant / 2)
        index = np.stack(np.meshgrid(np.arange(count), np.arange(count)), -1).reshape(-1, 2)
        return index * (box / count), index
    step = 3 if kind == "charge_density_wave" else 1
    columns = step * max(1, round(box / constant / step))
    rows = step * max(1, round(box / (constant * np.sqrt(3)) / step))
    corners = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2)
    # Of both sites of a rectangle the indices along a and b of the hexagonal cell.
    first = np.column_stack([corners[:, 0] + corners[:, 1], 2 * corners[:, 1]])
    index = np.concatenate([first, first + np.ones(2, int)])
    scale = np.array([box / columns, box / rows / np.sqrt(3)])
    basis = {
        "graphite": np.array([[0, 0], [1 / 3, 2 / 3]]),
        "silicon_7x7": adatoms(),
    }.get(kind, np.zeros((1, 2)))
    fractions = (index[:, None] + basis).reshape(-1, 2)
    return (fractions @ HEXAGON * scale) % box, np.repeat(index, len(basis), axis=0)


def adatoms() -> np.ndarray:
    """The twelve adatoms (12, 2) of a 7 × 7 cell in fractions of its 120° vectors.

    Six in either half, the faulted one first: a triangle of side 4/7 about the half's centre and
    the middles of its sides, so that neighbours are two 1 × 1 constants apart. The first three of
    a half are next to corner holes.
    """
    halves = []
    for corners in ([[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]):
        corners = np.array(corners, dtype=float)
        centre = corners.mean(axis=0)
        outer = centre + 4 / 7 * (corners - centre)
        halves += [outer, 0.5 * (outer + np.roll(outer, 1, axis=0))]
    return np.concatenate(halves)


def domain_field(
    rng: np.random.Generator, sites: np.ndarray, box: float, length: float
) -> np.ndarray:
    """A smooth periodic random field at sites, of mean 0 and variance 1; its sign is a domain."""
    count = max(16, round(4 * box / length))
    smooth = ndimage.gaussian_filter(
        rng.normal(size=(count, count)), length / box * count, mode="wrap"
    )
    smooth = (smooth - smooth.mean()) / smooth.std()
    pixels = sites.T[::-1] / box * count
    return ndimage.map_coordinates(smooth, pixels, order=1, mode="grid-wrap")


def _perovskite(
    sites: np.ndarray, cell: np.ndarray, field: np.ndarray, amplitude: float, orbital: float
) -> dict[str, np.ndarray]:
    """Checkerboard of Mn³⁺ and Mn⁴⁺ with antiphase domains; orbitals of the former in zigzags.

    Zigzag chains along [110] have orbitals along x and y in turn (CE order). Where there is no
    order every site is of the first class.
    """
    domain = (field > 0).astype(int)
    sign = 1 - 2 * ((cell.sum(axis=1) + domain) % 2)
    rich = (sign > 0) & (amplitude > 0)
    along_x = (cell[:, 0] - cell[:, 1]) % 4 < 2
    return {
        "density": 1 + amplitude * sign,
        "orbital_x": np.where(rich & along_x, orbital, 0.0),
        "orbital_y": np.where(rich & ~along_x, orbital, 0.0),
        "height": np.zeros(len(sites)),
        "classes": np.where((sign > 0) | (amplitude == 0), 1, 2),
        "domain": domain,
    }


def _plain(
    sites: np.ndarray, cell: np.ndarray, field: np.ndarray, amplitude: float, orbital: float
) -> dict[str, np.ndarray]:
    """Sites that are all alike."""
    same, none = np.ones(len(sites)), np.zeros(len(sites))
    return {
        "density": same,
        "orbital_x": none,
        "orbital_y": none,
        "height": none,
        "classes": np.ones(len(sites), int),
        "domain": np.zeros(len(sites), int),
    }


def _graphite(
    sites: np.ndarray, cell: np.ndarray, field: np.ndarray, amplitude: float, orbital: float
) -> dict[str, np.ndarray]:
    """Of both sublattices the one above atoms of the next layer is nearly invisible."""
    grown = _plain(sites, cell, field, amplitude, orbital)
    hidden = np.arange(len(sites)) % 2 == 1
    return grown | {"density": np.where(hidden, 0.15, 1.0), "classes": np.where(hidden, 2, 1)}


def _silicon(
    sites: np.ndarray, cell: np.ndarray, field: np.ndarray, amplitude: float, orbital: float
) -> dict[str, np.ndarray]:
    """Adatoms at the heights of the faulted and the unfaulted half, corners above centres."""
    number = np.arange(len(sites)) % 12
    charge = 1 + np.where(number < 6, FAULTED, 0.0) + np.where(number % 6 < 3, CORNER, 0.0)
    return _plain(sites, cell, field, amplitude, orbital) | {"density": charge}


def _wave(
    sites: np.ndarray, cell: np.ndarray, field: np.ndarray, amplitude: float, orbital: float
) -> dict[str, np.ndarray]:
    """A 3 × 3 charge-density wave of three vectors, whose phase is one of three by the domain."""
    domain = np.digitize(field, [-0.43, 0.43])
    h, k = cell[:, 0] + domain, cell[:, 1]
    phases = 2 * np.pi / 3 * np.stack([h, k, h - k])
    wave = np.cos(phases).sum(axis=0) / 3
    grown = _plain(sites, cell, field, amplitude, orbital)
    return grown | {"density": 1 + amplitude * wave, "height": wave, "domain": domain}


ORDERS = {
    "perovskite_001": _perovskite,
    "graphite": _graphite,
    "silicon_7x7": _silicon,
    "hexagonal": _plain,
    "charge_density_wave": _wave,
}
