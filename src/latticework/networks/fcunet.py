"""FCU-Net: a complex U-Net in Fourier space, patterns to structure factors (Munshi 2022)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from latticework.networks.parameters import StructureFactorNetwork, pooled

if TYPE_CHECKING:
    from torch import nn


class Parameters(StructureFactorNetwork):
    """Parameters of the architecture."""

    upsampling: Literal["nearest", "pad"] = Field(
        "nearest", description="Of spectra: nearest neighbours (the paper's), or zeros around."
    )
    spectral_dropout: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="Dropout in the complex blocks; null: `dropout` (the paper's).",
    )
    real_depth: int | None = Field(
        None, gt=0, le=8, description="Depth of the real block; null: `depth` (the paper's)."
    )
    corr_power: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Exponent of the correlation that is the input: 1 cross-correlation (the "
        "paper's), 0 phase correlation.",
    )
    shortcut: bool = Field(
        False,
        description="The last, real block sees the correlation as well; the paper's does not.",
    )


multiple = pooled


def build(arguments: Mapping[str, Any]) -> "nn.Module":
    """The network with random weights."""
    from latticework.networks.layers.fcunet import FCUNet

    return FCUNet(**arguments)
