"""The tiny workflow, for real: complete, reproducible, robust against kills, honest in reruns."""

import os
import random
import signal
import time

import pandas as pd
import pytest
from checkout import Workflow

TABLES = (".csv", ".h5", ".extxyz", ".safetensors")


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


def test_second_run_is_bit_identical(finished, fresh):
    fresh.run()
    first, second = finished.files(*TABLES), fresh.files(*TABLES)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def test_killed_runs_end_with_the_same_results(finished, fresh):
    chance = random.Random(2018)
    for _ in range(4):
        process = fresh.start("--rerun-incomplete")
        time.sleep(chance.uniform(5, 40))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        fresh.run("--unlock")
    fresh.run("--rerun-incomplete")
    first, second = finished.files(*TABLES), fresh.files(*TABLES)
    assert first.keys() == second.keys()
    assert [name for name in first if first[name] != second[name]] == []


def change_module(name):
    def change(workflow):
        path = workflow.folder / "src/latticework" / name
        path.write_text(path.read_text() + "\nCHANGED = True\n")
        return path

    return change


def change_config(old, new):
    def change(workflow):
        path = workflow.folder / "config/tiny.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        return path

    return change


READING = {"predict", "atoms", "lattice", "real_pictures"}
TRAINING = {"train", "evaluate"}
FIGURES = "figures"

# One change at a time, and the rules that it makes rerun; `FIGURES` stands for all figure rules.
CHANGES = {
    "a figure's style": (change_module("figures/style.py"), {FIGURES}),
    "the strain": (change_module("analysis/strain.py"), {"lattice", FIGURES}),
    "the detector": (change_module("imaging/detector.py"), TRAINING | {"bounds", FIGURES}),
    "the tiling": (change_module("inference/tiling.py"), READING | {"evaluate", FIGURES}),
    "the lattice's scale": (
        change_module("inference/scale.py"),
        READING | {"calibrate", "evaluate", FIGURES},
    ),
    "the training's steps": (change_config("steps: 60", "steps: 61"), TRAINING | {FIGURES}),
    "the doses": (
        change_config("doses: [1.0e+4, 1.0e+5]", "doses: [1.0e+5]"),
        {"evaluate", "bounds", FIGURES},
    ),
    "how crystals are drawn": (
        change_module("structures/crystals.py"),
        {"crystals", "diffraction", FIGURES},
    ),
    "the Ewald sphere": (
        change_module("simulation/structure_factors.py"),
        {"diffraction", FIGURES},
    ),
    "the tile": (change_config("tile: 512", "tile: 256"), READING | {"evaluate", FIGURES}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_one_change_reruns_exactly_what_depends_on_it(finished, what):
    change, expected = CHANGES[what]
    before = {p: p.read_bytes() for p in finished.folder.glob("config/*.yaml")}
    before |= {p: p.read_bytes() for p in finished.folder.glob("src/**/*.py")}
    path = change(finished)
    try:
        planned = set(finished.planned())
    finally:
        path.write_bytes(before[path])
    rules = {rule for rule in planned if not rule.startswith("figure")}
    assert rules == expected - {FIGURES}
    assert any(rule.startswith("figure") for rule in planned) == (FIGURES in expected)
    assert finished.planned() == {}


def test_more_structures_add_shards_and_invalidate_none(finished):
    path = finished.folder / "config/tiny.yaml"
    text = path.read_text()
    path.write_text(text.replace("count: 4", "count: 6"))
    try:
        planned = finished.planned()
    finally:
        path.write_text(text)
    assert planned["structures"] == planned["exit_waves"] == 1
