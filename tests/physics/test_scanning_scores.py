"""Scores of refined positions and of foreign crystals: thin foils by published networks."""

import pandas as pd
import pytest
from checkout import ROOT

from latticework import materials, names, shards
from latticework.config.parse import load
from latticework.evaluation import refined_stem
from latticework.evaluation.atoms_stem import evaluate_network
from latticework.evaluation.cross_domain import evaluate_cross_domain
from latticework.structures import write_structures

SCALE = ("config/config.yaml", "config/laptop.yaml")
# No whole number of the networks' pixels fills this box.
THIN = {"box": 21.2, "thickness": (20, 30), "crystalline": 0, "twinned": 0}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Two studies with a held-out foil each: row, weights, structures, simulations, by name."""
    folder, found = tmp_path_factory.mktemp("judged"), {}
    for name in ("stem_metal", "stem_silicon"):
        study = load(*(ROOT / path for path in SCALE)).studies[name]
        generator = names.load("structures", study.structures.generator)
        parameters = study.structures.parameters.model_dump() | THIN
        grown = generator.make_shard(
            parameters, materials.load(study.material), 7, name, "heldout", range(1)
        )
        (folder / name).mkdir()
        paths = folder / name / "heldout-0000.extxyz", folder / name / "heldout-0000.h5"
        write_structures(paths[0], grown)
        simulate = names.resolve(study.kind.simulate)
        shards.write(paths[1], *simulate(grown, study.simulation.model_dump()))
        weights = ROOT / f"models/{name}/residual_unet/weights.safetensors"
        found[name] = study, weights, *paths
    return found


def asked(study, **conditions):
    return {
        "material": materials.load(study.material),
        "evaluation": {"radius": 0.5, "border": 3.0} | conditions,
        "inference": study.inference.model_dump(),
        "seed": 2018,
        "name": "residual_unet",
    }


def test_refined_positions_follow_the_structure_and_come_near_the_bound(
    judged, tmp_path, monkeypatch
):
    monkeypatch.setattr(refined_stem, "CRYSTALS", 1)
    study, weights, structures, simulations = judged["stem_metal"]
    # That of gold at 1e5 e/Å² in focus, by rule `bounds`.
    bounds = {"dose": [1e5], "defocus": [0.0], "bound": [0.00577], "attainable": [True]}
    pd.DataFrame(bounds).to_csv(tmp_path / "bounds.csv", index=False)
    told = refined_stem.evaluate_refined(
        weights, [structures], [simulations], [tmp_path / "bounds.csv"],
        study="stem_metal", **asked(study, doses=[1e5], defocus=[0.0]),
    ).scores  # fmt: skip
    held_out = told[(told["microscope"] == "middle") & (told["class"] == "all")].iloc[0]
    assert held_out["f1"] > 0.97
    assert held_out["response_refined"] == pytest.approx(1, abs=0.1)
    # The same images, in the table of scores: positions there are in the same Å.
    scores = evaluate_network(
        weights, [structures], [simulations], [],
        study="stem_metal", **asked(study, doses=[1e5], defocus=[0.0]),
    ).scores  # fmt: skip
    rms = scores[scores["class"] == "all"]["rms"].max()
    assert rms == pytest.approx(held_out["rms_network"], rel=0.3)
    crystal = told[told["bound"].notna()]
    assert crystal["microscope"].tolist() == ["crystal"]
    assert crystal["class"].tolist() == ["Au6"]
    assert crystal["response_refined"].item() == pytest.approx(1, abs=0.05)
    assert 0.7 < crystal["over_bound"].item() < 2.5
    # The network leans on its lattice, which the refinement does not know.
    assert crystal["rms_network"].item() > crystal["rms_refined"].item()


def test_a_network_says_that_another_crystal_is_foreign(judged):
    study, weights, *_ = judged["stem_metal"]
    evaluated = evaluate_cross_domain(
        weights,
        [row[2] for row in judged.values()],
        [row[3] for row in judged.values()],
        [row[1] for row in judged.values()],
        study="stem_metal",
        **asked(study),
    )
    table = evaluated.scores.set_index("images")
    assert table.loc["stem_metal", "f1"] > 0.97
    assert table.loc["stem_silicon", "f1"] < table.loc["stem_metal", "f1"]
    # A field of 21 Å is small for a judgement: what counts is which of the two is stranger.
    assert table.loc["stem_silicon", "foreign"] == 1
    assert table.loc["stem_silicon", "score"] > table.loc["stem_metal", "score"] + 2
    assert (table["count"] == 3).all()
