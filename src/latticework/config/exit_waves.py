"""Section `simulation` of a study of micrographs: exit waves by multislice."""

from pydantic import Field, model_validator

from latticework.config.base import Section


class Simulation(Section):
    energy: float = Field(gt=1e4, le=1.2e6, description="Electron energy, eV.")
    sampling: float = Field(gt=0.01, lt=0.5, description="Pixel of the multislice, Å.")
    stored_sampling: float = Field(
        gt=0.01, lt=0.5, description="Pixel of the stored waves, Å; at least `sampling`."
    )
    slice_thickness: float = Field(2.0, gt=0.1, le=5, description="Å.")
    thermal_sigma: float = Field(
        0.06, ge=0, lt=0.5, description="RMS thermal displacement per axis, Å (Debye–Waller)."
    )

    @model_validator(mode="after")
    def _coarser(self) -> "Simulation":
        if self.stored_sampling < self.sampling:
            raise ValueError(
                f"stored_sampling ({self.stored_sampling}) must be at least sampling "
                f"({self.sampling})"
            )
        return self
