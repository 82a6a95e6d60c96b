"""The training of a network as a Lightning module, whatever it learns."""

from typing import Any

import lightning
import torch
from torch import nn

from latticework.config.training import Schedule
from latticework.learning.recipe import Recipe
from latticework.learning.sources import Source
from latticework.seeds import torch_seed

# Of a layer's median running variance: the least that a feature's counts for.
LEAST_VARIANCE = 0.01


def learning_rate_factor(step: int, warmup: int, total: int, decay: float) -> float:
    """Linear warm-up, a constant stretch, and a linear decay over the last `decay` of the steps.

    The constant stretch does not depend on the end, so a training can be prolonged.
    """
    if step < warmup:
        return (step + 1) / warmup
    remaining = (total - step) / (decay * total)
    return max(0.0, min(1.0, remaining))


@torch.no_grad()
def floor_variances(network: nn.Module) -> None:
    """Raise running variances of batch normalisation to a share of their layer's median.

    After a rectifier some features never fire in training, and their variance falls to zero: the
    first image that makes one fire would find it multiplied by hundreds.
    """
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_var.clamp_(min=LEAST_VARIANCE * float(layer.running_var.median()))


class TrainingModule(lightning.LightningModule):
    """A network that learns from a source of numbered batches.

    Everything random in a step comes from a stream of its number, so a resumed training sees what
    an undisturbed one would have seen.

    Parameters
    ----------
    recipe
        Names the random streams; the initial weights, too, come from one.
    source
        Makes batches on the module's device and says what the loss is.
    """

    def __init__(self, recipe: Recipe, source: Source):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(torch_seed(recipe.seed, f"{recipe.study}/weights"))
            network = recipe.build()
        self.network = network.to(memory_format=torch.channels_last)
        self.source, self.schedule = source, recipe.schedule()

    def on_fit_start(self) -> None:
        self.source.to(self.device)

    def share(self, step: int) -> int:
        """Number of this process's share of a step: each makes its own."""
        return step * self.trainer.world_size + self.global_rank

    def training_step(self, batch: torch.Tensor, batch_index: int) -> torch.Tensor:
        step = self.global_step
        number, following = self.share(step), self.share(step + 1)
        with torch.autocast(self.device.type, enabled=False):
            made = self.source.training(step, number, following)
        self.source.prepare(number)
        loss = self.source.loss(self.network, made)
        self.report("loss", loss)
        return loss

    def on_validation_start(self) -> None:
        # The last thing that happens to the weights, too: every epoch ends with a validation.
        floor_variances(self.network)

    def validation_step(self, batch: torch.Tensor, batch_index: int) -> None:
        with torch.autocast(self.device.type, enabled=False):
            made = self.source.validation(batch_index)
        self.report("held_out_loss", self.source.loss(self.network, made))

    def report(self, name: str, loss: torch.Tensor) -> None:
        """Mean of an epoch, on the progress bar and in the log."""
        self.log(name, loss, prog_bar=True, on_step=False, on_epoch=True, sync_dist=True)

    def configure_optimizers(self) -> dict[str, Any]:
        # Complex normalisation has matrices, too; kernels have four dimensions or more.
        kernels = [p for p in self.network.parameters() if p.ndim > 2]
        others = [p for p in self.network.parameters() if p.ndim <= 2]
        groups = [
            {"params": kernels, "weight_decay": self.schedule.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.schedule.learning_rate)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self._learning_rate_factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def _learning_rate_factor(self, step: int) -> float:
        schedule: Schedule = self.schedule
        return learning_rate_factor(step, schedule.warmup_steps, schedule.steps, schedule.decay)
