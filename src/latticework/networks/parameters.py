"""Parameters that architectures share. No torch here: reading a configuration loads these."""

from typing import Literal

from pydantic import Field

from latticework.config.base import Section


class StructureFactorNetwork(Section):
    """Parameters of every network from patterns to structure factors."""

    features: int = Field(gt=0, le=256, description="Feature maps at full resolution.")
    levels: int = Field(gt=0, le=8, description="Poolings; sides are multiples of 2**levels.")
    depth: int = Field(gt=0, le=8, description="Convolutions in a block.")
    dropout: float = Field(ge=0, lt=1, description="Probability of Monte Carlo dropout.")
    power: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Exponent applied to the input to compress its dynamic range; 1 is the "
        "paper's.",
    )
    root: float = Field(
        1.0,
        gt=0,
        le=1,
        description="The network learns structure factors to this power, and predictions undo it; "
        "1 is the paper's.",
    )


class PatternNetwork(StructureFactorNetwork):
    """Parameters of the real-valued networks, which see the pattern itself."""

    channels: list[Literal["pattern", "correlation"]] = Field(
        ["pattern"], min_length=1, description="Input channels; the paper's is the pattern alone."
    )


def pooled(parameters: StructureFactorNetwork) -> int:
    """Sides of a pattern must be a multiple of this."""
    return 2**parameters.levels
