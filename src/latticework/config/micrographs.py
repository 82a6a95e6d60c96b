"""Section `imaging` of a study of micrographs: the ranges of the random microscopes."""

from pydantic import Field

from latticework.config.base import Range, Section, bounded


class Imaging(Section):
    """Ranges of the random microscopes (Madsen 2018, Table 1), and how pictures are prepared."""

    sampling: bounded("Pixel, Å.", 0.01, 1)
    defocus: bounded("Å; positive is underfocus.", -5000, 5000)
    cs: bounded("Third-order spherical aberration C30, Å (1 µm = 1e4 Å).", -5e7, 5e7)
    c5: bounded("Fifth-order spherical aberration C50, Å (1 mm = 1e7 Å).", -5e9, 5e9)
    astigmatism: bounded("Two-fold astigmatism C12, Å.", 0, 2000)
    astigmatism_angle: bounded("φ12, rad.", 0, 6.2832)
    coma: bounded("Axial coma C21, Å.", 0, 1e5) = Range(low=0, high=0)
    coma_angle: bounded("φ21, rad.", 0, 6.2832) = Range(low=0, high=6.2831)
    threefold: bounded("Three-fold astigmatism C23, Å.", 0, 1e5) = Range(low=0, high=0)
    threefold_angle: bounded("φ23, rad.", 0, 6.2832) = Range(low=0, high=6.2831)
    focal_spread: bounded("Half-width at 1/e of the distribution of foci, Å.", 0, 200)
    foci: int = Field(
        1,
        ge=1,
        le=15,
        description="Foci that intensities are averaged over; 1: the quasi-coherent envelope.",
    )
    deflection: bounded("RMS image deflection, Å.", 0, 2)
    dose: bounded("Electrons per Å² and picture.", 1e-2, 1e8)
    c1: bounded("MTF, eq. 5.", 0, 1)
    c2: bounded("MTF, eq. 5, in units of the Nyquist frequency.", 0.01, 5)
    c3: bounded("MTF, eq. 5.", 0.1, 20)
    nyquist_ratio: bounded("Camera's Nyquist frequency over the picture's.", 0.3, 10)
    crop: int = Field(gt=31, description="Side of a training picture, px; a multiple of 2^depth.")
    series: list[float] = Field(
        [0.0],
        min_length=1,
        description="Defocus of each picture of a focal series beyond the drawn one, Å; the dose "
        "is divided among them.",
    )
    label_sigma: float = Field(gt=0.05, lt=2, description="Width of the labels' Gaussians, Å.")
    normalisation_sigma: float = Field(
        12.0, gt=1, lt=200, description="Window of the local normalisation, Å (eqs. 2–3)."
    )
    band_limit: float = Field(
        1.5, gt=0.3, lt=10, description="Highest spatial frequency that is imaged, 1/Å."
    )

    def ranges(self) -> dict[str, Range]:
        """The imaging ranges alone, by name."""
        return {name: value for name, value in self if isinstance(value, Range)}
