"""U-Net with spectral pooling: patterns to structure factors (Munshi 2022, Table I)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from latticework.networks.parameters import PatternNetwork, pooled

if TYPE_CHECKING:
    from torch import nn


class Parameters(PatternNetwork):
    """Parameters of the architecture."""


multiple = pooled


def build(arguments: Mapping[str, Any]) -> "nn.Module":
    """The network with random weights."""
    from latticework.networks.layers.unet import UNet

    return UNet(**arguments, pooling="spectral")
