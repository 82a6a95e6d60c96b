"""Section `evaluation` of a study of micrographs: in which conditions networks are scored."""

from pydantic import Field

from latticework.config.base import Positive, Section


class Evaluation(Section):
    """Conditions in which networks of class maps are scored on held-out structures."""

    networks: list[str] | None = Field(None, description="Rows of `networks`; null: all of them.")
    radius: float = Field(
        0.5, gt=0, lt=3, description="Largest distance of a found from a true atom, Å."
    )
    doses: list[Positive] = Field(min_length=1, description="Doses, e/Å².")
    defocus: list[float] = Field(min_length=1, description="Defoci, Å; positive is underfocus.")
    cs: float = Field(-1.15e5, description="Third-order spherical aberration C30, Å.")
    focal_spread: float = Field(28.0, gt=0, description="Focal spread, 1/e width, Å.")
    mtf: tuple[float, float, float] = Field((0.0, 0.49, 2.34), description="c1, c2, c3 of eq. 5.")
    border: float = Field(
        3.0, ge=0, description="Atoms nearer to the border than this are not scored, Å."
    )
