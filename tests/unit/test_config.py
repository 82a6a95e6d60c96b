"""The configuration: three scales, one schema, and one clear line for every mistake."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from latticework.config.parse import ConfigError, load, merge, parse
from latticework.config.schema import schema
from latticework.fingerprint import fingerprint

CONFIG = Path(__file__).resolve().parents[2] / "config"
SCALES = {"paper": [], "laptop": ["laptop.yaml"], "tiny": ["tiny.yaml"]}


def values(*overrides):
    merged = {}
    for name in ("config.yaml", *overrides):
        merged = merge(merged, yaml.safe_load((CONFIG / name).read_text()))
    return merged


def with_value(key, value):
    """The paper's configuration with one value of the graphene study changed."""
    changed = copy.deepcopy(values())
    section = changed["studies"]["graphene"]
    *path, last = key.split(".")
    for part in path:
        section = section[part]
    section[last] = value
    return changed


def keys(section):
    """All paths of nested dictionaries; a curriculum may name any of its ranges, and a scale may
    have networks of its own."""
    if not isinstance(section, dict):
        return set()
    return {
        (key, *rest)
        for key, value in section.items()
        for rest in (set() if key in ("curriculum", "networks") else keys(value)) | {()}
    }


def test_the_schema_file_is_the_model_s():
    assert json.loads((CONFIG / "schema.json").read_text()) == schema(), (
        "config/schema.json is out of date: "
        "python -m latticework.config.schema > config/schema.json"
    )


@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_is_valid(scale):
    assert load(CONFIG / "config.yaml", *(CONFIG / name for name in SCALES[scale])).run == scale
    jsonschema.validate(values(*SCALES[scale]), schema())


@pytest.mark.parametrize("scale", ["laptop", "tiny"])
def test_a_scale_only_overrides_values(scale):
    paper = load(CONFIG / "config.yaml").model_dump()
    other = load(CONFIG / "config.yaml", CONFIG / f"{scale}.yaml").model_dump()
    # But for studies, and scans, that a scale leaves out.
    kept = {name: paper["studies"][name] for name in other["studies"]}
    for name, study in kept.items():
        scans = other["studies"][name]["scans"]["simulated"]
        simulated = {key: study["scans"]["simulated"][key] for key in scans}
        kept[name] = study | {"scans": study["scans"] | {"simulated": simulated}}
    assert keys(other) == keys(paper | {"studies": kept})
    assert other != paper


@pytest.mark.parametrize("scale", ["laptop", "tiny"])
def test_a_scale_says_no_more_than_what_differs(scale):
    def repeated(override, base):
        for key, value in override.items():
            if isinstance(value, dict) and isinstance(base.get(key), dict):
                yield from (f"{key}.{path}" for path in repeated(value, base[key]))
            elif base.get(key) == value:
                yield key

    override = yaml.safe_load((CONFIG / f"{scale}.yaml").read_text())
    # The two limits of a range belong together, and so do a tile and its overlap.
    found = {p for p in repeated(override, values()) if not p.endswith((".low", ".high"))}
    assert {p for p in found if not p.endswith(".distribution")} == set()


