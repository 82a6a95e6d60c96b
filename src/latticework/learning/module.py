"""The training of a class-map network, as a Lightning module."""

from collections.abc import Mapping
from typing import Any

import lightning
import torch
from torch import nn

from latticework.config import Range
from latticework.imaging.augmentation import Batch, Distribution, WaveBank, make_batch
from latticework.networks import NETWORKS
from latticework.seeds import torch_seed


def squared_error(scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of softmax and labels (Madsen 2018, eq. 6, per pixel)."""
    return (scores.softmax(dim=1) - labels).square().sum(dim=1).mean()


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


LOSSES = {"mse": squared_error, "cross_entropy": nn.functional.cross_entropy}


def learning_rate_factor(step: int, warmup: int, total: int, decay: float) -> float:
    """Linear warm-up, a constant stretch, and a linear decay over the last `decay` of the steps.

    The constant stretch does not depend on the end, so a training can be prolonged.
    """
    if step < warmup:
        return (step + 1) / warmup
    remaining = (total - step) / (decay * total)
    return max(0.0, min(1.0, remaining))


class ClassMapModule(lightning.LightningModule):
    """Learns class maps from pictures that it makes itself, on its device, in every step.

    Everything random in a step comes from a stream numbered by the step, so a resumed training
    sees what an undisturbed one would have seen.

    Parameters
    ----------
    bank, held_out
        Waves and atoms of the structures to train on, and of those to watch.
    seed, study
        Name the random streams.
    network
        `name` in `NETWORKS` and its arguments.
    pictures
        Arguments of `make_batch` other than bank, count, ranges and generator.
    ranges
        Imaging ranges; `easy_ranges` replaces some of them at the first step, and they widen
        linearly until step `curriculum_steps`.
    loss
        "mse" or "cross_entropy".
    weight_decay
        λ of eq. 6, applied by AdamW to convolution weights only.
    """

    def __init__(
        self,
        bank: WaveBank,
        held_out: WaveBank,
        *,
        seed: int,
        study: str,
        network: Mapping[str, Any],
        pictures: Mapping[str, Any],
        ranges: Mapping[str, Distribution],
        batch_size: int,
        loss: str,
        learning_rate: float,
        weight_decay: float,
        warmup_steps: int,
        total_steps: int,
        decay: float,
        easy_ranges: Mapping[str, Distribution] | None = None,
        curriculum_steps: int = 0,
    ):
        super().__init__()
        arguments = dict(network)
        # The initial weights, too, come from a named stream.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(torch_seed(seed, f"{study}/weights"))
            self.network = NETWORKS[arguments.pop("name")](**arguments)
        self.network = self.network.to(memory_format=torch.channels_last)
        self.bank, self.held_out = bank, held_out
        self.seed, self.study = seed, study
        self.pictures, self.ranges = dict(pictures), ranges
        self.easy_ranges, self.curriculum_steps = easy_ranges or {}, curriculum_steps
        self.batch_size = batch_size
        self.loss = LOSSES[loss]
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.schedule = {"warmup": warmup_steps, "total": total_steps, "decay": decay}

    def on_fit_start(self) -> None:
        self.bank, self.held_out = self.bank.to(self.device), self.held_out.to(self.device)

    def ranges_at(self, step: int) -> dict[str, Distribution]:
        """Imaging ranges of a step: the easy ones widen linearly to the full ones."""
        progress = min(1.0, step / self.curriculum_steps) if self.curriculum_steps else 1.0
        return {
            name: blend(self.easy_ranges.get(name, full), full, progress)
            for name, full in self.ranges.items()
        }

    def make_pictures(
        self, bank: WaveBank, stream: str, number: int, ranges: Mapping[str, Distribution]
    ) -> Batch:
        """The pictures of one numbered item of a stream, made on the module's device."""
        generator = torch.Generator(self.device)
        generator.manual_seed(torch_seed(self.seed, f"{self.study}/{stream}", number))
        return make_batch(
            bank, self.batch_size, ranges=ranges, generator=generator, **self.pictures
        )

    def score_pictures(self, made: Batch) -> torch.Tensor:
        """Loss of the network on a batch."""
        scores = self.network(made.pictures.contiguous(memory_format=torch.channels_last))
        return self.loss(scores.float(), made.labels)

    def training_step(self, batch: torch.Tensor, batch_index: int) -> torch.Tensor:
        with torch.autocast(self.device.type, enabled=False):
            # Each process of a distributed training makes its own share of the step.
            share = self.global_step * self.trainer.world_size + self.global_rank
            ranges = self.ranges_at(self.global_step)
            made = self.make_pictures(self.bank, "step", share, ranges)
        loss = self.score_pictures(made)
        self.log("loss", loss, prog_bar=True, on_step=False, on_epoch=True, sync_dist=True)
        return loss

    def validation_step(self, batch: torch.Tensor, batch_index: int) -> None:
        with torch.autocast(self.device.type, enabled=False):
            made = self.make_pictures(self.held_out, "validation", batch_index, self.ranges)
        loss = self.score_pictures(made)
        self.log("held_out_loss", loss, prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> dict[str, Any]:
        kernels = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [
            {"params": kernels, "weight_decay": self.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.learning_rate)
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: learning_rate_factor(step, **self.schedule)
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }
