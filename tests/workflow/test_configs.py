"""Every configuration plans; a wrong one is refused before any job starts."""

import re

import pytest


@pytest.mark.parametrize("scale", ["config", "laptop", "tiny"])
def test_dry_run_of_every_scale(fresh, scale):
    jobs = fresh.planned("--configfile", f"config/{scale}.yaml")
    assert {"structures", "exit_waves", "train", "predict", "atoms", "evaluate"} <= set(jobs)
    assert {"crystals", "diffraction", "figure_crystals", "figure_triplets"} <= set(jobs)
    assert {"evaluate_maps", "correlate_quantem", "compare_maps"} <= set(jobs)
    # In an environment that not every machine can make: at the papers' scale alone.
    assert ("correlate_py4dstem" in jobs) == (scale == "config")
    # Two trainings and nothing else of their own: too much for CI.
    assert ("figure_comparison" in jobs) == (scale != "tiny")


def resources(text):
    """Rule → what its first job of a dry run asks for."""
    found = {}
    for block in re.split(r"^(?=(?:local)?rule )", text, flags=re.MULTILINE)[1:]:
        name = re.match(r"(?:local)?rule (\w+):", block)[1]
        asked = re.search(r"^    resources: (.*)$", block, re.MULTILINE)[1]
        found.setdefault(name, dict(pair.split("=") for pair in asked.split(", ")))
    return found


def test_paper_scale_is_a_few_fat_jobs_that_ask_for_more_when_they_fail(fresh):
    scale = ("--configfile", "config/config.yaml")
    text = fresh.dry_run(*scale)
    assert int(re.search(r"^total\s+(\d+)$", text, re.MULTILINE)[1]) <= 5000
    assert len(re.findall(r"^(?:local)?rule diffraction:", text, re.MULTILINE)) == 220
    first, second = resources(text), resources(fresh.dry_run("--attempt", "2", *scale))
    for rule in ("train", "train_maps", "evaluate", "heights", "evaluate_maps"):
        assert first[rule]["gpu"] == "1", rule
    for rule in ("exit_waves", "diffraction"):
        assert first[rule]["gpu"] == "0", rule
    del first["all"]
    for rule, asked in first.items():
        for key in ("mem_mb", "runtime"):
            assert int(second[rule][key]) == 2 * int(asked[key]) > 0, rule


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("studies: {graphene: {imaging: {defocuss: {low: 0, high: 1}}}}", "defocuss"),
        ("studies: {graphene: {imaging: {focal_spread: {low: 0, high: 3.0e+4}}}}", "unit"),
        ("studies: {graphene: {imaging: {dose: {low: 10, high: 1}}}}", "low"),
        ("studies: {graphene: {datasets: [no_such_picture]}}", "no_such_picture"),
        ("studies: {diffraction: {simulation: {size: 512}}}", "two thirds of gpts"),
    ],
)
def test_wrong_config_is_one_clear_error(fresh, text, named):
    (fresh.folder / "wrong.yaml").write_text(text)
    done = fresh.run("--configfile", "config/tiny.yaml", "wrong.yaml", "-n", check=False)
    message = done.stdout + done.stderr
    assert done.returncode != 0
    assert named in message
    assert "Traceback" not in message


def test_weights_that_a_training_starts_from_are_its_input(fresh):
    text = fresh.dry_run("--configfile", "config/laptop.yaml")
    trainings = re.findall(r"^rule train:\n    input: (.*)$", text, re.MULTILINE)
    assert len(trainings) == 4
    starting = [files for files in trainings if "models/gold.safetensors" in files]
    assert len(starting) == 1
    assert "gold_heights" in starting[0]
