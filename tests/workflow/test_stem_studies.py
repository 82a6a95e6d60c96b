"""Two studies of one modality in one run: what is changed of one outdates nothing of the other."""

import copy

import pytest
import yaml
from checkout import Workflow

KEPT, OTHER = "stem_graphene", "stem_tmd"
# What of the other study differs from the kept one's tiny configuration.
SMALL = {"structures": {"parameters": {"box": 16.0, "cells": [5, 3]}}}
TARGETS = (
    "results/tiny/models/{}/residual_unet/weights.safetensors",
    "results/tiny/evaluation/{}/residual_unet/scores.csv",
)
OWN = {"structures", "simulate", "train", "evaluate"}


def targets(*studies):
    return [path.format(study) for study in studies for path in TARGETS]


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A run in which one of the studies has been trained and scored."""
    workflow = Workflow(tmp_path_factory.mktemp("stem"), None, {KEPT: {"datasets": []}})
    workflow.run(*targets(KEPT))
    return workflow


@pytest.fixture
def both(learned):
    """The same with the other study beside it, and its row, which may be changed; put back."""
    path = learned.folder / "few.yaml"
    before = path.read_text()
    few = yaml.safe_load(before)
    tiny = yaml.safe_load((learned.folder / "config/tiny.yaml").read_text())["studies"][KEPT]
    row = copy.deepcopy(tiny)
    row["structures"]["parameters"] = SMALL["structures"]["parameters"]
    few["studies"][OTHER] = row

    def write():
        path.write_text(yaml.safe_dump(few))

    write()
    yield learned, row, write
    path.write_text(before)


def planned(workflow):
    """Rules that would run for the kept study, and for the other one."""
    jobs = workflow.jobs(*targets(KEPT, OTHER))
    return ({job.rule for job in jobs if job.study == name} for name in (KEPT, OTHER))


def test_adding_a_study_outdates_nothing_of_its_sister(both):
    kept, other = planned(both[0])
    assert kept == set()
    assert other >= OWN


@pytest.mark.parametrize(
    "change",
    [
        ("title",),
        ("simulation", "haadf"),
        ("imaging", "dose"),
        ("evaluation", "doses"),
    ],
    ids="/".join,
)
def test_changing_a_study_s_section_outdates_nothing_of_its_sister(both, change):
    workflow, row, write = both
    values = {
        "title": "Another title",
        "haadf": [85, 140],
        "dose": {"low": 2.0e6, "high": 9.0e6, "distribution": "loguniform"},
        "doses": [2.0e6],
    }
    section = row
    for key in change[:-1]:
        section = section[key]
    section[change[-1]] = values[change[-1]]
    write()
    kept, other = planned(workflow)
    assert kept == set()
    assert other >= OWN


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("src/latticework/structures/dichalcogenides.py", set()),
        ("src/latticework/materials/mos2.yaml", set()),
        # Its own files do, so that the plan above is no blind one.
        ("src/latticework/structures/doped_graphene.py", OWN),
        ("src/latticework/materials/graphene_si.yaml", {"structures", "evaluate"}),
    ],
)
def test_a_file_outdates_the_studies_that_name_it(both, name, rules):
    workflow = both[0]
    path = workflow.folder / name
    before = path.read_bytes()
    path.write_bytes(before + b"\n# changed\n")
    try:
        kept, _ = planned(workflow)
    finally:
        path.write_bytes(before)
    assert kept >= rules
    assert bool(kept) == bool(rules)
