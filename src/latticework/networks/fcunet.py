"""FCU-Net: a complex U-Net on the spectrum of pattern and probe (Munshi 2022, Fig. 7)."""

from functools import partial
from typing import Literal

import torch
from torch.nn.functional import interpolate

from latticework.networks.complex_layers import (
    ComplexBatchNorm2d,
    ComplexConv2d,
    correlation_spectrum,
    crop_centre,
    inverse_spectrum,
    joined,
    pad_centre,
    parts,
)
from latticework.networks.unet import MapNetwork, block, convolution, level_widths, stages

# On separate parts a rectifier is the CReLU of eq. 4.
complex_block = partial(block, convolution=ComplexConv2d, normalisation=ComplexBatchNorm2d)


class FCUNet(MapNetwork):
    """Correlation with the probe in, structure factors out; a U-Net of spectra between them.

    Parameters
    ----------
    features
        Complex feature maps at the full size; doubled at each level, at most 256.
    levels
        Poolings; sides must be multiples of 2**levels.
    depth
        Convolutions a block.
    dropout
        Monte Carlo dropout's probability; it goes on at inference.
    upsampling
        "nearest" neighbours (the paper's), or "pad" the spectrum with zeros: the inverse of the
        pooling, so that what meets a skip has its frequencies.
    power
        Exponent on pattern and probe, for less dynamic range; 1 is the paper's.
    root
        Of `MapNetwork`.

    Pooling crops the centre of the shifted spectra. Skips join real with real and imaginary with
    imaginary parts.
    """

    def __init__(
        self,
        features: int = 32,
        levels: int = 7,
        depth: int = 4,
        dropout: float = 0.3,
        upsampling: Literal["nearest", "pad"] = "nearest",
        power: float = 1.0,
        root: float = 1.0,
    ):
        super().__init__(root)
        widths = level_widths(features, levels + 1)
        self.upsampling, self.power = upsampling, power
        build = partial(complex_block, depth=depth, dropout=dropout)
        self.encoder, self.decoder = stages(build, 1, widths)
        self.last = complex_block(features, features, depth, dropout)
        self.real = block(features, features, depth, dropout)
        self.output = convolution(features, 1)

    def upsample(self, x: torch.Tensor, ny: int, nx: int) -> torch.Tensor:
        """Maps (n, 2, features, ny/2, nx/2) at twice the sides."""
        if self.upsampling == "pad":
            return pad_centre(x, ny, nx)
        return interpolate(x.flatten(1, 2), size=(ny, nx)).unflatten(1, (2, -1))

    def forward(self, pattern: torch.Tensor, probe: torch.Tensor) -> torch.Tensor:
        """Map, or root of it, (n, size, size) of patterns and probes (n, size, size)."""
        if self.power != 1:
            pattern, probe = (p.clamp(min=0) ** self.power for p in (pattern, probe))
        x = parts(correlation_spectrum(pattern, probe)[:, None])
        skips = []
        for level, stage in enumerate(self.encoder):
            x = stage(x if level == 0 else crop_centre(x, x.shape[-2] // 2, x.shape[-1] // 2))
            skips.append(x)
        for stage, skip in zip(self.decoder, skips[-2::-1], strict=True):
            x = stage(torch.cat([self.upsample(x, *skip.shape[-2:]), skip], dim=2))
        return self.output(self.real(inverse_spectrum(joined(self.last(x)))))[:, 0]
