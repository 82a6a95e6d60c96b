"""Diffraction patterns and their probes → maps of structure factors, by a trained network."""

from collections.abc import Iterator
from typing import Literal

import torch

from latticework.networks.complex_layers import MonteCarloDropout
from latticework.networks.folding import folded
from latticework.networks.unet import MapNetwork
from latticework.precision import resolved_precision
from latticework.seeds import torch_seed

Precision = Literal["auto", "32-true", "bf16-mixed"]


def prepared(network: MapNetwork, sampling: bool) -> MapNetwork:
    """A faster copy of a network, whose Monte Carlo dropout goes on or is switched off."""
    copy = folded(network)
    for module in copy.modules():
        if isinstance(module, MonteCarloDropout):
            module.sampling = sampling
    return copy


def _batches(
    network: MapNetwork,
    patterns: torch.Tensor,
    probes: torch.Tensor,
    samples: int,
    batch: int,
    seed: int,
    precision: Precision,
) -> Iterator[torch.Tensor]:
    """Maps (samples, ≤ batch, size, size) of one batch of patterns after the other."""
    network = prepared(network, samples > 0)
    device = next(network.parameters()).device
    half = resolved_precision(precision, device.type) == "bf16-mixed"
    probes = probes.expand(len(patterns), -1, -1)
    for start in range(0, len(patterns), batch):
        pattern, probe = (p[start : start + batch].to(device) for p in (patterns, probes))
        # Not around the loop: what is set for a thread would be so between the batches, too.
        with (
            torch.inference_mode(),
            torch.random.fork_rng(),
            torch.autocast(device.type, torch.bfloat16, enabled=half),
        ):
            torch.manual_seed(torch_seed(seed, "dropout", start))
            maps = torch.stack([network.maps(pattern, probe) for _ in range(max(1, samples))])
        yield maps.cpu()


def sample_maps(
    network: MapNetwork,
    patterns: torch.Tensor,
    probes: torch.Tensor,
    *,
    samples: int = 0,
    batch: int = 16,
    seed: int = 0,
    precision: Precision = "32-true",
) -> torch.Tensor:
    """Maps (samples, n, size, size) of patterns (n, size, size) and probes (n or 1, size, size).

    `samples` predictions with Monte Carlo dropout, which `seed` decides; 0 gives one without.
    `batch` patterns go through the network at once. `precision` "bf16-mixed" is twice
    as fast where the hardware multiplies such numbers, which "auto" asks it.
    """
    made = _batches(network, patterns, probes, samples, batch, seed, precision)
    return torch.cat(list(made), dim=1)


def predict_maps(
    network: MapNetwork,
    patterns: torch.Tensor,
    probes: torch.Tensor,
    *,
    samples: int = 0,
    batch: int = 16,
    seed: int = 0,
    precision: Precision = "32-true",
) -> torch.Tensor:
    """Mean maps (n, size, size) over the samples of `sample_maps`, of which one batch is held."""
    made = _batches(network, patterns, probes, samples, batch, seed, precision)
    return torch.cat([maps.mean(0) for maps in made])