MISTAKES = {
    "a misspelt key": ("imaging.defocuss", {"low": 0, "high": 1}, "unknown key"),
    "defocus in nm ten times too far": (
        "imaging.defocus",
        {"low": -2e4, "high": 0},
        "-5000 to 5000",
    ),
    "Cs in pm": ("imaging.cs", {"low": -2e9, "high": 0}, "-5e+07 to 5e+07"),
    "an angle in degrees": ("imaging.astigmatism_angle", {"low": 0, "high": 360}, "0 to 6.2832"),
    "an energy in keV": ("simulation.energy", 80, "greater than 10000"),
    "limits the wrong way round": ("imaging.defocus", {"low": 2, "high": 1}, "less than low"),
    "the logarithm of zero": (
        "imaging.dose",
        {"low": 0, "high": 1, "distribution": "loguniform"},
        "must be positive",
    ),
    "not a number": ("imaging.dose", {"low": float("nan"), "high": 1}, "finite number"),
    "a number for a range": ("imaging.dose", 5, "valid dictionary"),
    "a crop that the network cannot halve": ("imaging.crop", 327, "multiple of 8"),
    "a crop beyond the box": ("imaging.crop", 336, "at most 334"),
    "no even picture size": ("imaging.sampling", {"low": 0.1201, "high": 0.1203}, "even number"),
    "a band that is not stored": ("imaging.band_limit", 3.0, "Nyquist"),
    "waves stored finer than computed": ("simulation.stored_sampling", 0.1, "at least sampling"),
    "integers the wrong way round": ("structures.parameters.holes", [4, 0], "lower one first"),
    "a negative length": ("structures.parameters.hole_radius", [-4, 0], "not negative"),
    "an overlap of a whole tile": ("inference.overlap", 1024, "less than inference.tile"),
    "a negative dose": ("evaluation.doses", [-1], "greater than 0"),
    "an unknown generator": ("structures.generator", "gold", "'graphene'"),
    "an unknown material": ("material", "gallium", "'graphene'"),
    "an unknown modality": ("modality", "stam", "'hrtem'"),
    "an unknown network": ("networks.residual_unet.network.name", "unett", "'residual_unet'"),
    "a runtime setting": ("training.accelerator", "gpu", "unknown key"),
    "no such row of networks": ("inference.network", "best", "['residual_unet']"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_one_line_with_key_value_and_what_is_allowed(mistake):
    key, value, allowed = MISTAKES[mistake]
    with pytest.raises(ConfigError) as raised:
        parse(with_value(key, value))
    _, *lines = str(raised.value).splitlines()
    assert len(lines) == 1
    assert key.split(".")[-1] in lines[0]
    number = value[0] if isinstance(value, list) else value
    shown = number["low"] if isinstance(number, dict) else number
    assert (json.dumps(shown) in lines[0]) or (str(shown) in lines[0])
    assert allowed in lines[0]


def test_a_run_cannot_take_the_place_of_what_runs_share():
    with pytest.raises(ConfigError, match="shared"):
        parse(values() | {"run": "shared"})


def test_every_mistake_is_reported_at_once():
    wrong = with_value("imaging.crop", "large")
    wrong["seed"] = -1
    with pytest.raises(ConfigError) as raised:
        parse(wrong)
    assert len(str(raised.value).splitlines()) == 3


def test_a_missing_section_is_named():
    wrong = values()
    del wrong["studies"]["graphene"]["imaging"]["dose"]
    with pytest.raises(ConfigError, match=r"studies\.graphene\.imaging\.dose.*required"):
        parse(wrong)


def test_the_paper_s_own_pixel_is_a_valid_range():
    assert parse(with_value("imaging.sampling", {"low": 0.12, "high": 0.12}))


def test_a_fingerprint_depends_on_values_only():
    study = parse(values()).studies["graphene"]
    again = parse(values()).studies["graphene"]
    assert fingerprint(study) == fingerprint(again)
    changed = parse(with_value("imaging.label_sigma", 0.4)).studies["graphene"]
    assert fingerprint(study) != fingerprint(changed)
    assert fingerprint(study.simulation) == fingerprint(changed.simulation)


def test_shards_cover_all_structures():
    structures = parse(with_value("structures.count", 51)).studies["graphene"].structures
    assert (structures.shards, structures.held_out_shards) == (3, 4)


def with_study_value(study, key, value):
    """The paper's configuration with one value of a study changed."""
    changed = copy.deepcopy(values())
    section = changed["studies"][study]
    *path, last = key.split(".")
    for part in path:
        section = section[part]
    section[last] = value
    return changed


@pytest.mark.parametrize(
    ("study", "key", "value", "said"),
    [
        ("gold_heights", "imaging.series", [], "at least 1 item"),
        ("gold_heights", "networks.residual_unet.network.frames", 2, "unknown key"),
        ("gold", "structures.generator", "prototypes", "structures.parameters.box"),
        ("gold", "structures.parameters.radius", [5, 30], "does not fit"),
        ("gold", "structures.parameters.tilt", [5, 0], "lower number comes first"),
        ("gold", "structures.parameters.zone_axes", ["112"], "structures.parameters.zone_axes"),
        ("gold", "structures.parameters.holes", [0, 1], "studies.gold.structures.parameters.holes"),
        ("gold", "structures.generator", "quasicrystals", "nanoparticles"),
        ("gold", "movies.calibration", "nothing", "must be one of the simulated movies"),
        ("gold", "movies.unreadable", "ignore", "skip"),
        ("gold_bare", "compared_with", "silver", "compared_with (silver)"),
        ("gold_bare", "datasets", ["soot_scale_bar"], "reads ['soot_scale_bar'] as well"),
    ],
)
def test_a_wrong_value_of_a_particle_study_is_named(study, key, value, said):
    with pytest.raises(ConfigError) as error:
        parse(with_study_value(study, key, value))
    assert said in str(error.value)


@pytest.mark.parametrize("scale", ["paper", "laptop"])
def test_gold_without_a_support_differs_in_nothing_else(scale):
    studies = load(CONFIG / "config.yaml", *(CONFIG / name for name in SCALES[scale])).studies
    gold, bare = studies["gold"].model_dump(), studies["gold_bare"].model_dump()
    assert gold["structures"]["parameters"].pop("support") > 0
    assert bare["structures"]["parameters"].pop("support") == 0
    for name in ("structures", "simulation", "imaging", "networks", "training", "evaluation"):
        assert bare[name] == gold[name]
