"""The published weights score what the documentation says, on the structures that it says."""

import pandas as pd
import pytest

from latticework import materials, names, shards
from latticework.config.parse import load
from latticework.evaluation.atoms import evaluate_network
from latticework.structures import write_structures

SCALE = ("config/config.yaml", "config/laptop.yaml")


def scores(root, folder, study_name, structures, **conditions) -> pd.DataFrame:
    """Scores of a study's published network on its first held-out structures, by group."""
    study = load(*(root / path for path in SCALE)).studies[study_name]
    generator = names.load("structures", study.structures.generator)
    material = materials.load(study.material)
    parameters = study.structures.parameters.model_dump()
    grown = generator.make_shard(parameters, material, 2018, study_name, "heldout", structures)
    write_structures(folder / "heldout.extxyz", grown)
    simulate = names.resolve(study.kind.simulate)
    kind, arrays, attributes = simulate(grown, study.simulation.model_dump())
    shards.write(folder / "heldout.h5", kind, arrays, attributes)
    evaluated = evaluate_network(
        root / f"models/{study_name}/residual_unet/weights.safetensors",
        [folder / "heldout.extxyz"],
        [folder / "heldout.h5"],
        [],
        material=material,
        evaluation=study.evaluation.model_dump() | conditions,
        inference=study.inference.model_dump(),
        seed=2018,
        study=study_name,
        name="residual_unet",
    )
    table = evaluated.scores
    return table[table["class"].astype(str) == "all"].set_index("group")


@pytest.fixture
def root(request):
    return request.config.rootpath


def test_graphene_at_ten_thousand_electrons_and_60_angstrom_overfocus(root, tmp_path):
    """docs/graphene.md: hexagonal F1 1.000, RMS below 0.04 Å."""
    found = scores(root, tmp_path, "graphene", range(4), doses=[1.0e4], defocus=[-60.0])
    assert found.loc["hexagonal", "f1"] >= 0.999
    assert found.loc["other", "f1"] >= 0.99
    assert found.loc["hexagonal", "rms"] < 0.042


def test_gold_at_a_thousand_electrons(root, tmp_path):
    """docs/gold.md: F1 0.99 of all columns at −60 Å."""
    found = scores(root, tmp_path, "gold", range(5), doses=[1.0e3], defocus=[-60.0])
    hits, false, missed = (
        found[f"{kind}s"].sum() for kind in ("true_positive", "false_positive", "false_negative")
    )
    assert 2 * hits / (2 * hits + false + missed) >= 0.98
    assert found.loc["inside", "f1"] >= 0.999
