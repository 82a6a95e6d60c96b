"""FCU-Net: a complex U-Net on the spectrum of pattern and probe (Munshi 2022, Fig. 7)."""

from functools import partial
from typing import Literal

import torch
from torch.nn.functional import interpolate

from latticework.networks.layers.complex_layers import (
    ComplexBatchNorm2d,
    ComplexConv2d,
    correlation_spectrum,
    crop_centre,
    inverse_spectrum,
    joined,
    pad_centre,
    parts,
)
from latticework.networks.layers.unet import MapNetwork, block, convolution, level_widths, stages

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
    real_depth
        Those of the real block; None, the paper's, is as many.
    dropout
        Monte Carlo dropout's probability; it goes on at inference.
    upsampling
        "nearest" neighbours (the paper's), or "pad" the spectrum with zeros: the inverse of the
        pooling, so that what meets a skip has its frequencies.
    spectral_dropout
        Instead of `dropout` in the complex blocks; None, the paper's, is the same. What is dropped
        from a spectrum is noise all over the picture, stronger than the weak disks. With 0,
        repeated predictions share all that is complex.
    shortcut
        The real block sees the correlation, too, not only what is left of its spectrum after all
        the rectifiers; False is the paper's.
    corr_power
        Exponent on the moduli of the correlation's spectrum: 1, the paper's, is the
        cross-correlation, towards 0 it becomes the phase correlation. Layers do the same all over
        the spectrum, and nearly all that goes in is next to the zero frequency.
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
        spectral_dropout: float | None = None,
        real_depth: int | None = None,
        shortcut: bool = False,
        corr_power: float = 1.0,
        power: float = 1.0,
        root: float = 1.0,
    ):
        super().__init__(root)
        widths = level_widths(features, levels + 1)
        self.upsampling, self.shortcut = upsampling, shortcut
        self.corr_power, self.power = corr_power, power
        self.spectral_dropout = dropout if spectral_dropout is None else spectral_dropout
        build = partial(complex_block, depth=depth, dropout=self.spectral_dropout)
        self.encoder, self.decoder = stages(build, 1, widths)
        self.last = build(features, features)
        self.real = block(features + shortcut, features, real_depth or depth, dropout)
        self.output = convolution(features, 1)

    def upsample(self, x: torch.Tensor, ny: int, nx: int) -> torch.Tensor:
        """Maps (n, 2, features, ny/2, nx/2) at twice the sides."""
        if self.upsampling == "pad":
            return pad_centre(x, ny, nx)
        return interpolate(x.flatten(1, 2), size=(ny, nx)).unflatten(1, (2, -1))

    def pictures(self, pattern: torch.Tensor, probe: torch.Tensor) -> torch.Tensor:
        """What the complex layers make of patterns and probes, (n, features, size, size)."""
        if self.power != 1:
            pattern, probe = (p.clamp(min=0) ** self.power for p in (pattern, probe))
        spectrum = correlation_spectrum(pattern, probe, self.corr_power)[:, None]
        x = parts(spectrum)
        skips = []
        for level, stage in enumerate(self.encoder):
            x = stage(x if level == 0 else crop_centre(x, x.shape[-2] // 2, x.shape[-1] // 2))
            skips.append(x)
        for stage, skip in zip(self.decoder, skips[-2::-1], strict=True):
            x = stage(torch.cat([self.upsample(x, *skip.shape[-2:]), skip], dim=2))
        pictures = inverse_spectrum(joined(self.last(x)))
        if self.shortcut:
            pictures = torch.cat([pictures, inverse_spectrum(spectrum)], dim=1)
        return pictures

    def answer(self, pictures: torch.Tensor) -> torch.Tensor:
        """Map, or root of it, (n, size, size) by the real layers."""
        return self.output(self.real(pictures))[:, 0]

    def forward(self, pattern: torch.Tensor, probe: torch.Tensor) -> torch.Tensor:
        """Map, or root of it, (n, size, size) of patterns and probes (n, size, size)."""
        return self.answer(self.pictures(pattern, probe))

    def samples(self, pattern: torch.Tensor, probe: torch.Tensor, count: int) -> torch.Tensor:
        """As `MapNetwork.samples`."""
        if self.spectral_dropout:
            return super().samples(pattern, probe, count)
        pictures = self.pictures(pattern, probe)
        return torch.stack([self.unrooted(self.answer(pictures)) for _ in range(count)])
