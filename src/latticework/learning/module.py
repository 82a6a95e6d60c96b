"""The training of a network as a Lightning module; that of a class-map network."""

from collections.abc import Callable, Mapping
from functools import partial
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


# Of a layer's median running variance: the least that a feature's counts for.
LEAST_VARIANCE = 0.01


@torch.no_grad()
def floor_variances(network: nn.Module) -> None:
    """Raise running variances of batch normalisation to a share of their layer's median.

    After a rectifier some features never fire in training, and their variance falls to zero: the
    first picture that makes one fire would find it multiplied by hundreds.
    """
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_var.clamp_(min=LEAST_VARIANCE * float(layer.running_var.median()))


class ScheduledModule(lightning.LightningModule):
    """A network with its optimiser and schedule, whose random streams are numbered by the step.

    Everything random in a step comes from a stream of its number, so a resumed training sees what
    an undisturbed one would have seen.

    Parameters
    ----------
    seed, study
        Name the random streams.
    build
        Makes the network; its initial weights, too, come from a named stream.
    weight_decay
        λ of Madsen 2018, eq. 6, applied by AdamW to convolution weights only.
    """

    def __init__(
        self,
        *,
        seed: int,
        study: str,
        build: Callable[[], nn.Module],
        batch_size: int,
        learning_rate: float,
        weight_decay: float,
        warmup_steps: int,
        total_steps: int,
        decay: float,
    ):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(torch_seed(seed, f"{study}/weights"))
            self.network = build()
        self.network = self.network.to(memory_format=torch.channels_last)
        self.seed, self.study, self.batch_size = seed, study, batch_size
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.schedule = {"warmup": warmup_steps, "total": total_steps, "decay": decay}

    def share(self, step: int) -> int:
        """Number of this process's share of a step: each makes its own."""
        return step * self.trainer.world_size + self.global_rank

    def generator(self, stream: str, number: int) -> torch.Generator:
        """Random numbers of one item of a stream, on the module's device."""
        generator = torch.Generator(self.device)
        return generator.manual_seed(torch_seed(self.seed, f"{self.study}/{stream}", number))

    def on_validation_start(self) -> None:
        # The last thing that happens to the weights, too: every epoch ends with a validation.
        floor_variances(self.network)

    def report(self, name: str, loss: torch.Tensor) -> None:
        """Mean of an epoch, on the progress bar and in the log."""
        self.log(name, loss, prog_bar=True, on_step=False, on_epoch=True, sync_dist=True)

    def configure_optimizers(self) -> dict[str, Any]:
        # Complex normalisation has matrices, too; kernels have four dimensions or more.
        kernels = [p for p in self.network.parameters() if p.ndim > 2]
        others = [p for p in self.network.parameters() if p.ndim <= 2]
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


class ClassMapModule(ScheduledModule):
    """Learns class maps from pictures that it makes itself, on its device, in every step.

    Parameters
    ----------
    bank, held_out
        Waves and atoms of the structures to train on, and of those to watch.
    network
        `name` in `NETWORKS` and its arguments.
    pictures
        Arguments of `make_batch` other than bank, count, ranges and generator.
    ranges
        Imaging ranges; `easy_ranges` replaces some of them at the first step, and they widen
        linearly until step `curriculum_steps`.
    loss
        "mse" or "cross_entropy".
    scheduled
        Arguments of `ScheduledModule` other than build.
    """

    def __init__(
        self,
        bank: WaveBank,
        held_out: WaveBank,
        *,
        network: Mapping[str, Any],
        pictures: Mapping[str, Any],
        ranges: Mapping[str, Distribution],
        loss: str,
        easy_ranges: Mapping[str, Distribution] | None = None,
        curriculum_steps: int = 0,
        **scheduled: Any,
    ):
        arguments = dict(network)
        super().__init__(build=partial(NETWORKS[arguments.pop("name")], **arguments), **scheduled)
        self.bank, self.held_out = bank, held_out
        self.pictures, self.ranges = dict(pictures), ranges
        self.easy_ranges, self.curriculum_steps = easy_ranges or {}, curriculum_steps
        self.loss = LOSSES[loss]

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
        generator = self.generator(stream, number)
        return make_batch(
            bank, self.batch_size, ranges=ranges, generator=generator, **self.pictures
        )

    def score_pictures(self, made: Batch) -> torch.Tensor:
        """Loss of the network on a batch."""
        scores = self.network(made.pictures.contiguous(memory_format=torch.channels_last))
        return self.loss(scores.float(), made.labels)

    def training_step(self, batch: torch.Tensor, batch_index: int) -> torch.Tensor:
        with torch.autocast(self.device.type, enabled=False):
            ranges = self.ranges_at(self.global_step)
            made = self.make_pictures(self.bank, "step", self.share(self.global_step), ranges)
        loss = self.score_pictures(made)
        self.report("loss", loss)
        return loss

    def validation_step(self, batch: torch.Tensor, batch_index: int) -> None:
        with torch.autocast(self.device.type, enabled=False):
            made = self.make_pictures(self.held_out, "validation", batch_index, self.ranges)
        self.report("held_out_loss", self.score_pictures(made))
