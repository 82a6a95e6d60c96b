"""Hyperparameters of a network by Optuna: many jobs, one study, unpromising trials stopped.

All jobs share a journal file. A trial is a training of its own; its rungs are epochs, at which
asynchronous successive halving (Li et al. 2020, the authors' way) lets the better share go on.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightning
import optuna
import pandas as pd
import yaml
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from latticework.config.base import Range
from latticework.config.tuning import SCHEDULE, Tuning
from latticework.fingerprint import fingerprint
from latticework.learning.recipe import Recipe, Runtime
from latticework.learning.training import train
from latticework.seeds import torch_seed

# Trials that say something about their parameters; a killed job's stay "running" for ever.
DONE = (TrialState.COMPLETE, TrialState.PRUNED)


class Report(lightning.Callback):
    """Tells a trial its held-out loss after every epoch, and ends it where it is behind others."""

    def __init__(self, trial: optuna.Trial):
        self.trial, self.losses = trial, []

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        self.losses.append(float(trainer.callback_metrics["held_out_loss"]))
        self.trial.report(self.losses[-1], step=len(self.losses))
        if self.trial.should_prune():
            raise optuna.TrialPruned


def _suggested(trial: optuna.Trial, name: str, choice: list[Any] | Range) -> Any:
    if isinstance(choice, Range):
        logarithmic = choice.distribution == "loguniform"
        return trial.suggest_float(name, choice.low, choice.high, log=logarithmic)
    return trial.suggest_categorical(name, choice)


def suggestion(trial: optuna.Trial, recipe: Recipe, space: Tuning) -> Recipe:
    """A recipe with a trial's parameters in place of its own, in the order of the space."""
    drawn = {name: _suggested(trial, name, choice) for name, choice in space.space.items()}
    schedule = {name: value for name, value in drawn.items() if name in SCHEDULE}
    network = {name: value for name, value in drawn.items() if name not in SCHEDULE}
    row = recipe.network.model_copy(
        update={
            "network": (recipe.network.network or {}) | network,
            "steps": space.steps,
            # The row's own rate would replace the trial's.
            "learning_rate": schedule.get("learning_rate", recipe.network.learning_rate),
        }
    )
    return recipe.model_copy(update={"network": row, "training": recipe.training | schedule})


def shared_study(
    journal: Path, recipe: Recipe, space: Tuning, sampler_seed: int | None = None
) -> optuna.Study:
    """The study of a recipe and a space in a journal file; another recipe is another study.

    `trials` and `workers` may change: the study goes on with more.
    """
    journal.parent.mkdir(parents=True, exist_ok=True)
    searched = space.model_dump(mode="json", exclude={"trials", "workers"})
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(journal))),
        study_name=fingerprint(recipe, searched),
        sampler=optuna.samplers.TPESampler(seed=sampler_seed, n_startup_trials=space.random),
        pruner=optuna.pruners.SuccessiveHalvingPruner(
            min_resource=1, reduction_factor=space.reduction
        ),
        direction="minimize",
        load_if_exists=True,
    )


def work(
    recipe: Recipe,
    runtime: Runtime,
    space: Tuning,
    shard_paths: Sequence[Path],
    journal: Path,
    worker: int,
) -> pd.DataFrame:
    """Run trials until the study has `space.trials`; the table of all that there are then.

    The last of the shards is what a trial is judged by, so that the evaluation's crystals take no
    part. With one worker trials are reproducible; with several each sees what others have done.
    Raises ValueError for a single shard.
    """
    if len(shard_paths) < 2:
        raise ValueError(
            "tuning judges by the last training shard: expected at least 2 shards, found "
            f"{len(shard_paths)}; lower structures.shard_size"
        )
    seed = torch_seed(recipe.seed, f"{recipe.study}/tuning", worker)
    study = shared_study(journal, recipe, space, seed % 2**32)

    def objective(trial: optuna.Trial) -> float:
        report = Report(trial)
        with TemporaryDirectory(dir=journal.parent) as folder:
            train(
                suggestion(trial, recipe, space),
                runtime,
                shard_paths[:-1],
                shard_paths[-1:],
                Path(folder),
                callbacks=[report],
            )
        return report.losses[-1]

    def enough(study: optuna.Study, _: Any = None) -> bool:
        return len(study.get_trials(deepcopy=False, states=DONE)) >= space.trials

    while not enough(study):
        study.optimize(objective, n_trials=1)
    return trials_table(study)


def trials_table(study: optuna.Study) -> pd.DataFrame:
    """A row a finished trial: number, state, value (held-out loss), epochs, and its parameters."""
    rows = [
        {
            "trial": trial.number,
            "state": trial.state.name.lower(),
            "held_out_loss": trial.value,
            "epochs": len(trial.intermediate_values),
            **trial.params,
        }
        for trial in study.get_trials(deepcopy=False, states=DONE)
    ]
    return pd.DataFrame(rows)


def best_config(table: pd.DataFrame, study: str, network: str, space: Tuning) -> str:
    """A configuration file (YAML) with the parameters of the best complete trial.

    Raises ValueError where no trial was completed.
    """
    complete = table[table["state"] == "complete"]
    if complete.empty:
        raise ValueError("tuning: no trial was completed; raise tuning.trials")
    best = complete.sort_values(["held_out_loss", "trial"]).iloc[0]
    plain = {name: best[name].item() for name in space.space}
    architecture = {name: value for name, value in plain.items() if name not in SCHEDULE}
    row = {"network": architecture}
    if "learning_rate" in plain:
        row["learning_rate"] = plain.pop("learning_rate")
    chosen: dict[str, Any] = {"networks": {network: row}}
    if training := {name: plain[name] for name in SCHEDULE if name in plain}:
        chosen["training"] = training
    return yaml.safe_dump({"studies": {study: chosen}}, sort_keys=False)
