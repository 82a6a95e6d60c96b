"""The tiny workflow of gold: particles, a real picture, movies, counted atoms."""

import pandas as pd
import pytest
import yaml
from checkout import GOLD, TABLES, Workflow

RESULTS = "results/tiny"


@pytest.fixture(scope="module")
def gold(tmp_path_factory, pictures):
    """A workflow whose tiny run of both studies of gold is complete."""
    workflow = Workflow(tmp_path_factory.mktemp("gold"), pictures, GOLD)
    workflow.run()
    return workflow


def test_nothing_is_left_to_do(gold):
    assert gold.planned() == {}
    assert not list(gold.folder.glob(f"{RESULTS}/*/graphene"))


def test_columns_of_a_real_picture_were_found(gold, pictures):
    if pictures is None:
        pytest.skip("no real pictures here")
    path = gold.folder / f"{RESULTS}/analysis/gold_on_ceria_dtu/gold/atoms.csv"
    assert len(pd.read_csv(path)) > 200


def test_movies_were_tracked_and_scored(gold):
    scores = pd.read_csv(gold.folder / f"{RESULTS}/evaluation/gold/movies.csv")
    assert set(scores["movie"]) == {"vacuum", "oxygen"}


def test_movies_are_the_same_when_made_again(gold, tmp_path, pictures):
    again = Workflow(tmp_path, pictures, GOLD)
    tables = [
        f"{RESULTS}/analysis/vacuum/gold/occupancy.csv",
        f"{RESULTS}/evaluation/gold/movies.csv",
    ]
    again.run(*tables)
    first, second = gold.files(*TABLES), again.files(*TABLES)
    assert {*tables} <= second.keys()
    assert [name for name in second if second[name] != first[name]] == []


def test_the_movies_model_reruns_what_it_decides(gold):
    path = gold.folder / "src/latticework/analysis/movies/hidden_markov.py"
    before = path.read_bytes()
    path.write_bytes(before + b"\nCHANGED = True\n")
    try:
        planned = set(gold.planned())
    finally:
        path.write_bytes(before)
    # The emission probabilities are the model's, too.
    assert planned == {"emission", "dynamics", "score_movies", "figure_dynamics", "manifest"}


def test_one_more_dose_of_the_evaluation_leaves_the_movies_alone(gold):
    few = gold.folder / "few.yaml"
    before = few.read_text()
    content = yaml.safe_load(before)
    content["studies"]["gold"]["evaluation"] = {"doses": [1.0e3, 3.0e3, 1.0e4]}
    few.write_text(yaml.safe_dump(content))
    try:
        planned = set(gold.planned())
    finally:
        few.write_text(before)
    assert planned == {
        "evaluate",
        "bounds",
        "example",
        "figure_dose",
        "figure_particles",
        "manifest",
    }
