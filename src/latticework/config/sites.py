"""Sections `imaging` and `evaluation` of a study of sites at any scale.

Its unit of length is the spacing: the median distance of a site to its nearest neighbour.
"""

from pydantic import Field

from latticework.config.base import Positive, Range, Section, bounded


class Imaging(Section):
    """The scale of training images, and how images are prepared. Microscopes, scans and tips are
    drawn as the studies say that the images are from."""

    sampling: bounded("Pixel over the spacing.", 0.01, 0.5)
    levelled: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Probability that lines and planes are taken off an image whose study does "
        "not do so.",
    )
    crop: int = Field(gt=31, description="Side of a training image, px; a multiple of 2^depth.")
    label_sigma: float = Field(
        gt=0.05, lt=0.4, description="Width of the labels' Gaussians over the spacing."
    )
    normalisation_sigma: float = Field(
        3.5,
        gt=1,
        lt=30,
        description="Window of the local normalisation, in spacings at the middle of the scales.",
    )

    def ranges(self) -> dict[str, Range]:
        """The imaging ranges alone, by name."""
        return {name: value for name, value in self if isinstance(value, Range)}

    @property
    def window(self) -> float:
        """Window of the local normalisation in px, the same for all images."""
        return self.normalisation_sigma / (0.5 * (self.sampling.low + self.sampling.high))


class Evaluation(Section):
    """On what held-out structures are scored: drawn microscopes of their own studies."""

    networks: list[str] = Field([], description="Rows of `networks` to score; empty: all.")
    radius: Positive = Field(
        description="Sites nearer to a true one than this are found, in spacings."
    )
    images: int = Field(20, gt=0, description="Images of every study.")
    border: float = Field(
        0.5, ge=0, description="Sites nearer to the border than this are not scored, in spacings."
    )
    specific: dict[str, str] = Field(
        {},
        description="Weights of networks that were made for one study, to be scored on the same "
        "images, by study.",
    )
