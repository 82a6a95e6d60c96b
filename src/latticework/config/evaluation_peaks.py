"""Section `evaluation` of a study of diffraction patterns: how peaks are scored."""

from typing import Literal

from pydantic import Field

from latticework.config.base import Positive, Precision, Section


class Patterns(Section):
    """Patterns of held-out crystals in drawn microscopes, and their true peaks."""

    validation: float = Field(
        0.25,
        gt=0,
        lt=1,
        description="Share of the held-out crystals that every method's parameters are tuned on; "
        "the others are the test.",
    )
    tuning: int = Field(gt=0, description="Patterns of the validation's crystals.")
    test: int = Field(gt=0, description="Patterns of the test's crystals.")
    series: int = Field(
        gt=0, description="Of the test's patterns, those that are made at every dose as well."
    )
    doses: list[Positive] = Field(min_length=1, description="Electrons in the probe.")
    threshold: float = Field(
        0.03,
        gt=0,
        lt=1,
        description="True peaks are at least this share of the strongest: above the side lobes of "
        "the window that they are drawn with.",
    )
    separation: int = Field(
        1, gt=0, le=10, description="A true peak is the largest value this far around it, px."
    )


class Evaluation(Section):
    """Conditions in which networks and template correlation are scored."""

    networks: list[str] | None = Field(None, description="Rows of `networks`; null: all of them.")
    shown: str | None = Field(
        None, description="Network whose peaks the figure of detected peaks shows; null: the first."
    )
    patterns: Patterns
    radius: float = Field(
        0.05, gt=0, lt=1, description="A found peak is no farther from a true one, 1/Å (eq. 1)."
    )
    samples: int = Field(
        10, ge=0, description="Predictions with dropout whose mean is taken; 0: one without."
    )
    precision: Precision = Field(
        "32-true",
        description="Numerical precision of the networks. bf16-mixed is faster on hardware with "
        "native bfloat16; auto checks for it.",
    )
    trials: int = Field(gt=0, description="Random draws of each method's parameters.")
    baselines: list[Literal["quantem", "py4dstem"]] = Field(
        min_length=1,
        description="Implementations of the correlation; py4dstem needs an environment of its "
        "own: snakemake --sdm conda.",
    )
