"""Section `scans` of a study: simulated scans whose strain is known, and how strain is measured."""

from typing import Annotated, Any

from pydantic import Field, SerializeAsAny, model_validator

from latticework import names
from latticework.config.base import Positive, Section
from latticework.config.thick_crystals import KEPT

Region = tuple[int, int, int, int]


class ScanSimulation(Section):
    """A probe on each position of a specimen, in a box of its own."""

    energy: float = Field(gt=1e4, le=1.2e6, description="Electron energy, eV.")
    semiangle: float = Field(gt=0, le=50, description="Of the probe, mrad.")
    bullseye: int = Field(
        0, ge=0, le=12, description="Dark rings in the aperture: a bullseye; 0: a plain disk."
    )
    box: float = Field(46.1, gt=10, le=200, description="Side of a position's box, Å.")
    gpts: int = Field(384, gt=31, le=4096, description="Grid points along x and y.")
    size: int = Field(256, gt=31, description="Side of the patterns, px of 1/box.")
    slice_thickness: float = Field(2.0, gt=0.1, le=5, description="Å.")

    @model_validator(mode="after")
    def _fits(self) -> "ScanSimulation":
        if self.size > KEPT * self.gpts:
            raise ValueError(
                f"size ({self.size}) must be at most two thirds of gpts ({self.gpts}): the band "
                "limit keeps no more"
            )
        return self


class SimulatedScan(Section):
    """A scan whose strain is known."""

    title: str = Field(description="For people.")
    specimen: str = Field(description="What is scanned, a file of specimens/.")
    parameters: SerializeAsAny[Section] = Field(description="Parameters of the specimen.")
    simulation: ScanSimulation
    reference: Region | None = Field(
        None, description="x0, y0, x1, y1 of the scan: what counts as unstrained; null: the median."
    )

    @model_validator(mode="before")
    @classmethod
    def _typed(cls, values: Any) -> Any:
        if not isinstance(values, dict) or isinstance(values.get("parameters"), Section):
            return values
        try:
            specimen = names.load("specimens", str(values.get("specimen")))
        except names.UnknownNameError as error:
            raise ValueError(str(error)) from error
        parameters = specimen.Parameters.model_validate(values.get("parameters") or {})
        return values | {"parameters": parameters}


class Scans(Section):
    """Simulated scans and the measurement of strain."""

    simulated: dict[str, SimulatedScan] = Field(
        default_factory=dict, description="Scans whose strain is known, by name."
    )
    tuning: list[str] = Field(
        [], description="Simulated scans on which the correlation's parameters are tuned."
    )
    shard_size: int = Field(25, gt=0, le=1000, description="Positions in one shard, one job.")
    doses: list[Annotated[float, Positive]] = Field(
        [], description="Electrons a pattern; beside them strain is measured without noise."
    )
    trials: int = Field(30, gt=0, description="Random draws of the correlation's parameters.")

    @model_validator(mode="before")
    @classmethod
    def _without_null(cls, values: Any) -> Any:
        # A later file leaves a scan out.
        if isinstance(values, dict) and isinstance(values.get("simulated"), dict):
            kept = {name: scan for name, scan in values["simulated"].items() if scan is not None}
            return values | {"simulated": kept}
        return values

    @model_validator(mode="after")
    def _known(self) -> "Scans":
        if unknown := sorted(set(self.tuning) - set(self.simulated)):
            raise ValueError(f"tuning: {unknown} are not simulated; there are {[*self.simulated]}")
        return self

    @property
    def scored(self) -> list[str]:
        """Names of the simulated scans that nothing was tuned on."""
        return [name for name in self.simulated if name not in self.tuning]

    def positions(self, scan: str) -> int:
        """Number of positions of a simulated scan."""
        specimen = names.load("specimens", self.simulated[scan].specimen)
        return int(specimen.places(self.simulated[scan].parameters)[..., 0].size)

    def shards(self, scan: str) -> int:
        """Number of shards of a simulated scan."""
        return -(-self.positions(scan) // self.shard_size)
