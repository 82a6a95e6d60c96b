"""Sections `simulation` and `imaging` of a study of scanning transmission images."""

from typing import Any

from pydantic import Field, model_validator

from latticework import names
from latticework.config.base import Range, Section, bounded

Annulus = tuple[float, float]


class Simulation(Section):
    """The microscope of a study, and how its images are simulated."""

    energy: float = Field(gt=1e4, le=1.2e6, description="Electron energy, eV.")
    semiangle: float = Field(gt=1, lt=80, description="Convergence semiangle of the probe, mrad.")
    haadf: Annulus = Field((80, 180), description="Inner and outer angle of the detector, mrad.")
    maadf: Annulus = Field((40, 80), description="The same of the medium-angle detector, mrad.")
    method: dict[str, Any] = Field(
        description="How images are computed: `name`, a file of simulation/, and its parameters."
    )

    @model_validator(mode="after")
    def _checked(self) -> "Simulation":
        for name in ("haadf", "maadf"):
            low, high = getattr(self, name)
            if not 0 < low < high:
                raise ValueError(f"{name}: expected an inner and a larger outer angle, mrad")
        self.of_method()
        return self

    def of_method(self) -> Section:
        """Parameters of the method. Raises ValueError for a method or parameters there are not."""
        given = {key: value for key, value in self.method.items() if key != "name"}
        module = names.load("simulation", self.method.get("name", ""))
        return module.Parameters.model_validate(given)

    @property
    def detectors(self) -> dict[str, Annulus]:
        """Detectors in the order in which images are stored."""
        return {"haadf": self.haadf, "maadf": self.maadf}


class Imaging(Section):
    """Ranges of the random microscopes, scans and detectors, and how images are prepared."""

    sampling: bounded("Pixel, Å.", 0.01, 1)
    maadf: bounded("Share of the medium-angle detector in the signal.", 0, 1)
    defocus: bounded("Residual defocus of the probe, Å; positive is underfocus.", -500, 500)
    astigmatism: bounded("Residual two-fold astigmatism C12, Å.", 0, 500)
    coma: bounded("Residual axial coma C21, Å (1 µm = 1e4 Å).", 0, 2e5)
    source_size: bounded("RMS radius of the source in the specimen, Å.", 0, 2)
    smoothing: bounded("RMS width by which the recorded image was smoothed, Å.", 0, 2)
    sharpening: bounded("Width of the local mean that was subtracted, Å.", 1, 1000)
    shear: bounded("Strain and shear of the scan by drift.", 0, 0.2)
    line_jitter: bounded("RMS shift of a scan line, Å.", 0, 1)
    flyback: bounded("Shift at the start of the lines after flyback, Å.", 0, 5)
    haze: bounded("Smooth contamination over the specimen's mean signal.", 0, 10)
    haze_length: bounded("Its correlation length, Å.", 1, 100)
    layer: bounded("RMS of an amorphous layer's signal over the specimen's mean.", 0, 3)
    offset: bounded("Black level of the detector over the specimen's mean signal.", -1, 10)
    readout: bounded("RMS noise of the detector over the signal of one electron.", 0, 10)
    dose: bounded("Electrons per Å² that hit the specimen.", 1, 1e10)
    saturation: bounded("Where contrast is clipped, in RMS contrasts over the mean.", 0.3, 1000)
    crop: int = Field(gt=31, description="Side of a training image, px; a multiple of 2^depth.")
    label_sigma: float = Field(gt=0.05, lt=2, description="Width of the labels' Gaussians, Å.")
    normalisation_sigma: float = Field(
        12.0, gt=1, lt=200, description="Window of the local normalisation, Å."
    )

    def ranges(self) -> dict[str, Range]:
        """The imaging ranges alone, by name."""
        return {name: value for name, value in self if isinstance(value, Range)}
