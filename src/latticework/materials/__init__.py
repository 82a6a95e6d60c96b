"""What is known of a material: cell, classes, bonds, reflections, groups, a reference crystal.

Each material is a file `materials/<name>.yaml`; whoever adds the file has added the material.
"""

from functools import cache
from itertools import combinations_with_replacement
from math import cos, hypot, radians, sin
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, ValidationError, model_validator

from latticework import names

FOLDER = Path(__file__).parent
ANY_AXIS = "any"  # of the rule `neighbours`: whatever the zone axis


class MaterialError(ValueError):
    """A material is unknown, or its file is wrong."""


class Facts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Bonds(Facts):
    """Bonds of the atoms, or columns, that are found in an image, in projection."""

    length: PositiveFloat = Field(description="Length of a bond, Å.")
    cutoff: PositiveFloat | dict[str, PositiveFloat] = Field(
        description="Longest bond, Å; or one for each pair of classes that is bonded, 'A-B'."
    )
    coordination: int = Field(gt=0, description="Bonds of an atom inside the perfect crystal.")

    @property
    def longest(self) -> float:
        """The longest bond of any two classes, Å."""
        return max(self.cutoff.values()) if isinstance(self.cutoff, dict) else self.cutoff

    def cutoff_of(self, first: str, second: str) -> float:
        """The longest bond of two classes, Å; 0 where they are not bonded."""
        if not isinstance(self.cutoff, dict):
            return self.cutoff
        return self.cutoff.get(f"{first}-{second}", self.cutoff.get(f"{second}-{first}", 0.0))


