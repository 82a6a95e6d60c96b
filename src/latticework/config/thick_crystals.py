"""Section `simulation` of a study of diffraction patterns: thick crystals by multislice."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from latticework.config.base import Section

KEPT = 2 / 3  # of the grid by abTEM's band limit


class Simulation(Section):
    energy: float = Field(gt=1e4, le=1.2e6, description="Electron energy, eV.")
    box: float = Field(
        gt=10, le=200, description="Side of the square cell, Å: 1/box is a pixel before binning."
    )
    height: float = Field(gt=0, le=5000, description="Greatest thickness, Å.")
    gpts: int = Field(gt=31, le=4096, description="Grid points of the multislice along x and y.")
    size: int = Field(gt=15, description="Side of patterns, probes and structure factors, px.")
    binning: Literal[1, 2] = Field(1, description="Pixels of 1/box along each side of a pixel.")
    slice_thickness: float = Field(2.0, gt=0.1, le=5, description="Å.")
    thickness_step: float = Field(20.0, gt=0, description="Between exit planes, Å.")
    semiangles: list[Annotated[float, Field(gt=0, le=50)]] = Field(
        min_length=1, description="Convergence semiangles of the probes, mrad."
    )
    excitation_sigma: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="Width of the weight about the Ewald sphere, 1/Å.",
    )
    ewald: bool = Field(True, description="false: about the plane through the origin instead.")
    taper: float = Field(
        1.0, gt=0, le=1, description="Tapered share of the Tukey window that peaks are shaped by."
    )

    @model_validator(mode="after")
    def _fits(self) -> "Simulation":
        most = int(KEPT * self.gpts)
        if self.size * self.binning > most:
            raise ValueError(
                f"size ({self.size}) times binning ({self.binning}) must be at most {most}, "
                f"two thirds of gpts ({self.gpts}): the band limit keeps no more"
            )
        for key, length, unit_key, unit in (
            ("thickness_step", self.thickness_step, "slice_thickness", self.slice_thickness),
            ("height", self.height, "thickness_step", self.thickness_step),
        ):
            if abs(length / unit - round(length / unit)) > 1e-6 or length < unit:
                raise ValueError(f"{key} ({length}) must be a multiple of {unit_key} ({unit})")
        return self
