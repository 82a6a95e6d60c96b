"""Sources of training batches: one a modality. A source makes numbered batches, on any device."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from latticework.seeds import torch_seed


@dataclass(frozen=True)
class Batch:
    """What goes into a network, (n, …) each, and what should come out."""

    inputs: tuple[torch.Tensor, ...]
    target: torch.Tensor


class Source(Protocol):
    """The microscope, as seen from a training.

    A batch depends on its number and on nothing else, so that a training that was resumed sees
    what an undisturbed one would have seen.
    """

    def to(self, device: torch.device) -> None:
        """Make batches on a device from now on."""

    def training(self, step: int, number: int, following: int) -> Batch:
        """Batch `number` of the training at a step; `following` is asked for next."""

    def validation(self, number: int) -> Batch:
        """Batch `number` of the held-out structures."""

    def prepare(self, number: int) -> None:
        """Set what is random in the network itself, in training batch `number`."""

    def loss(self, network: nn.Module, batch: Batch) -> torch.Tensor:
        """Loss of a network on a batch."""


class Streams:
    """Named random streams of a study on a device: the CPU, until told otherwise."""

    def __init__(self, seed: int, study: str):
        self.seed, self.study, self.device = seed, study, torch.device("cpu")

    def generator(self, stream: str, number: int) -> torch.Generator:
        """Random numbers of one item of a stream."""
        generator = torch.Generator(self.device)
        return generator.manual_seed(torch_seed(self.seed, f"{self.study}/{stream}", number))
