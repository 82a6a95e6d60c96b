"""What all networks of class maps learn from: random images, a curriculum, a loss."""

from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import nn

from latticework.config.base import Range
from latticework.config.training import ClassMapTraining
from latticework.imaging.bank import Bank
from latticework.imaging.draws import Distribution
from latticework.learning.sources import Batch, Streams


class Images(Protocol):
    """`images` (n, frames, ny, nx) and `labels` (n, classes, ny, nx)."""

    images: torch.Tensor
    labels: torch.Tensor


def squared_error(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of softmax and labels (Madsen 2018, eq. 6, per pixel)."""
    return (scores.softmax(dim=1) - labels).square().sum(dim=1).mean()


# SD of the window in which displacements count, px.
WINDOW = 2.0


def displacement_error(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Squared displacement of the softmax's atoms from the labels', px², averaged over atoms.

    It compares the centres of mass of softmax and labels in a Gaussian window about every pixel of
    an atom. That of an atom displaced by d differs by d less what the label's own width takes of
    the window. How probable an atom is changes nothing: an atom counts as much as it is found.
    Cross-entropy hardly sees a displacement of a third of a label's width.
    """

    def filters(size: int) -> tuple[torch.Tensor, torch.Tensor]:
        pixel = torch.arange(size, device=scores.device, dtype=scores.dtype)
        offset = pixel[:, None] - pixel
        window = torch.exp(-0.5 * (offset / WINDOW) ** 2)
        return window, window * offset

    (window_y, moment_y), (window_x, moment_x) = map(filters, labels.shape[-2:])

    def centre(maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        mass = (window_y @ maps @ window_x).clamp(min=1e-3)
        along_x, along_y = window_y @ maps @ moment_x, moment_y @ maps @ window_x
        return mass, along_x / mass, along_y / mass

    atoms = labels[:, 1:]
    mass, x, y = centre(scores.softmax(dim=1)[:, 1:])
    true_mass, true_x, true_y = centre(atoms)
    weight = atoms * (mass / true_mass).clamp(max=1).detach()
    squared = (x - true_x) ** 2 + (y - true_y) ** 2
    return (weight * squared).sum() / weight.sum().clamp(min=1.0)


LOSSES = {"mse": squared_error, "cross_entropy": nn.functional.cross_entropy}


def blend(easy: Distribution, full: Distribution, progress: float) -> Distribution:
    """A range on the way from `easy` (progress 0) to `full` (1); logarithmic ranges in logs."""
    if full.distribution == "loguniform":
        low, high = (
            a ** (1 - progress) * b**progress
            for a, b in ((easy.low, full.low), (easy.high, full.high))
        )
    else:
        low = easy.low + progress * (full.low - easy.low)
        high = easy.high + progress * (full.high - easy.high)
    return Range(low=low, high=high, distribution=full.distribution)


class ImageSource:
    """Batches of images and their labels.

    Parameters
    ----------
    bank, held_out
        The structures to train on, and those to watch.
    streams
        Where random numbers come from.
    ranges
        Of the random microscopes.
    training
        Section of the study.
    make
        Makes images and labels from a bank, with the keyword arguments `ranges` and `generator`.
    """

    def __init__(
        self,
        bank: Bank,
        held_out: Bank,
        streams: Streams,
        ranges: Mapping[str, Range],
        training: ClassMapTraining,
        make: Callable[..., Images],
    ):
        self.bank, self.held_out, self.streams = bank, held_out, streams
        self.ranges, self.make = dict(ranges), make
        self.curriculum, self.criterion = training.curriculum, LOSSES[training.loss]
        self.displacement_weight = training.displacement_weight

    def to(self, device: torch.device) -> None:
        """Make images on a device from now on."""
        self.bank, self.held_out = self.bank.to(device), self.held_out.to(device)
        self.streams.device = device

    def ranges_at(self, step: int) -> dict[str, Distribution]:
        """Imaging ranges of a step: the easy ones widen linearly to the full ones."""
        steps = self.curriculum.steps
        progress = min(1.0, step / steps) if steps else 1.0
        easy = self.curriculum.ranges()
        return {name: blend(easy.get(name, r), r, progress) for name, r in self.ranges.items()}

    def _batch(
        self, bank: Bank, stream: str, number: int, ranges: Mapping[str, Distribution]
    ) -> Batch:
        generator = self.streams.generator(stream, number)
        made = self.make(bank, ranges=ranges, generator=generator)
        return Batch((made.images.contiguous(memory_format=torch.channels_last),), made.labels)

    def training(self, step: int, number: int, following: int) -> Batch:
        """Images of a step of the training."""
        return self._batch(self.bank, "step", number, self.ranges_at(step))

    def validation(self, number: int) -> Batch:
        """Images of held-out structures, over the full ranges."""
        return self._batch(self.held_out, "validation", number, self.ranges)

    def prepare(self, number: int) -> None:
        """Nothing is random in a network of class maps."""

    def loss(self, network: nn.Module, batch: Batch) -> torch.Tensor:
        """Loss of the scores of a batch."""
        scores = network(*batch.inputs).float()
        loss = self.criterion(scores, batch.target)
        if self.displacement_weight:
            loss = loss + self.displacement_weight * displacement_error(scores, batch.target)
        return loss
