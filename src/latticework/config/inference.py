"""Section `inference` of a study: how real data are read with its network."""

from typing import Literal

from pydantic import Field

from latticework.config.base import Section


class Images(Section):
    """How images are read by a network of class maps."""

    network: str | None = Field(None, description="Row of `networks`; null: the first one.")
    tile: int = Field(512, gt=63, description="Largest side read at once, px.")
    overlap: int = Field(64, ge=0, description="Overlap of tiles, px.")
    symmetries: Literal[1, 4, 8] = Field(
        1,
        description="Number of rotated and mirrored copies of an image that are read and "
        "averaged: steadier, and slower by the same factor.",
    )
    epsilon: float = Field(
        0.995,
        gt=0,
        lt=1,
        description="Pixels whose background exceeds this are empty (Madsen 2018, §2.5).",
    )
    threshold: float = Field(0.5, ge=0, description="Least probability of an atom, t of eq. 8.")
    planes: float = Field(
        0,
        ge=0,
        le=1,
        description="How clearly, 0 to 1, an atom and its neighbours have to stand on planes of "
        "the crystal's widest spacing; leaves out what is seen in a support. 0: all are kept.",
    )
    refine: bool = Field(
        False,
        description="Fit the images, from the network's atoms, before bonds and strain are "
        "measured: positions in atoms.csv are then the likelihood's.",
    )


class Scans(Section):
    """How scans of diffraction patterns are read by a network of structure factors."""

    network: str | None = Field(None, description="Row of `networks`; null: the first one.")
    threshold: float = Field(
        0.1, gt=0, lt=1, description="Least structure factor of a peak over the strongest one's."
    )
    samples: int = Field(
        10, ge=2, le=100, description="Predictions with dropout; their scatter gives the errors."
    )
