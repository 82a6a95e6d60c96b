"""Several workers share one study, weak trials end early, and the best one is a configuration."""

import optuna
import pandas as pd
import pytest
import yaml
from test_map_learning import recipe, write_triplets

from latticework import config
from latticework.config_diffraction import Tuning
from latticework.learning import tuning
from latticework.learning.tuning import Report, best_config, shared_study, trials_table, work

optuna.logging.set_verbosity(optuna.logging.WARNING)


def space(**values):
    settings = {
        "trials": 3,
        "workers": 2,
        "steps": 4,
        "features": [2, 3],
        "levels": [1, 2],
        "depth": [1],
        "dropout": {"low": 0, "high": 0.3},
        "learning_rate": {"low": 1e-3, "high": 1e-2},
    }
    return Tuning.model_validate(settings | values)


@pytest.fixture
def paths(tmp_path):
    return [write_triplets(tmp_path / f"{i}.h5", i) for i in range(2)]


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "tuning" / "journal.log"


def test_workers_share_the_trials_of_one_study(paths, journal):
    table = work(recipe(), space(), paths, journal, 0)
    assert len(table) == 3
    assert table["held_out_loss"].gt(0).all()
    assert set(table["features"]) <= {2, 3}
    # There are enough: another worker has nothing left to do, and sees the same.
    pd.testing.assert_frame_equal(work(recipe(), space(), paths, journal, 1), table)
    more = work(recipe(), space(trials=4), paths, journal, 1)
    pd.testing.assert_frame_equal(more.head(3), table)
    assert len(more) == 4
    # Nothing of the trainings is left.
    assert [path.name for path in journal.parent.iterdir()] == [journal.name]


def test_one_worker_s_trials_are_reproducible(paths, journal, tmp_path):
    first = work(recipe(), space(trials=2), paths, journal, 0)
    again = work(recipe(), space(trials=2), paths, tmp_path / "again" / "journal.log", 0)
    pd.testing.assert_frame_equal(first, again)


def test_another_recipe_is_another_study_in_the_same_journal(paths, journal):
    work(recipe(), space(trials=1), paths, journal, 0)
    other = recipe(batch_size=3)
    assert trials_table(shared_study(journal, other, space())).empty
    assert len(trials_table(shared_study(journal, recipe(), space()))) == 1


def test_a_killed_trial_does_not_count(paths, journal, monkeypatch):
    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(tuning, "train", killed)
        with pytest.raises(KeyboardInterrupt):
            work(recipe(), space(trials=1), paths, journal, 0)
    assert len(work(recipe(), space(trials=1), paths, journal, 0)) == 1


def test_a_trial_that_is_behind_others_ends_at_its_first_rung(paths, journal, monkeypatch):
    class Trainer:
        callback_metrics = {"held_out_loss": None}  # noqa: RUF012

    losses = iter([0.1, 0.2, 0.3, 0.9])

    def pretended(recipe, shards, held_out, folder, callbacks):
        Trainer.callback_metrics = {"held_out_loss": next(losses)}
        for _ in range(2):
            callbacks[0].on_train_epoch_end(Trainer, None)

    monkeypatch.setattr(tuning, "train", pretended)
    table = work(recipe(), space(trials=4, reduction=3), paths, journal, 0)
    assert table["state"].tolist()[-1] == "pruned"
    assert table["epochs"].tolist()[-1] == 1
    assert table["held_out_loss"].min() == 0.1


def test_the_best_trial_is_a_configuration(paths, journal):
    text = best_config(work(recipe(), space(), paths, journal, 0), "diffraction", "fcunet")
    values = config.merge(
        config.load("config/config.yaml", "config/tiny.yaml").model_dump(mode="json"),
        yaml.safe_load(text),
    )
    row = config.parse(values).studies["diffraction"].networks["fcunet"]
    assert row.network.features in (2, 3)
    assert 1e-3 <= row.learning_rate <= 1e-2
    table = pd.DataFrame({"trial": [0], "state": ["pruned"], "held_out_loss": [0.1]})
    with pytest.raises(ValueError, match="no trial was completed"):
        best_config(table, "diffraction", "fcunet")


def test_a_single_shard_cannot_be_divided(paths, journal):
    with pytest.raises(ValueError, match="at least 2 shards, found 1"):
        work(recipe(), space(), paths[:1], journal, 0)


def test_a_report_needs_no_pruning_to_go_on():
    trial = optuna.trial.FixedTrial({})

    class Trainer:
        callback_metrics = {"held_out_loss": 0.5}  # noqa: RUF012

    report = Report(trial)
    report.on_train_epoch_end(Trainer, None)
    assert report.losses == [0.5]
