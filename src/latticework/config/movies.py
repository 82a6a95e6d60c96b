"""Section `movies` of a study: movies of moving surface atoms, simulated and real."""

from typing import Literal

from pydantic import Field, model_validator

from latticework.config.base import Section

RESERVED = {"movie", "train", "heldout", "weights", "step", "validation", "draws", "watched"}


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
    def _named(self) -> "Movies":
        # A movie's random stream is <study>/<its name>: see `seeds`.
        if taken := sorted(RESERVED & set(self.simulated)):
            raise ValueError(f"simulated: {taken} are names of other random streams; rename them")
        return self

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
        """Names of all movies, simulated and experimental."""
        return [*self.simulated, *self.datasets]

    @property
    def scored(self) -> list[str]:
        """Names of the simulated movies, without the one that the others are corrected with."""
        return [name for name in self.simulated if name != self.calibration]
