"""The tiny workflow, for real: complete, reproducible, robust against kills."""

import os
import random
import shutil
import signal
import subprocess
from contextlib import suppress

import pandas as pd
import pytest
import yaml
from checkout import GRAPHENE, TABLES, Workflow


def test_tiny_run_leaves_nothing_to_do(finished):
    assert finished.planned() == {}


def test_real_picture_was_read(finished, pictures):
    if pictures is None:
        pytest.skip("no real pictures here")
    atoms = pd.read_csv(
        finished.folder / "results/tiny/analysis/graphene_flower_defect/graphene/atoms.csv"
    )
    assert len(atoms) > 500
    assert list(atoms)[:6] == ["x_angstrom", "y_angstrom", "x_px", "y_px", "probability", "class"]


def test_pictures_that_cannot_be_had_are_skipped_with_a_line(tmp_path):
    workflow = Workflow(tmp_path, None)
    target = "results/tiny/analysis/soot_scale_bar/graphene/atoms.csv"
    entry = (tmp_path / "config/datasets.yaml").read_text()
    # An address that nothing answers at.
    (tmp_path / "config/datasets.yaml").write_text(
        entry.replace(
            "repository: ucam-ceb-como/HRTEMFringeMapping\n"
            "  commit: e14add00ae11cd713cc1ae5b03302c5290563592\n"
            "  path_in_repository: Example/ExampleImage.tif",
            "url: http://127.0.0.1:9/soot.tif",
        )
    )
    workflow.run(target)
    assert len(pd.read_csv(tmp_path / target)) == 0
    stopped = workflow.run("--config", "missing_data=error", "--forceall", target, check=False)
    assert stopped.returncode != 0
    assert "127.0.0.1" in stopped.stdout + stopped.stderr


def test_a_tuning_is_made_when_it_is_asked_for(finished):
    folder = "results/tiny/tuning/diffraction/fcunet"
    finished.run(f"{folder}/best.yaml")
    text = (finished.folder / folder / "best.yaml").read_text()
    row = yaml.safe_load(text)["studies"]["diffraction"]["networks"]["fcunet"]
    assert row["network"]["features"] in (2, 3)
    states = pd.read_csv(finished.folder / folder / "trials.csv")["state"]
    assert len(states) >= 3
    assert "complete" in set(states)
    # It is no part of the run, and other tests compare what is.
    assert finished.planned() == {}
    shutil.rmtree(finished.folder / "results/tiny/tuning")


def test_second_run_is_bit_identical(finished, fresh):
    # On another number of cores, too.
    fresh.run("--cores", "3")
    assert finished.differing(fresh, *TABLES) == []


def kill(*processes: int) -> None:
    """As a machine that goes down, or the kernel that needs memory."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def test_ten_kills_of_driver_and_worker_end_with_the_same_results(finished, tmp_path, pictures):
    """One study's run is killed again and again: driver and one worker, at random moments.

    Other workers live on while the next driver starts. What a run has reached is kept; one that
    is complete before it is killed is checked, and begun anew.
    """
    fresh = Workflow(tmp_path, pictures, GRAPHENE)
    chance = random.Random(2018)
    kills = 0
    while kills < 10:
        driver = fresh.start()
        try:
            driver.wait(chance.uniform(4, 16))
        except subprocess.TimeoutExpired:
            kills += 1
            workers = fresh.scripts()
            kill(driver.pid, *chance.sample(workers, min(1, len(workers))))
            driver.wait()
            fresh.run("--unlock")
        else:
            assert driver.returncode == 0
            assert fresh.differing(finished, *TABLES) == []
            shutil.rmtree(fresh.folder / "results")
    # Workers that outlived their driver end by themselves; the last run does not wait for them.
    fresh.run()
    assert fresh.differing(finished, *TABLES) == []
    assert fresh.planned() == {}