class Reflections(Facts):
    """First-order reflections by which the pixel size of an image is measured."""

    spacing: PositiveFloat | None = Field(
        None, description="Spacing of their planes, Å, where they form a regular polygon."
    )
    symmetry: Literal[4, 6] = Field(6, description="Corners of that polygon.")
    zone_axes: dict[str, list[tuple[float, float]]] = Field(
        {},
        description="Where they form none: (x, y) in 1/Å by zone axis, one of each Friedel pair.",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> "Reflections":
        if (self.spacing is None) == (not self.zone_axes):
            raise ValueError("give either spacing, of a regular polygon, or zone_axes")
        return self

    @property
    def widest(self) -> list[float]:
        """Spacing of the widest planes of each zone axis, Å."""
        if self.spacing is not None:
            return [self.spacing]
        return [1 / min(hypot(*place) for place in places) for places in self.zone_axes.values()]


class Rule(Facts):
    """Which atoms belong to a group; all conditions that are given must hold. See
    `evaluation.groups`."""

    covered: float | None = Field(
        None, ge=0, description="Hidden, or nearer than this to matter that covers it, Å."
    )
    rings: int | None = Field(
        None, gt=2, description="Fully coordinated, and only in rings of this many atoms."
    )
    neighbours: dict[str, tuple[PositiveFloat, int]] | None = Field(
        None,
        description="By zone axis, or 'any': at least so many [radius in Å, number] neighbours.",
    )


class Group(Facts):
    """Atoms that are scored together."""

    name: str
    title: str = Field(description="As figures call it, in the plural.")
    rule: Rule = Field(Rule(), description="Without conditions: all atoms that are left.")
    shown: bool = Field(True, description="Whether figures of scores show it.")


class Site(Facts):
    """A site of the reference crystal's cell."""

    element: str
    at: tuple[float, float, float] = Field(description="Fractions of the cell and the period.")


class Reference(Facts):
    """A perfect crystal in a rectangular cell, for the limits: see `structures.references`."""

    cell: tuple[PositiveFloat, PositiveFloat] = Field(description="Sides of the cell, Å.")
    basis: list[Site] = Field(min_length=1)
    repeats: tuple[int, int] = Field(description="Cells along x and y, nearly a square together.")
    period: float = Field(0.0, ge=0, description="Period along the beam, Å.")
    layers: int = Field(1, gt=0, description="Periods along the beam.")
    neighbours: int = Field(
        gt=0, description="Neighbours of a column whose places are unknown as well."
    )


class Defects(Facts):
    """What a defect of the crystal is, and what it is called: see `analysis.atoms.defects`."""

    dopants: dict[str, int] = Field(
        {},
        description="Classes of foreign atoms, and the most bonds that one can have. What is "
        "bonded together through them is one defect, such as Si2C5.",
    )
    sites: dict[str, str] = Field(
        {},
        description="Classes that are a defect where they are rare, such as a column that has lost "
        "an atom, and the defect's name.",
    )
    lost: dict[str, str] = Field(
        {}, description="Classes that have lost an atom, and the class that they were."
    )
    missing: dict[str, str] = Field(
        {}, description="Classes whose empty sites are looked for, and the defect's name."
    )
    lines: PositiveFloat | None = Field(
        None,
        description="Distance, Å, up to which equal defects of single sites belong to one line.",
    )
    ring: int | None = Field(
        None, gt=2, description="Corners of the crystal's rings; other rings are defects."
    )
    distorted: float = Field(
        15.0,
        gt=0,
        lt=90,
        description="Standard deviation of the angles between the bonds of a dopant, degrees, "
        "above which a defect counts as distorted (Ziatdinov 2018).",
    )
    strain: dict[float, PositiveFloat] = Field(
        {},
        description="Strain, %, and the projected bond, Å, of a dopant that it goes with.",
    )


class Order(Facts):
    """What order the sites of a surface may have: see `analysis.surfaces.ordered`."""

    vectors: list[tuple[float, float]] = Field(
        [],
        description="Ordering vectors of one state, in units of the reciprocal lattice of "
        "neighbouring sites (a and b at 90° or 120°).",
    )
    bright: str | None = Field(None, description="Class of the sites that the state makes bright.")
    dark: str | None = Field(None, description="Class of those that it makes dark.")
    orientations: dict[str, int] = Field(
        {},
        description="Where the classes are orientations, which form domains: in how many azimuths "
        "each of them comes in a layer, one turn of the lattice apart.",
    )


class Motif(Facts):
    """What a cell of a surface holds: see `analysis.surfaces.motif`. Both sides of the cell are the
    lattice constant; places are fractions of them."""

    angle: float = Field(ge=60, le=120, description="Between the sides of the cell, degrees.")
    sites: list[tuple[float, float]] = Field(min_length=1, description="Bright places.")
    empty: list[tuple[float, float]] = Field(
        min_length=1,
        description="Places without a site, by which it is told how often one is seen by mistake.",
    )

    @property
    def cell(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The sides a, b of the cell, of length 1."""
        turned = radians(self.angle)
        return (1.0, 0.0), (cos(turned), sin(turned))


class Material(Facts):
    """Facts about the specimen of a study."""

    name: str
    title: str = Field(description="What an image shows, in words.")
    unit: Literal["Å", "spacing"] = Field(
        "Å",
        description="Of all lengths: Å, or the distance of nearest sites, whatever it is in Å.",
    )
    elements: list[str] = Field(min_length=1, description="Chemical symbols.")
    lattice_constant: PositiveFloat = Field(description="Å.")
    classes: dict[str, str] = Field({}, description="Titles of classes, by name.")
    density: PositiveFloat = Field(description="Atoms, or columns, found per Å² of a full field.")
    coverage: Annotated[float, Field(gt=0, le=1)] = Field(
        description="Least share of an image that the specimen fills."
    )
    neighbours: tuple[PositiveFloat, PositiveFloat] = Field(
        description="Range of distances to the nearest neighbour, Å."
    )
    bonds: Bonds | None = None
    defects: Defects | None = None
    order: Order | None = None
    motif: Motif | None = None
    reflections: Reflections
    groups: list[Group] = [Group(name="all", title="atoms")]
    reference: Reference | None = None
    template: Literal["honeycomb"] | None = Field(
        None, description="Neighbourhood of an atom by which strain is measured."
    )

    @model_validator(mode="after")
    def _consistent(self) -> "Material":
        if self.neighbours[0] >= self.neighbours[1]:
            raise ValueError(f"neighbours {self.neighbours}: the shorter distance comes first")
        rings = [group.name for group in self.groups if group.rule.rings is not None]
        if rings and self.bonds is None:
            raise ValueError(f"group {rings[0]} is told by its rings, which needs bonds")
        if self.groups[-1].rule != Rule():
            raise ValueError(
                f"the last group, {self.groups[-1].name}, must have no rule: it takes all atoms "
                "that are left"
            )
        if self.order is not None:
            named = {self.order.bright, self.order.dark} - {None}
            if unknown := sorted(named - set(self.classes)):
                raise ValueError(f"order: {unknown} are no classes of {list(self.classes)}")
        if self.defects is not None:
            named = {*self.defects.dopants, *self.defects.sites, *self.defects.missing}
            if self.bonds is None:
                raise ValueError("defects are told by the bonds around them, which needs bonds")
            if unknown := sorted(named - set(self.classes)):
                raise ValueError(f"defects: {unknown} are no classes of {list(self.classes)}")
        if self.bonds is not None and isinstance(self.bonds.cutoff, dict) and self.classes:
            known = {f"{a}-{b}" for a, b in combinations_with_replacement(self.classes, 2)}
            known |= {f"{b}-{a}" for a, b in combinations_with_replacement(self.classes, 2)}
            if unknown := sorted(set(self.bonds.cutoff) - known):
                raise ValueError(f"bonds.cutoff: {unknown} are no pairs of {list(self.classes)}")
        return self

    def title_of(self, name: str) -> str:
        """The title of a class; its name where the material has none for it."""
        return self.classes.get(name, name)


@cache
def load(name: str) -> Material:
    """The material of a name.

    Raises MaterialError, naming those there are, or the keys of its file that are wrong.
    """
    if name not in (known := names.available("materials")):
        raise MaterialError(f"materials: there is no '{name}'; there are {list(known)}")
    path = FOLDER / f"{name}.yaml"
    return parse(name, yaml.safe_load(path.read_text(encoding="utf-8")), str(path))


def parse(name: str, facts: Any, where: str) -> Material:
    """A material from the content of its file. Raises MaterialError, one line a wrong key."""
    if not isinstance(facts, dict):
        raise MaterialError(f"{where}: expected the facts of a material by name")
    try:
        return Material.model_validate({"name": name} | facts)
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, e['loc'])) or 'the material'}: "
            + e["msg"].removeprefix("Value error, ")
            for e in error.errors()
        ]
        raise MaterialError("\n".join([f"{where}: not a material", *lines])) from error
