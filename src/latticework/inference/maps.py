"""Diffraction patterns and their probes → maps of structure factors, by a trained network."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from latticework.networks.complex_layers import MonteCarloDropout
from latticework.networks.unet import MapNetwork


@contextmanager
def dropout(network: nn.Module, sampling: bool) -> Iterator[None]:
    """Let a network's Monte Carlo dropout go on, or switch it off, for a while."""
    layers = [m for m in network.modules() if isinstance(m, MonteCarloDropout)]
    before = [layer.sampling for layer in layers]
    for layer in layers:
        layer.sampling = sampling
    try:
        yield
    finally:
        for layer, was in zip(layers, before, strict=True):
            layer.sampling = was


@torch.inference_mode()
def _sampled(
    network: MapNetwork,
    patterns: torch.Tensor,
    probes: torch.Tensor,
    samples: int,
    batch: int,
    seed: int,
) -> Iterator[torch.Tensor]:
    """Maps (samples, ≤ batch, size, size) of one batch of patterns after the other."""
    network.eval()
    device = next(network.parameters()).device
    with dropout(network, samples > 0), torch.random.fork_rng():
        torch.manual_seed(seed)
        for start in range(0, len(patterns), batch):
            pattern = patterns[start : start + batch].to(device)
            probe = probes.expand(len(patterns), -1, -1)[start : start + batch].to(device)
            passes = [network.maps(pattern, probe) for _ in range(max(1, samples))]
            yield torch.stack(passes).cpu()


def sample_maps(
    network: MapNetwork,
    patterns: torch.Tensor,
    probes: torch.Tensor,
    *,
    samples: int = 0,
    batch: int = 16,
    seed: int = 0,
) -> torch.Tensor:
    """Maps (samples, n, size, size) of patterns (n, size, size) and probes (n or 1, size, size).

    `samples` predictions with Monte Carlo dropout, which `seed` decides; 0 gives one without.
    `batch` patterns go through the network at once.
    """
    return torch.cat(list(_sampled(network, patterns, probes, samples, batch, seed)), dim=1)


def predict_maps(
    network: MapNetwork,
    patterns: torch.Tensor,
    probes: torch.Tensor,
    *,
    samples: int = 0,
    batch: int = 16,
    seed: int = 0,
) -> torch.Tensor:
    """Mean maps (n, size, size) over the samples of `sample_maps`, of which one batch is held."""
    made = _sampled(network, patterns, probes, samples, batch, seed)
    return torch.cat([maps.mean(0) for maps in made])
