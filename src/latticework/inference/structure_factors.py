"""Diffraction patterns and their probes → structure factors, by a trained network."""

import torch

from latticework.config.base import Precision
from latticework.hardware import resolved_precision
from latticework.networks.folding import folded
from latticework.networks.layers.complex_layers import MonteCarloDropout
from latticework.networks.layers.unet import MapNetwork
from latticework.seeds import torch_seed


def prepared(network: MapNetwork, sampling: bool) -> MapNetwork:
    """A faster copy of a network, whose Monte Carlo dropout goes on or is switched off."""
    copy = folded(network)
    for module in copy.modules():
        if isinstance(module, MonteCarloDropout):
            module.sampling = sampling
    return copy


def predict_batch(
    network: MapNetwork,
    patterns: torch.Tensor,
    probes: torch.Tensor,
    samples: int,
    seed: int,
    precision: Precision,
) -> torch.Tensor:
    """Structure factors (max(1, samples), n, size, size) of a batch of patterns, on the CPU.

    `network` is one that `prepared` made; `seed` decides its dropout.
    """
    device = next(network.parameters()).device
    half = resolved_precision(precision, device) == "bf16-mixed"
    # Not around a loop: what is set for a thread would be so between the batches, too.
    with (
        torch.inference_mode(),
        torch.random.fork_rng(),
        torch.autocast(device.type, torch.bfloat16, enabled=half),
    ):
        torch.manual_seed(seed)
        found = network.samples(patterns.to(device), probes.to(device), max(1, samples))
    return found.cpu()


def predict_structure_factors(
    network: MapNetwork,
    patterns: torch.Tensor,
    probes: torch.Tensor,
    *,
    samples: int = 0,
    batch: int = 16,
    seed: int = 0,
    precision: Precision = "32-true",
) -> torch.Tensor:
    """Structure factors (n, size, size): the mean over predictions with dropout.

    Parameters
    ----------
    patterns, probes
        (n, size, size); of the probes there may be one.
    samples
        Predictions with Monte Carlo dropout, which `seed` decides; 0 gives one without.
    batch
        Patterns that go through the network at once; the samples of one batch are held at a time.
    precision
        "bf16-mixed" is faster on hardware with native bfloat16; "auto" checks for it.
    """
    ready = prepared(network, samples > 0)
    probes = probes.expand(len(patterns), -1, -1)
    means = []
    for start in range(0, len(patterns), batch):
        part = slice(start, start + batch)
        number = torch_seed(seed, "dropout", start)
        found = predict_batch(ready, patterns[part], probes[part], samples, number, precision)
        means.append(found.mean(0))
    return torch.cat(means)
