"""Train one study's network: Lightning, resumed from the last checkpoint of the same recipe."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import lightning
import pandas as pd
import torch
from lightning.pytorch.callbacks import TQDMProgressBar
from torch.utils.data import DataLoader

from latticework import config, config_diffraction, shards
from latticework.config_base import Schedule
from latticework.hardware import resolved_precision
from latticework.learning import weights
from latticework.learning.data import Steps, load_wave_bank
from latticework.learning.map_module import MapModule
from latticework.learning.module import ClassMapModule
from latticework.learning.triplets import TripletShards

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


class NamedRecipe(config.Section):
    """What recipes of all networks have."""

    study: str
    seed: int

    @classmethod
    def of(cls, study: str, params: Any) -> Self:
        """The recipe of a rule's study and parameters; raises ValidationError."""
        fields = {name: getattr(params, name) for name in cls.model_fields if name != "study"}
        return cls.model_validate({"study": study} | fields)


class Recipe(NamedRecipe):
    """Everything that the weights of a class-map network depend on."""

    structures: config.Structures
    simulation: config.Simulation
    imaging: config.Imaging
    network: config.Network
    training: config.Training

    def card(self) -> dict[str, Any]:
        """What a user of the weights needs to know, as JSON types."""
        return self.model_dump(mode="json") | {"energy": self.simulation.energy}

    def module(self, shard_paths: Sequence[Path], held_out_paths: Sequence[Path]) -> ClassMapModule:
        """The module that learns from shards of exit waves; raises ShardError for a bad one."""
        imaging = self.imaging
        return ClassMapModule(
            load_wave_bank(shard_paths, imaging.band_limit),
            load_wave_bank(held_out_paths, imaging.band_limit),
            network=self.network.model_dump(),
            pictures={
                "energy": self.simulation.energy,
                "crop": imaging.crop,
                "label_sigma": imaging.label_sigma,
                "normalisation_sigma": imaging.normalisation_sigma,
                "n_classes": self.network.classes,
                "series": imaging.series,
            },
            ranges=imaging.ranges(),
            loss=self.training.loss,
            easy_ranges=self.training.curriculum.ranges(),
            curriculum_steps=self.training.curriculum.steps,
            **scheduled(self.seed, self.study, self.training),
        )


class MapRecipe(NamedRecipe):
    """Everything that the weights of a network from patterns to structure factors depend on."""

    structures: config_diffraction.CrystalStructures
    simulation: config_diffraction.DiffractionSimulation
    imaging: config_diffraction.DiffractionImaging
    row: config_diffraction.NetworkRow
    training: Schedule

    def schedule(self) -> Schedule:
        """The study's training with what the network has of its own."""
        own = {"steps": self.row.steps, "learning_rate": self.row.learning_rate}
        return self.training.model_copy(update={k: v for k, v in own.items() if v})

    def card(self) -> dict[str, Any]:
        """What a user of the weights needs to know, as JSON types."""
        card = self.model_dump(mode="json", exclude={"row"})
        return card | {
            "energy": self.simulation.energy,
            "network": self.row.network.model_dump(mode="json"),
            "training": self.schedule().model_dump(mode="json"),
        }

    def module(self, shard_paths: Sequence[Path], held_out_paths: Sequence[Path]) -> MapModule:
        """The module that learns from diffraction shards; raises ShardError for a bad one."""
        return MapModule(
            TripletShards(shard_paths),
            TripletShards(held_out_paths),
            network=self.row.network.model_dump(),
            ranges=self.imaging.ranges(),
            **scheduled(self.seed, self.study, self.schedule()),
        )


def scheduled(seed: int, study: str, settings: Schedule) -> dict[str, Any]:
    """Arguments of `ScheduledModule` other than build."""
    return {
        "seed": seed,
        "study": study,
        "batch_size": settings.batch_size,
        "learning_rate": settings.learning_rate,
        "weight_decay": settings.weight_decay,
        "warmup_steps": settings.warmup_steps,
        "total_steps": settings.steps,
        "decay": settings.decay,
    }


def loader(steps: int) -> DataLoader:
    return DataLoader(Steps(steps), batch_size=1, shuffle=False)


def train(
    recipe: Recipe | MapRecipe,
    shard_paths: Sequence[Path],
    held_out_paths: Sequence[Path],
    folder: Path,
    sources: Sequence[Path] = (),
    callbacks: Sequence[lightning.Callback] = (),
) -> tuple[torch.nn.Module, dict[str, Any]]:
    """Train, resuming where a killed run of the same recipe, data and code stopped.

    Checkpoints lie in folder/checkpoints/<fingerprint of recipe, data and `sources`>: nothing
    else ever continues from them. folder/training.csv has one row an epoch.

    Returns the network and its card.
    """
    settings = recipe.training
    torch.set_num_threads(settings.threads)
    start = [Path(settings.start)] if settings.start else []
    data = [shards.sha256_of(p) for p in (*shard_paths, *held_out_paths, *sources, *start)]
    module = recipe.module(shard_paths, held_out_paths)
    for path in start:
        weights.take_over(module.network, path)
    last = folder / "checkpoints" / config.fingerprint(recipe, data) / "last.ckpt"
    history = History(folder / "training.csv")
    trainer = lightning.Trainer(
        accelerator=settings.accelerator,
        devices=settings.devices,
        num_nodes=settings.nodes,
        precision=resolved_precision(settings.precision, settings.accelerator),
        max_steps=module.schedule["total"],
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
        loader(settings.steps_per_epoch),
        loader(VALIDATION_BATCHES),
        ckpt_path=last if last.exists() else None,
    )
    # A training that was killed after its last checkpoint has nothing left to log.
    if trainer.is_global_zero:
        history.write()
    return module.network, recipe.card()
