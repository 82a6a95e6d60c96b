"""The training of a network from patterns to structure factors, as a Lightning module."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch.nn.functional import mse_loss

from latticework.imaging.augmentation import Distribution
from latticework.imaging.diffraction import Triplets, augment, turn
from latticework.learning.module import ScheduledModule
from latticework.learning.triplets import Draws, TripletShards
from latticework.networks.maps import MAP_NETWORKS
from latticework.seeds import torch_seed


def scaled(maps: torch.Tensor) -> torch.Tensor:
    """Maps (n, size, size) over their largest value: the scale that networks learn."""
    tiny = torch.finfo(maps.dtype).tiny
    return maps / maps.amax(dim=(-2, -1), keepdim=True).clamp(min=tiny)


class MapModule(ScheduledModule):
    """Learns maps of structure factors from triplets that it distorts and makes noisy itself.

    The loss is the mean squared error (Munshi 2022, Methods) of maps over their largest value, or
    of the root of these that the network is to learn.

    Parameters
    ----------
    triplets, held_out
        What to train on, and what to watch.
    network
        `name` in `MAP_NETWORKS` and its arguments.
    ranges
        Those of `imaging.diffraction.augment`.
    scheduled
        Arguments of `ScheduledModule` other than build.
    """

    def __init__(
        self,
        triplets: TripletShards,
        held_out: TripletShards,
        *,
        network: Mapping[str, Any],
        ranges: Mapping[str, Distribution],
        **scheduled: Any,
    ):
        arguments = dict(network)
        build = partial(MAP_NETWORKS[arguments.pop("name")], **arguments)
        super().__init__(build=build, **scheduled)
        self.ranges, self.step = ranges, triplets.step
        size, seed, study = self.batch_size, self.seed, self.study
        self.draws = Draws(triplets, size, seed, f"{study}/draws")
        self.watched = Draws(held_out, size, seed, f"{study}/watched draws")

    def make_triplets(self, draws: Draws, stream: str, number: int, following: int) -> Triplets:
        """The triplets of one numbered item of a stream, made on the module's device."""
        stored = draws.batch(number, following).to(self.device)
        generator = self.generator(stream, number)
        elements = torch.randint(8, (len(stored.pattern),), generator=generator, device=self.device)
        turned = (turn(p, elements) for p in (stored.pattern, stored.probe))
        return augment(
            *turned,
            turn(stored.structure_factors, elements),
            step=self.step,
            ranges=self.ranges,
            generator=generator,
        )

    def error(self, made: Triplets) -> torch.Tensor:
        """Loss of the network on a batch."""
        found = self.network(made.pattern, made.probe)
        return mse_loss(found.float(), scaled(made.structure_factors) ** self.network.root)

    def training_step(self, batch: torch.Tensor, batch_index: int) -> torch.Tensor:
        with torch.autocast(self.device.type, enabled=False):
            number, following = self.share(self.global_step), self.share(self.global_step + 1)
            made = self.make_triplets(self.draws, "step", number, following)
        # Dropout, too, is the same in a training that was resumed.
        torch.manual_seed(torch_seed(self.seed, f"{self.study}/dropout", number))
        loss = self.error(made)
        self.report("loss", loss)
        return loss

    def validation_step(self, batch: torch.Tensor, batch_index: int) -> None:
        with torch.autocast(self.device.type, enabled=False):
            made = self.make_triplets(self.watched, "watched", batch_index, batch_index + 1)
        self.report("held_out_loss", self.error(made))
