"""Diffraction patterns and their probes → maps of structure factors, by a trained network."""

from collections.abc import Iterator
from typing import Any

import torch

from latticework.config_base import Precision
from latticework.hardware import resolved_precision
from latticework.networks.complex_layers import MonteCarloDropout
from latticework.networks.folding import folded
from latticework.networks.unet import MapNetwork
from latticework.seeds import torch_seed


def prepared(network: MapNetwork, sampling: bool) -> MapNetwork:
    """A faster copy of a network, whose Monte Carlo dropout goes on or is switched off."""
    copy = folded(network)
    for module in copy.modules():
        if isinstance(module, MonteCarloDropout):
            module.sampling = sampling
    return copy


def map_batches(
    network: MapNetwork,
    patterns: torch.Tensor,
    probes: torch.Tensor,
    *,
    samples: int = 0,
    batch: int = 16,
    seed: int = 0,
    precision: Precision = "32-true",
) -> Iterator[torch.Tensor]:
    """Maps (max(1, samples), ≤ batch, size, size) of one batch of patterns after the other.

    Parameters
    ----------
    patterns, probes
        (n, size, size); of the probes there may be one.
    samples
        Predictions with Monte Carlo dropout, which `seed` decides; 0 gives one without.
    batch
        Patterns that go through the network at once.
    precision
        "bf16-mixed" is faster where the hardware multiplies such numbers, which "auto" asks it.
    """
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
            maps = network.samples(pattern, probe, max(1, samples))
        yield maps.cpu()


def sample_maps(*what: Any, **how: Any) -> torch.Tensor:
    """Maps (samples, n, size, size) of all patterns; arguments are those of `map_batches`."""
    return torch.cat(list(map_batches(*what, **how)), dim=1)


def predict_maps(*what: Any, **how: Any) -> torch.Tensor:
    """Mean maps (n, size, size) over the samples, of which one batch is held at a time.

    Arguments are those of `map_batches`.
    """
    return torch.cat([maps.mean(0) for maps in map_batches(*what, **how)])
