"""Networks by name. Each maps pictures (n, frames, ny, nx) to class scores (n, classes, ny, nx)."""

from latticework.networks.residual_unet import ResidualUNet

NETWORKS = {"residual_unet": ResidualUNet}
