"""Training triplets of pattern, probe and structure factors, distorted anew in every step."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import mse_loss

from latticework.config.patterns import Imaging
from latticework.config.training import Schedule
from latticework.imaging.diffraction import augment, turn
from latticework.learning.recipe import Recipe
from latticework.learning.sources import Batch, Streams
from latticework.learning.sources.triplets import Draws, TripletShards
from latticework.seeds import torch_seed


def scaled(structure_factors: torch.Tensor) -> torch.Tensor:
    """Structure factors (n, size, size) over their largest value: the scale that is learned."""
    tiny = torch.finfo(structure_factors.dtype).tiny
    return structure_factors / structure_factors.amax(dim=(-2, -1), keepdim=True).clamp(min=tiny)


class PatternSource:
    """Batches of patterns with their probes, and of structure factors.

    The loss is the mean squared error (Munshi 2022, Methods) of structure factors over their
    largest value, or of the root of these that the network learns.

    Parameters
    ----------
    triplets, held_out
        What to train on, and what to watch.
    streams
        Where random numbers come from.
    imaging
        Section of the study: the ranges of `imaging.diffraction.augment`.
    batch_size
        Patterns in a batch.
    """

    def __init__(
        self,
        triplets: TripletShards,
        held_out: TripletShards,
        streams: Streams,
        imaging: Imaging,
        batch_size: int,
    ):
        self.streams, self.ranges = streams, imaging.ranges()
        self.sampling = triplets.step
        seed, study = streams.seed, streams.study
        self.draws = Draws(triplets, batch_size, seed, f"{study}/draws")
        self.watched = Draws(held_out, batch_size, seed, f"{study}/watched draws")

    def to(self, device: torch.device) -> None:
        """Make triplets on a device from now on."""
        self.streams.device = device

    def _batch(self, draws: Draws, stream: str, number: int, following: int) -> Batch:
        stored = draws.batch(number, following).to(self.streams.device)
        generator = self.streams.generator(stream, number)
        elements = torch.randint(
            8, (len(stored.pattern),), generator=generator, device=self.streams.device
        )
        turned = (turn(p, elements) for p in (stored.pattern, stored.probe))
        made = augment(
            *turned,
            turn(stored.structure_factors, elements),
            step=self.sampling,
            ranges=self.ranges,
            generator=generator,
        )
        return Batch((made.pattern, made.probe), made.structure_factors)

    def training(self, step: int, number: int, following: int) -> Batch:
        """Triplets of a step of the training; those of the following one are read meanwhile."""
        return self._batch(self.draws, "step", number, following)

    def validation(self, number: int) -> Batch:
        """Triplets of held-out crystals."""
        return self._batch(self.watched, "watched", number, number + 1)

    def prepare(self, number: int) -> None:
        """Dropout, too, is the same in a training that was resumed."""
        torch.manual_seed(torch_seed(self.streams.seed, f"{self.streams.study}/dropout", number))

    def loss(self, network: nn.Module, batch: Batch) -> torch.Tensor:
        """Loss of the structure factors of a batch."""
        return mse_loss(network(*batch.inputs).float(), scaled(batch.target) ** network.root)


def source(
    recipe: Recipe, shard_paths: Sequence[Path], held_out_paths: Sequence[Path]
) -> PatternSource:
    """The source of a recipe from shards of patterns; raises ShardError for a bad one."""
    return PatternSource(
        TripletShards(shard_paths),
        TripletShards(held_out_paths),
        Streams(recipe.seed, recipe.study),
        Imaging.model_validate(recipe.imaging),
        Schedule.model_validate(recipe.training).batch_size,
    )


def arguments(recipe: Recipe) -> dict[str, Any]:
    """What the network's architecture takes from the study: nothing."""
    return {}
