"""Random numbers of a batch: parameters from their ranges, and symmetries of the square."""

import math
from collections.abc import Mapping
from typing import Protocol

import torch


class Distribution(Protocol):
    """A range of an imaging parameter, as the config gives it."""

    low: float
    high: float
    distribution: str  # "uniform" or "loguniform"


def draw(
    ranges: Mapping[str, Distribution], count: int, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """Draw `count` values of every parameter, (count,) each, on the generator's device."""
    values = {}
    for name in sorted(ranges):
        limits = ranges[name]
        unit = torch.rand(count, generator=generator, device=generator.device)
        if limits.distribution == "loguniform":
            low, high = math.log(limits.low), math.log(limits.high)
            values[name] = torch.exp(low + unit * (high - low))
        else:
            values[name] = limits.low + unit * (limits.high - limits.low)
    return values


def dihedral(pictures: torch.Tensor, elements: torch.Tensor) -> torch.Tensor:
    """Apply to each of (n, ..., s, s) one of the eight symmetries of the square, 0 … 7."""
    turned = [
        torch.rot90(p.transpose(-1, -2) if e >= 4 else p, e % 4, dims=(-2, -1))
        for p, e in zip(pictures, elements.tolist(), strict=True)
    ]
    return torch.stack(turned)
