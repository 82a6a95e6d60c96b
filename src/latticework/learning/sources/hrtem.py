"""Training images of random microscopes, made anew in every step from stored exit waves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from latticework.config.base import Range
from latticework.config.micrographs import Imaging
from latticework.config.training import ClassMapTraining
from latticework.imaging import hrtem
from latticework.imaging.draws import Distribution
from latticework.imaging.waves import WaveBank
from latticework.learning.recipe import Recipe
from latticework.learning.sources import Batch, Streams
from latticework.learning.sources.waves import load_wave_bank


def squared_error(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of softmax and labels (Madsen 2018, eq. 6, per pixel)."""
    return (scores.softmax(dim=1) - labels).square().sum(dim=1).mean()


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
        Waves and atoms of the structures to train on, and of those to watch.
    streams
        Where random numbers come from.
    imaging, training
        Sections of the study.
    fixed
        Arguments of `imaging.hrtem.make_batch` other than bank, ranges and generator.
    """

    def __init__(
        self,
        bank: WaveBank,
        held_out: WaveBank,
        streams: Streams,
        imaging: Imaging,
        training: ClassMapTraining,
        fixed: Mapping[str, Any],
    ):
        self.bank, self.held_out, self.streams = bank, held_out, streams
        self.ranges, self.fixed = imaging.ranges(), dict(fixed)
        self.curriculum, self.criterion = training.curriculum, LOSSES[training.loss]

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
        self, bank: WaveBank, stream: str, number: int, ranges: Mapping[str, Distribution]
    ) -> Batch:
        generator = self.streams.generator(stream, number)
        made = hrtem.make_batch(bank, ranges=ranges, generator=generator, **self.fixed)
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
        return self.criterion(network(*batch.inputs).float(), batch.target)


def source(
    recipe: Recipe, shard_paths: Sequence[Path], held_out_paths: Sequence[Path]
) -> ImageSource:
    """The source of a recipe from shards of exit waves; raises ShardError for a bad one."""
    imaging = Imaging.model_validate(recipe.imaging)
    training = ClassMapTraining.model_validate(recipe.training)
    return ImageSource(
        load_wave_bank(shard_paths, imaging.band_limit),
        load_wave_bank(held_out_paths, imaging.band_limit),
        Streams(recipe.seed, recipe.study),
        imaging,
        training,
        {
            "count": training.batch_size,
            "energy": recipe.simulation["energy"],
            "crop": imaging.crop,
            "label_sigma": imaging.label_sigma,
            "normalisation_sigma": imaging.normalisation_sigma,
            "n_classes": 1 + len(recipe.classes),
            "series": imaging.series,
            "foci": imaging.foci,
        },
    )


def arguments(recipe: Recipe) -> dict[str, Any]:
    """What the network's architecture takes from the study: channels in, classes out."""
    return {"frames": len(recipe.imaging["series"]), "classes": 1 + len(recipe.classes)}
