"""Configuration of metal particles and of movies of them. Lengths in Å."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from latticework.config_base import Lengths, Positive, Section, ascending

ZoneAxis = Literal["100", "110", "111"]
Ratios = Annotated[
    tuple[float, float],
    AfterValidator(ascending),
    Field(description="Uniform range, relative to the radius."),
]


class Nanoparticles(Section):
    """Parameters of `structures.nanoparticles.nanoparticle` (Madsen 2018, §4.1)."""

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
        "column", description="Class of a column: 1, or its number of atoms."
    )
    disorder: float = Field(
        0.05, ge=0, lt=0.3, description="RMS random displacement of a column per axis, Å."
    )
    support: float = Field(0.0, ge=0, le=1, description="Probability of a CeO2 crystal.")
    support_thickness: Lengths = (5.0, 40.0)
    support_overlap: tuple[float, float] = Field(
        (-12.0, 34.0), description="Range of the support's reach beyond the centre, Å."
    )

    @model_validator(mode="after")
    def _ordered(self) -> "Nanoparticles":
        for name in ("temperature", "tilt", "support_overlap"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} ({low}, {high}): the lower number comes first")
        # Facets at their furthest, and what roughening adds: the particle must not meet its image.
        furthest = max(self.facets_100[1], self.facets_110[1], self.facets_111[1])
        if 2 * furthest * self.radius[1] > self.box + 1e-9:
            raise ValueError(
                f"radius ({self.radius[1]} Å, facets at up to {furthest} of it) does not fit "
                f"into the box of {self.box} Å"
            )
        return self


class SimulatedMovie(Section):
    """A particle whose surface atoms hop, filmed in the evaluation's microscope."""

    title: str = Field(description="For people.")
    particle: int = Field(0, ge=0, description="Movies of one number begin with one particle.")
    frames: int = Field(gt=1, description="Number of frames.")
    rate: float = Field(ge=0, description="Hops per mobile atom and frame.")
    temperature: float = Field(2.0, gt=0, description="T of the hops, in units of a neighbour.")
    radius: float = Field(9.0, gt=3, description="As in the structures' parameters, Å.")
    box: float = Field(30.0, gt=20, description="Side of the square field, Å.")
    added: float = Field(0.05, ge=0, le=1, description="Loose atoms, over those of the particle.")
    tilt: float = Field(0.5, ge=0, lt=20, description="Off the zone axis, degrees.")
    dose: float = Field(310.0, gt=0, description="e/Å² a frame (Madsen 2018, Fig. 9).")
    defocus: float = Field(-80.0, description="Å.")
    drift: float = Field(0.3, ge=0, description="Random walk, Å RMS per axis and frame.")


class Movies(Section):
    simulated: dict[str, SimulatedMovie] = Field(
        default_factory=dict, description="Movies whose truth is known, by name."
    )
    calibration: str | None = Field(
        None, description="The simulated movie that says how often the network errs."
    )
    datasets: list[str] = Field(
        default_factory=list, description="Names in config/datasets.yaml that are movies."
    )
    unreadable: Literal["error", "skip"] = Field(
        "error", description="A frame that cannot be read: stop, or leave it out with a warning."
    )
    symmetries: Literal[1, 4, 8] = Field(
        1,
        description="As inference.symmetries, for every frame: a site's mean over many frames is "
        "steady with 1, and 4 takes four times as long.",
    )
    least: float = Field(
        0.03, ge=0, lt=1, description="Fraction of the frames in which a site must be seen."
    )

    @model_validator(mode="after")
    def _calibrated(self) -> "Movies":
        if self.names and self.calibration not in self.simulated:
            raise ValueError(
                f"calibration ({self.calibration}) must be one of the simulated movies "
                f"{sorted(self.simulated)}"
            )
        return self

    @property
    def names(self) -> list[str]:
        """Of all movies."""
        return [*self.simulated, *self.datasets]
