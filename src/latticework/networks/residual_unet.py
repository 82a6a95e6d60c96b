"""Residual fully convolutional network: images of a field to class maps (Madsen 2018, §2.2)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from latticework.config.base import Section

if TYPE_CHECKING:
    from torch import nn


class Parameters(Section):
    """Parameters of the architecture."""

    features: int = Field(gt=1, description="Feature maps at full resolution.")
    depth: int = Field(3, gt=0, le=6, description="Poolings; 2**depth is the coarsest pixel.")


def multiple(parameters: Parameters) -> int:
    """Sides of an image must be a multiple of this."""
    return 2**parameters.depth


def build(arguments: Mapping[str, Any]) -> "nn.Module":
    """The network with random weights, from images (n, frames, ny, nx) to scores of classes."""
    from latticework.networks.layers.residual_unet import ResidualUNet

    return ResidualUNet(**arguments)
