"""The configuration of a diffraction study: its own model, its own mistakes."""

import copy
from pathlib import Path

import pytest
import yaml

from latticework.config import exit_waves, thick_crystals
from latticework.config.parse import ConfigError, load, parse

CONFIG = Path(__file__).resolve().parents[2] / "config"


def with_value(key, value):
    changed = copy.deepcopy(yaml.safe_load((CONFIG / "config.yaml").read_text()))
    *path, last = key.split(".")
    section = changed["studies"]["diffraction"]
    for part in path:
        section = section[part]
    section[last] = value
    return changed


@pytest.mark.parametrize("scale", ["", "laptop.yaml", "tiny.yaml"])
def test_the_models_of_a_study_follow_from_its_modality(scale):
    studies = load(CONFIG / "config.yaml", *[CONFIG / scale] * bool(scale)).studies
    assert isinstance(studies["diffraction"].simulation, thick_crystals.Simulation)
    assert isinstance(studies["graphene"].simulation, exit_waves.Simulation)


def test_the_paper_s_library_is_three_quarters_of_a_million_patterns():
    study = load(CONFIG / "config.yaml").studies["diffraction"]
    thicknesses = study.simulation.height / study.simulation.thickness_step
    assert study.structures.count * thicknesses * len(study.simulation.semiangles) == 750_000
    assert study.structures.shards == 200


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("simulation.size", 288, "at most 256"),
        ("simulation.thickness_step", 15, "multiple of slice_thickness"),
        ("simulation.height", 510, "multiple of thickness_step"),
        ("simulation.semiangles", [], "at least 1 item"),
        ("simulation.semiangles", [0.001, 200], "less than or equal to 50"),
        ("simulation.binning", 3, "1 or 2"),
        ("imaging.dose", {"low": 0.01, "high": 1}, "is the unit right"),
        ("imaging.defocus", {"low": 0, "high": 1}, "unknown key"),
        ("structures.generator", "prototype", "'prototypes'"),
        ("evaluation.baselines", ["py4DSTEM"], "'py4dstem'"),
        ("evaluation.patterns.doses", [], "at least 1 item"),
        ("structures.parameters", {"low_index": 0, "random": 0}, "needs orientations"),
    ],
)
def test_a_mistake_gets_one_line_with_its_key(key, value, allowed):
    with pytest.raises(ConfigError) as raised:
        parse(with_value(key, value))
    _, *lines = str(raised.value).splitlines()
    assert len(lines) == 1
    assert allowed in lines[0]
    section = ".".join(key.split(".")[:1])
    assert f"studies.diffraction.{section}" in lines[0]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("structures.held_out", 10, "structures.held_out (10) must be more than 10"),
        ("networks.quantem", "fcunet", "networks.quantem has the name of a baseline"),
    ],
)
def test_an_evaluation_that_could_not_be_is_refused(key, value, said):
    if value == "fcunet":
        rows = yaml.safe_load((CONFIG / "config.yaml").read_text())["studies"]["diffraction"]
        value = rows["networks"]["fcunet"]
    with pytest.raises(ConfigError) as raised:
        parse(with_value(key, value))
    assert said in str(raised.value)
