"""Several workers share one study, weak trials end early, and the best one is a configuration."""

import optuna
import pandas as pd
import pytest
from checkout import ROOT
from triplets import pattern_recipe, write_triplets

from latticework.config import parse
from latticework.config.tuning import Tuning
from latticework.learning.recipe import Runtime
from latticework.learning.tuning import best_config, shared_study, suggestion, trials_table
from latticework.learning.tuning import work as work_with

optuna.logging.set_verbosity(optuna.logging.WARNING)


def work(recipe, space, paths, journal, worker):
    """Trials on one thread."""
    return work_with(recipe, Runtime(), space, paths, journal, worker)


def space(**values):
    parameters = {
        "features": [2, 3],
        "levels": [1, 2],
        "depth": [1],
        "dropout": {"low": 0, "high": 0.3},
        "learning_rate": {"low": 1e-3, "high": 1e-2},
    }
    settings = {"trials": 3, "workers": 2, "steps": 4, "space": parameters}
    return Tuning.model_validate(settings | values)


@pytest.fixture
def paths(tmp_path):
    return [write_triplets(tmp_path / f"{i}.h5", i) for i in range(2)]


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "tuning" / "journal.log"


def test_workers_share_the_trials_of_one_study(paths, journal):
    table = work(pattern_recipe(), space(), paths, journal, 0)
    assert len(table) == 3
    assert table["held_out_loss"].gt(0).all()
    assert set(table["features"]) <= {2, 3}
    # There are enough: another worker has nothing left to do, and sees the same.
    pd.testing.assert_frame_equal(work(pattern_recipe(), space(), paths, journal, 1), table)
    more = work(pattern_recipe(), space(trials=4), paths, journal, 1)
    pd.testing.assert_frame_equal(more.head(3), table)
    assert len(more) == 4
    # Nothing of the trainings is left.
    assert [path.name for path in journal.parent.iterdir()] == [journal.name]


def test_one_worker_s_trials_are_reproducible(paths, journal, tmp_path):
    first = work(pattern_recipe(), space(trials=2), paths, journal, 0)
    again = work(pattern_recipe(), space(trials=2), paths, tmp_path / "again" / "journal.log", 0)
    pd.testing.assert_frame_equal(first, again)


def test_another_recipe_is_another_study_in_the_same_journal(paths, journal):
    work(pattern_recipe(), space(trials=1), paths, journal, 0)
    other = pattern_recipe(batch_size=3)
    assert trials_table(shared_study(journal, other, space())).empty
    assert len(trials_table(shared_study(journal, pattern_recipe(), space()))) == 1


def test_a_killed_trial_does_not_count(paths, journal):
    """A job that is killed leaves its trial running for ever."""
    shared_study(journal, pattern_recipe(), space(trials=1)).ask()
    assert len(work(pattern_recipe(), space(trials=1), paths, journal, 0)) == 1


def test_a_trial_that_is_behind_others_ends_at_its_first_rung(paths, journal):
    """Two epochs, one rung: it lets the best third of those go on that came so far."""
    searched = space(trials=8, reduction=3)
    table = work(pattern_recipe(), searched, paths, journal, 0)
    trials = shared_study(journal, pattern_recipe(), searched).get_trials()
    first = [trial.intermediate_values[1] for trial in trials]
    for number, trial in enumerate(trials):
        so_far = sorted(first[: number + 1])
        goes_on = first[number] <= so_far[max(len(so_far) // 3, 1) - 1]
        assert table["state"][number] == ("complete" if goes_on else "pruned")
        assert table["epochs"][number] == (2 if goes_on else 1)
        # What counts is the loss of the last epoch.
        assert table["held_out_loss"][number] == list(trial.intermediate_values.values())[-1]
    assert set(table["state"]) == {"complete", "pruned"}


def test_a_trial_s_parameters_replace_the_recipe_s():
    values = {"features": 3, "levels": 1, "depth": 1, "dropout": 0.2, "learning_rate": 2e-3}
    before = pattern_recipe()
    after = suggestion(optuna.trial.FixedTrial(values), before, space())
    assert after.description() == before.description() | {
        name: value for name, value in values.items() if name != "learning_rate"
    }
    assert after.schedule().learning_rate == 2e-3
    assert after.schedule().steps == space().steps
    assert after.schedule().weight_decay == before.schedule().weight_decay


def test_the_best_trial_is_a_configuration(paths, journal):
    trials = work(pattern_recipe(), space(), paths, journal, 0)
    text = best_config(trials, "diffraction", "fcunet", space())
    path = journal.parent / "best.yaml"
    path.write_text(text)
    configured = parse.load(ROOT / "config/config.yaml", ROOT / "config/tiny.yaml", path)
    row = configured.studies["diffraction"].networks["fcunet"]
    assert row.network["features"] in (2, 3)
    assert 1e-3 <= row.learning_rate <= 1e-2
    table = pd.DataFrame({"trial": [0], "state": ["pruned"], "held_out_loss": [0.1]})
    with pytest.raises(ValueError, match="no trial was completed"):
        best_config(table, "diffraction", "fcunet", space())


def test_a_single_shard_cannot_be_divided(paths, journal):
    with pytest.raises(ValueError, match="at least 2 shards, found 1"):
        work(pattern_recipe(), space(), paths[:1], journal, 0)
