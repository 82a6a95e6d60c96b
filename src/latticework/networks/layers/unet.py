"""U-Nets from diffraction patterns to structure factors, as in Munshi 2022 (Fig. 7a, Table I).

Real-valued: with max pooling the traditional U-Net, with spectral pooling the paper's second row.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

import torch
from torch import nn
from torch.nn.functional import interpolate, max_pool2d

from latticework.networks.layers.complex_layers import (
    MonteCarloDropout,
    correlation_spectrum,
    full_precision,
    inverse_spectrum,
    spectral_pool,
)

POOLINGS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "max": lambda x: max_pool2d(x, 2),
    "spectral": spectral_pool,
}
MOST_FEATURES = 256


def level_widths(features: int, resolutions: int) -> list[int]:
    """Features at each resolution: doubled from one to the next, at most 256."""
    return [min(features * 2**level, MOST_FEATURES) for level in range(resolutions)]


def convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """3 × 3 convolution that keeps the sides."""
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def block(
    inputs: int,
    outputs: int,
    depth: int,
    dropout: float,
    convolution: Callable[[int, int], nn.Module] = convolution,
    normalisation: Callable[[int], nn.Module] = nn.BatchNorm2d,
) -> nn.Sequential:
    """Normalisation, then `depth` × [3 × 3 convolution, normalisation, rectifier, dropout]."""
    layers = [normalisation(inputs)]
    for source in (inputs, *[outputs] * (depth - 1)):
        layers += [
            convolution(source, outputs),
            normalisation(outputs),
            nn.ReLU(inplace=True),
            MonteCarloDropout(dropout),
        ]
    return nn.Sequential(*layers)


def stages(
    build: Callable[[int, int], nn.Module], inputs: int, widths: Sequence[int]
) -> tuple[nn.ModuleList, nn.ModuleList]:
    """Blocks of an encoder, finest first, and of a decoder with concatenated skips."""
    encoder = [build(a, b) for a, b in pairwise([inputs, *widths])]
    decoder = [build(deep + skip, skip) for deep, skip in pairwise(widths[::-1])]
    return nn.ModuleList(encoder), nn.ModuleList(decoder)


class MapNetwork(nn.Module):
    """A network from patterns and probes (n, size, size) to maps, or to a root of them.

    `forward` gives what is learnt, the maps to the power `root`; `unrooted` undoes it. Peaks differ
    by two orders of magnitude: to a squared error of maps themselves (`root` 1, the paper's) the
    weak ones are next to nothing.
    """

    def __init__(self, root: float = 1.0):
        super().__init__()
        self.root = root

    def unrooted(self, found: torch.Tensor) -> torch.Tensor:
        """Maps in 32 bits of what `forward` gives."""
        found = full_precision(found)
        return found if self.root == 1 else found.clamp(min=0) ** (1 / self.root)

    def samples(self, pattern: torch.Tensor, probe: torch.Tensor, count: int) -> torch.Tensor:
        """Maps (count, n, size, size) in 32 bits, each with dropout of its own."""
        return torch.stack([self.unrooted(self(pattern, probe)) for _ in range(count)])


class UNet(MapNetwork):
    """Encoder, decoder, concatenated skips; one map from a pattern (and its probe).

    Parameters
    ----------
    features
        Feature maps at full resolution; doubled at each level, at most 256.
    levels
        Poolings; sides must be multiples of 2**levels.
    depth
        Convolutions a block.
    dropout
        Monte Carlo dropout's probability; it goes on at inference.
    pooling
        "max", or "spectral" (Rippel 2015).
    channels
        What goes in: "pattern" (the paper's), and "correlation" of pattern and probe.
    power
        Exponent on the channels' values, for less dynamic range; 1 is the paper's.
    root
        Of `MapNetwork`.
    """

    def __init__(
        self,
        features: int = 32,
        levels: int = 7,
        depth: int = 4,
        dropout: float = 0.3,
        pooling: Literal["max", "spectral"] = "max",
        channels: Sequence[Literal["pattern", "correlation"]] = ("pattern",),
        power: float = 1.0,
        root: float = 1.0,
    ):
        super().__init__(root)
        widths = level_widths(features, levels + 1)
        self.pool = POOLINGS[pooling]
        self.channels, self.power = tuple(channels), power
        build = partial(block, depth=depth, dropout=dropout)
        self.encoder, self.decoder = stages(build, len(self.channels), widths)
        self.output = convolution(features, 1)

    def forward(self, pattern: torch.Tensor, probe: torch.Tensor) -> torch.Tensor:
        """Map, or root of it, (n, size, size) of patterns and probes (n, size, size)."""
        pictures = {"pattern": lambda: pattern, "correlation": lambda: correlation(pattern, probe)}
        x = torch.stack([pictures[name]() for name in self.channels], dim=1)
        if self.power != 1:
            x = x.clamp(min=0) ** self.power
        skips = []
        for level, stage in enumerate(self.encoder):
            x = stage(x if level == 0 else self.pool(x))
            skips.append(x)
        for stage, skip in zip(self.decoder, skips[-2::-1], strict=True):
            x = stage(torch.cat([interpolate(x, scale_factor=2), skip], dim=1))
        return self.output(x)[:, 0]


def correlation(pattern: torch.Tensor, probe: torch.Tensor) -> torch.Tensor:
    """Cross-correlation (n, size, size) of patterns with their probes, of norm one."""
    return inverse_spectrum(correlation_spectrum(pattern, probe))
