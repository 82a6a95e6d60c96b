"""Train one study's network: Lightning, resumed from the last checkpoint of the same recipe."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import pandas as pd
import torch
from lightning.pytorch.callbacks import TQDMProgressBar
from torch.utils.data import DataLoader

from latticework import config, shards
from latticework.learning.data import Steps, load_wave_bank
from latticework.learning.module import ClassMapModule

VALIDATION_BATCHES = 4


class History(lightning.Callback):
    """One row an epoch, kept in the checkpoint, so that a resumed log has no gap."""

    def __init__(self, path: Path):
        self.path = path
        self.rows: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        # A resumed training ends the epoch of its checkpoint once more, without a step.
        if self.rows and self.rows[-1]["step"] == trainer.global_step:
            return
        row = {
            "step": trainer.global_step,
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
        }
        row |= {key: float(value) for key, value in sorted(trainer.callback_metrics.items())}
        self.rows.append(row)
        if trainer.is_global_zero:
            self.write()

    def write(self) -> None:
        """Write the log as it stands."""
        shards.write_csv(self.path, pd.DataFrame(self.rows))

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows = list(state["rows"])


class LastCheckpoint(lightning.Callback):
    """The state after the last epoch, replaced atomically: a kill never leaves half of one."""

    def __init__(self, path: Path):
        self.path = path

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        # Of this process alone: one that outlived a killed driver may still be writing its own.
        temporary = self.path.with_suffix(f".{os.getpid()}.partial")
        trainer.save_checkpoint(temporary)
        if trainer.is_global_zero:
            os.replace(temporary, self.path)


class Recipe(config.Section):
    """Everything that the weights depend on."""

    study: str
    seed: int
    structures: config.Structures
    simulation: config.Simulation
    imaging: config.Imaging
    network: config.Network
    training: config.Training

    def card(self) -> dict[str, Any]:
        """What a user of the weights needs to know, as JSON types."""
        return self.model_dump(mode="json") | {"energy": self.simulation.energy}


def resolved_precision(precision: str, accelerator: str) -> str:
    """Lightning's name of a precision; "auto" is bf16-mixed where the hardware multiplies it."""
    if precision != "auto":
        return precision
    if accelerator != "cpu" and torch.cuda.is_available():
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = torch.cpu.get_capabilities().get("amx_bf16", False)
    return "bf16-mixed" if fast else "32-true"


def loader(steps: int) -> DataLoader:
    return DataLoader(Steps(steps), batch_size=1, shuffle=False)


def train(
    recipe: Recipe,
    shard_paths: Sequence[Path],
    held_out_paths: Sequence[Path],
    folder: Path,
    sources: Sequence[Path] = (),
) -> tuple[torch.nn.Module, dict[str, Any]]:
    """Train, resuming where a killed run of the same recipe, data and code stopped.

    Checkpoints lie in folder/checkpoints/<fingerprint of recipe, data and `sources`>: nothing
    else ever continues from them. folder/training.csv has one row an epoch.

    Returns the network and its card.
    """
    settings, imaging = recipe.training, recipe.imaging
    torch.set_num_threads(settings.threads)
    data = [shards.sha256_of(path) for path in (*shard_paths, *held_out_paths, *sources)]
    pictures = {
        "energy": recipe.simulation.energy,
        "crop": imaging.crop,
        "label_sigma": imaging.label_sigma,
        "normalisation_sigma": imaging.normalisation_sigma,
        "n_classes": recipe.network.classes,
    }
    module = ClassMapModule(
        load_wave_bank(shard_paths, imaging.band_limit),
        load_wave_bank(held_out_paths, imaging.band_limit),
        seed=recipe.seed,
        study=recipe.study,
        network=recipe.network.model_dump(),
        pictures=pictures,
        ranges=imaging.ranges(),
        batch_size=settings.batch_size,
        loss=settings.loss,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        warmup_steps=settings.warmup_steps,
        total_steps=settings.steps,
        decay=settings.decay,
        easy_ranges=settings.curriculum.ranges(),
        curriculum_steps=settings.curriculum.steps,
    )
    last = folder / "checkpoints" / config.fingerprint(recipe, data) / "last.ckpt"
    history = History(folder / "training.csv")
    trainer = lightning.Trainer(
        accelerator=settings.accelerator,
        devices=settings.devices,
        num_nodes=settings.nodes,
        precision=resolved_precision(settings.precision, settings.accelerator),
        max_steps=settings.steps,
        deterministic=True,
        # Step numbers are not shared out: every process makes its own share of every step.
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        num_sanity_val_steps=0,
        default_root_dir=folder,
        callbacks=[
            # In this order: the checkpoint holds the history with its newest row.
            history,
            LastCheckpoint(last),
            TQDMProgressBar(refresh_rate=10),
        ],
    )
    trainer.fit(
        module,
        loader(settings.steps_per_epoch),
        loader(VALIDATION_BATCHES),
        ckpt_path=last if last.exists() else None,
    )
    # A training that was killed after its last checkpoint has nothing left to log.
    if trainer.is_global_zero:
        history.write()
    return module.network, recipe.card()
