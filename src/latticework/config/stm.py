"""Sections `simulation`, `imaging` and `evaluation` of a study of tunnelling images."""

from typing import Literal

from pydantic import Field

from latticework.config.base import Positive, Range, Section, bounded


class Simulation(Section):
    """How surfaces are imaged by a sharp tip."""

    sampling: float = Field(gt=0.05, le=1, description="Pixel of the stored images, Å.")
    decay: float = Field(
        1.05, gt=0.5, lt=2, description="Decay of the orbitals into the vacuum, κ in 1/Å."
    )
    height: float = Field(
        5.0,
        gt=2,
        lt=12,
        description="Height of the tip above the topmost atoms, Å: at constant current, where the "
        "current would be that of one of them.",
    )
    states: Literal["empty", "filled"] = Field(
        "empty", description="Which orbitals of molecules carry the current: the sign of the bias."
    )
    substrate: float = Field(
        0.0, ge=0, lt=1, description="Current of the substrate's plane over that of an atom in it."
    )


class Imaging(Section):
    """Ranges of the random tips and scans, and how images are prepared. Noise and what lies on the
    surface are in units of the corrugation, the image's own standard deviation."""

    sampling: bounded("Pixel, Å.", 0.02, 2)
    current: bounded("Probability of constant height instead of constant current.", 0, 1)
    blur: bounded("RMS radius of the tip's end, Å.", 0, 5)
    second_tip: bounded("Current of a second tip over that of the first.", 0, 1)
    second_tip_distance: bounded("Its distance along the surface, Å.", 0, 40)
    tip_changes: bounded("Probability that the tip changes during the scan.", 0, 1)
    shear: bounded("Strain and shear of the scan by drift.", 0, 0.3)
    line_jitter: bounded("RMS shift of a scan line, Å.", 0, 2)
    flyback: bounded("Shift at the start of the lines by creep, Å.", 0, 10)
    tilt: bounded("Slope of the sample over the whole image.", 0, 100)
    line_noise: bounded("RMS offset of a line.", 0, 20)
    hum: bounded("Amplitude of a vibration of the tip.", 0, 5)
    noise: bounded("RMS noise of a pixel.", 0, 5)
    steps: bounded("Probability of a step edge.", 0, 1)
    step_height: bounded("Height of a step.", 0, 50)
    background: bounded("RMS of a slow background, of electronic origin say.", 0, 10)
    crop: int = Field(gt=31, description="Side of a training image, px; a multiple of 2^depth.")
    label_sigma: float = Field(gt=0.05, lt=4, description="Width of the labels' Gaussians, Å.")
    normalisation_sigma: float = Field(
        12.0, gt=1, lt=200, description="Window of the local normalisation, Å."
    )
    levelling: Literal[True] = Field(
        True, description="Planes and offsets of lines are taken off before anything else."
    )

    def ranges(self) -> dict[str, Range]:
        """The imaging ranges alone, by name."""
        return {name: value for name, value in self if isinstance(value, Range)}


class Evaluation(Section):
    """On what held-out structures are scored."""

    networks: list[str] = Field([], description="Rows of `networks` to score; empty: all.")
    radius: Positive = Field(description="Sites nearer to a true one than this are found, Å.")
    noises: list[float] = Field(
        min_length=1, description="RMS noise of pixels and of lines over the corrugation."
    )
    border: float = Field(
        0.0, ge=0, description="Sites nearer to the border than this are not scored, Å."
    )
