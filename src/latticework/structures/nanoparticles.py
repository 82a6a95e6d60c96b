"""Metal nanoparticles: cut from fcc, roughened, tilted off a zone axis (Madsen 2018, §4.1, Fig. 8).

Lengths are in Å.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from ase import Atoms
from pydantic import AfterValidator, Field, model_validator
from scipy.spatial import cKDTree

from latticework.config.base import Lengths, Positive, Section, ascending
from latticework.materials import Material
from latticework.structures import numbered
from latticework.structures.amorphous import amorphous_layer
from latticework.structures.displacements import spread
from latticework.structures.fcc import MARGIN, columns, cut, oriented, roughen, shortened
from latticework.structures.orientations import about
from latticework.structures.supports import ceria

# Atoms of a support are no nearer to the particle than this.
CONTACT = 2.6
FILM_DENSITY = 0.075  # of amorphous carbon, atoms per Å³: 1.5 g/cm³

ZoneAxis = Literal["100", "110", "111"]
Ratios = Annotated[
    tuple[float, float],
    AfterValidator(ascending),
    Field(description="Uniform range, relative to the radius."),
]


class Parameters(Section):
    """Parameters of a particle (Madsen 2018, §4.1)."""

    box: float = Field(42.4, gt=20, le=500, description="Side of the periodic square, Å.")
    radius: Lengths = (5.0, 14.0)
    facets_100: Ratios = (1.0, 1.2)
    facets_110: Ratios = (0.9, 1.1)
    facets_111: Ratios = (0.8, 1.0)
    added: Ratios = Field((0.0, 0.25), description="Atoms added by eq. 9 over those cut.")
    temperature: tuple[Positive, Positive] = Field((0.3, 3.0), description="Range of T of eq. 9.")
    zone_axes: list[ZoneAxis] = Field(
        ["110", "111"], min_length=1, description="Along the beam, one a particle."
    )
    tilt: tuple[float, float] = Field(
        (0.0, 5.0), description="Range of the angle off the zone axis, degrees."
    )
    aligned: float = Field(
        0.0, ge=0, le=1, description="Probability of a particle exactly on its zone axis."
    )
    tallest: int = Field(99, gt=0, description="Most atoms of a column.")
    classes: Literal["column", "height"] = Field(
        "column", description="Class of a column: the element, or its number of atoms."
    )
    disorder: Lengths = (0.05, 0.05)  # RMS random displacement of a column per axis
    support: float = Field(0.0, ge=0, le=1, description="Probability of a CeO2 crystal.")
    support_thickness: Lengths = (5.0, 40.0)
    support_overlap: tuple[float, float] = Field(
        (-12.0, 34.0), description="Range of the support's reach beyond the centre, Å."
    )
    film: float = Field(
        0.0, ge=0, le=1, description="Probability of amorphous carbon under or over the particle."
    )
    film_thickness: Lengths = (0.0, 50.0)

    @model_validator(mode="after")
    def _ordered(self) -> "Parameters":
        for name in ("temperature", "tilt", "support_overlap"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} ({low}, {high}): the lower number comes first")
        return self

    @model_validator(mode="after")
    def _fits(self) -> "Parameters":
        """With its facets at their furthest a particle must not meet its periodic image."""
        furthest = max(self.facets_100[1], self.facets_110[1], self.facets_111[1])
        if 2 * furthest * self.radius[1] > self.box + 1e-9:
            raise ValueError(
                f"radius ({self.radius[1]} Å, facets at up to {furthest} of it) does not fit "
                f"into the box of {self.box} Å"
            )
        return self


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
    element, constant = material.elements[0], material.lattice_constant
    return numbered(
        lambda rng: nanoparticle(rng, element=element, lattice_constant=constant, **given),
        seed=seed,
        study=study,
        split=split,
        indices=indices,
    )


def classes(parameters: Mapping[str, Any], material: Material) -> list[str]:
    """Names of the classes that a network is to tell apart: the element, or numbers of atoms."""
    given = Parameters.model_validate(parameters)
    if given.classes == "height":
        return [str(count) for count in range(1, given.tallest + 1)]
    return material.elements[:1]


def beside(others: Atoms, particle: Atoms) -> Atoms:
    """Atoms that are not of the particle, with the arrays that its atoms have."""
    arrays = {"column": -1, "classes": 0, "visible": 0, "specimen": 0, "displacement": 0}
    for name, value in arrays.items():
        of = particle.arrays[name]
        others.new_array(name, np.full((len(others), *of.shape[1:]), value, of.dtype))
    return others


def nanoparticle(
    rng: np.random.Generator,
    *,
    element: str,
    lattice_constant: float,
    box: float,
    radius: tuple[float, float],
    facets_100: tuple[float, float],
    facets_110: tuple[float, float],
    facets_111: tuple[float, float],
    added: tuple[float, float],
    temperature: tuple[float, float],
    zone_axes: list[str],
    tilt: tuple[float, float],
    aligned: float,
    tallest: int,
    classes: str,
    disorder: tuple[float, float],
    support: float,
    support_thickness: tuple[float, float],
    support_overlap: tuple[float, float],
    film: float,
    film_thickness: tuple[float, float],
) -> Atoms:
    """One particle near a zone axis (Madsen 2018, §4.1).

    Cut → roughened → columns and their atoms counted → turned about the zone axis at random →
    tilted → optionally on CeO2.

    Parameters
    ----------
    rng
        The structure's own random stream.
    element, lattice_constant
        Of the material, an fcc metal; Å.
    box
        Side of the square in the image, Å. The particle is centred in it.
    radius
        Uniform range of the size from which the facets' distances are drawn, Å.
    facets_100, facets_110, facets_111
        Ranges of a facet's distance over the radius.
    added
        Range of the atoms that roughening adds, as a fraction of those cut.
    temperature
        T of eq. 9, one a particle, uniform in its logarithm.
    zone_axes
        Of which one is drawn: "110", "111", "100".
    tilt
        Range of the angle off the zone axis in degrees, in a random direction.
    aligned
        Probability of no tilt at all.
    tallest
        Atoms beyond this number are taken off a column's far end.
    classes
        "column": every column is of class 1; "height": its class is its number of atoms.
    disorder
        Uniform range of the standard deviation of a random displacement of each column in the
        image, Å.
    support
        Probability of a CeO2 crystal.
    support_thickness, support_overlap
        Its thickness along the beam and how far it reaches beyond the particle's centre, Å.
    film, film_thickness
        Probability of a film of amorphous carbon all over the box, on either side of the particle
        and its support, and its uniform range, Å.

    Returns
    -------
    ase.Atoms
        With the arrays `column` (number of the atom's column, −1 in the support), `classes`,
        `visible` and `specimen` (the particle's atoms). A column's position is the mean of its
        atoms': of a tilted column the middle of its height, seen along the beam. `info` has
        `zone_axis` and `tilt_degrees`.
    """
    family = str(rng.choice(zone_axes))
    facets = {"100": facets_100, "110": facets_110, "111": facets_111}
    sites = cut(rng, rng.uniform(*radius), facets, lattice_constant)
    low, high = np.log(temperature)
    count = round(rng.uniform(*added) * len(sites))
    sites = roughen(rng, sites, count, float(np.exp(rng.uniform(low, high))))
    sites = shortened(sites, family, tallest)
    column = columns(sites, family)
    counts = np.bincount(column)

    positions = oriented(sites, family, lattice_constant)
    positions -= positions.mean(axis=0)
    shift = np.zeros_like(positions)
    shift[:, :2] = rng.normal(0, spread(rng, disorder), (len(counts), 2))[column]
    degrees, direction = rng.uniform(*tilt), rng.uniform(0, 2 * np.pi)
    # No draw where there is no choice.
    if aligned and rng.random() < aligned:
        degrees = 0.0
    turn = about(np.array([0, 0, 1.0]), rng.uniform(0, 2 * np.pi))
    lean = about(np.array([np.cos(direction), np.sin(direction), 0]), np.deg2rad(degrees))
    positions = (positions + shift) @ turn.T @ lean.T
    particle = Atoms([element] * len(positions), positions=positions)
    particle.new_array("column", column)
    particle.new_array("displacement", (shift @ turn.T @ lean.T)[:, :2])
    particle.new_array("classes", counts[column] if classes == "height" else np.ones_like(column))
    particle.new_array("visible", np.ones(len(particle), bool))
    particle.new_array("specimen", np.ones(len(particle), bool))

    if rng.random() < support:
        base = ceria(rng, box, support_thickness, support_overlap)
        # The particle lies on the support, in it, or under it.
        base.positions[:, 2] += rng.uniform(-1, 1) * np.ptp(positions[:, 2]) / 2
        particle += beside(base[cKDTree(positions).query(base.positions)[0] > CONTACT], particle)
    if film and rng.random() < film:
        layer = amorphous_layer(rng, box, rng.uniform(*film_thickness), FILM_DENSITY)
        layer = layer * (1, 1, rng.choice([-1, 1])) - (box / 2, box / 2, 0)
        heights = particle.positions[:, 2]
        layer[:, 2] += heights.max() if layer[:, 2].sum() > 0 else heights.min()
        particle += beside(Atoms(["C"] * len(layer), positions=layer), particle)
    particle.positions[:, :2] += box / 2
    particle.positions[:, 2] += MARGIN - particle.positions[:, 2].min()
    particle.cell = np.diag([box, box, particle.positions[:, 2].max() + MARGIN])
    particle.pbc = (True, True, False)
    particle.info |= {"zone_axis": family, "tilt_degrees": float(degrees)}
    return particle
