"""Train one network: Lightning, resumed from the last checkpoint of the same recipe."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import pandas as pd
import torch
from lightning.pytorch.callbacks import TQDMProgressBar
from torch.utils.data import DataLoader

from latticework import shards
from latticework.fingerprint import fingerprint
from latticework.hardware import best_device, resolved_precision
from latticework.learning import weights
from latticework.learning.module import TrainingModule
from latticework.learning.recipe import Recipe, Runtime
from latticework.learning.sources.steps import Steps

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


def loader(steps: int) -> DataLoader:
    return DataLoader(Steps(steps), batch_size=1, shuffle=False)


def train(
    recipe: Recipe,
    runtime: Runtime,
    shard_paths: Sequence[Path],
    held_out_paths: Sequence[Path],
    folder: Path,
    code: str = "",
    callbacks: Sequence[lightning.Callback] = (),
) -> tuple[torch.nn.Module, dict[str, Any]]:
    """Train, resuming where a killed run of the same recipe, data and code stopped.

    Checkpoints lie in folder/checkpoints/<fingerprint of recipe, processes, data and code>:
    nothing else ever continues from them. folder/training.csv has one row an epoch.

    Returns the network and its card.
    """
    schedule, device = recipe.schedule(), best_device()
    torch.set_num_threads(runtime.threads)
    start = [Path(schedule.start)] if schedule.start else []
    data = [shards.sha256_of(p) for p in (*shard_paths, *held_out_paths, *start)]
    module = TrainingModule(recipe, recipe.make_source(shard_paths, held_out_paths))
    for path in start:
        weights.copy_matching(module.network, path)
    same = fingerprint(recipe, runtime.processes, data, code)
    last = folder / "checkpoints" / same / "last.ckpt"
    history = History(folder / "training.csv")
    trainer = lightning.Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=runtime.devices,
        num_nodes=runtime.nodes,
        precision=resolved_precision(schedule.precision, device),
        max_steps=schedule.steps,
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
            *callbacks,
        ],
    )
    trainer.fit(
        module,
        loader(schedule.steps_per_epoch),
        loader(VALIDATION_BATCHES),
        ckpt_path=last if last.exists() else None,
    )
    # A training that was killed after its last checkpoint has nothing left to log.
    if trainer.is_global_zero:
        history.write()
    return module.network, recipe.card(runtime)
