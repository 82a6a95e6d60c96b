import numpy as np
import pandas as pd
import pytest
import torch
from ase import Atoms

from latticework import materials, shards
from latticework.config.evaluation_atoms import Evaluation
from latticework.config.inference import Images
from latticework.evaluation import atoms as evaluation
from latticework.evaluation.atoms import KEYS, as_arrays, class_scores, evaluate_network, pooled
from latticework.evaluation.counting import count_held_out
from latticework.evaluation.held_out import HeldOut, held_out_image, held_out_maps
from latticework.imaging.labels import render_labels
from latticework.imaging.waves import wave_bank
from latticework.structures import targets
from latticework.structures.graphene import make_shard

GRAPHENE = materials.load("graphene")
RANGE = {"low": 0.2, "high": 0.3}


def test_pooling_adds_counts_and_averages_squares():
    rows = pd.DataFrame(
        {
            "dose": [1.0, 1.0],
            "true_positives": [30, 10],
            "false_positives": [0, 10],
            "false_negatives": [10, 0],
            "rms": [0.1, 0.3],
        }
    )
    pool = pooled(rows, ["dose"]).iloc[0]
    assert pool["precision"] == pytest.approx(40 / 50)
    assert pool["recall"] == pytest.approx(40 / 50)
    assert pool["rms"] == pytest.approx(np.sqrt((30 * 0.01 + 10 * 0.09) / 40))


TRUTH = np.array([[5.0, 5.0], [8.0, 5.0], [11.0, 5.0], [14.0, 5.0]])


def two_classes():
    atoms = Atoms("Mo2S2", positions=np.pad(TRUTH, ((0, 0), (0, 1))), cell=(20, 10, 5))
    atoms.new_array("visible", np.ones(4, bool))
    atoms.new_array("classes", np.array([1, 1, 2, 2]))
    return atoms


def scored(found, found_classes, classes=("Mo", "S2"), **changed):
    rows = class_scores(
        np.asarray(found, dtype=float),
        np.asarray(found_classes),
        two_classes(),
        classes,
        np.array(["left", "left", "right", "right"]),
        **{"radius": 0.5, "border": 0.0} | changed,
    )
    keys = ("true_positives", "false_positives", "false_negatives")
    return {(row["class"], row["group"]): tuple(row[k] for k in keys) for row in rows}


def test_a_wrong_class_is_missed_in_its_own_and_false_in_the_other():
    result = scored(TRUTH + 0.1, [1, 2, 2, 2])
    assert result["all", "left"] == (2, 0, 0)
    assert result["all", "right"] == (2, 0, 0)
    assert result["Mo", "left"] == (1, 0, 1)
    assert result["S2", "right"] == (2, 0, 0)
    # It is charged to the group of the atom that it lies at.
    assert result["S2", "left"] == (0, 1, 0)
    assert ("Mo", "right") not in result


def test_a_false_atom_far_from_its_class_is_charged_to_the_nearest_of_any():
    result = scored(np.concatenate([TRUTH, [[6.0, 8.0]]]), [1, 1, 2, 2, 2])
    assert result["all", "left"] == (2, 1, 0)
    assert result["S2", "left"] == (0, 1, 0)


def test_one_class_alone_is_not_scored_twice():
    assert {key[0] for key in scored(TRUTH, [1, 1, 1, 1], classes=("C",))} == {"all"}


def test_atoms_near_the_border_are_not_scored():
    assert scored(TRUTH[1:], [1, 2, 2], border=4.0)["all", "right"] == (2, 0, 0)
    result = scored(TRUTH[1:], [1, 2, 2], border=5.5)
    assert result["all", "left"] == (0, 0, 0)


def test_adatoms_and_what_they_hide_are_not_scored():
    places = np.concatenate([TRUTH, [[6.0, 8.0], [14.3, 5.0]]])
    atoms = Atoms("Mo2S2C2", positions=np.pad(places, ((0, 0), (0, 1))), cell=(20, 10, 5))
    adatom = np.arange(6) > 3
    for name, values in (
        ("visible", np.arange(6) < 3),
        ("specimen", ~adatom),
        ("adatom", adatom),
        ("classes", np.array([1, 1, 2, 2, 1, 1])),
    ):
        atoms.new_array(name, values)
    found = np.concatenate([TRUTH[:3], [[6.2, 8.0], [9.5, 8.0]]])
    for chosen, false in ((5, 1), (4, 0)):
        rows = class_scores(
            found[:chosen],
            np.array([1, 1, 2, 2, 2])[:chosen],
            atoms,
            ("Mo", "S2"),
            np.full(4, "all"),
            radius=0.5,
            border=0.0,
        )
        counts = {row["class"]: row for row in rows}
        assert counts["all"]["true_positives"] == 3
        assert counts["all"]["false_negatives"] == 0
        assert counts["S2"]["false_positives"] == false
    assert counts["all"]["f1"] == 1


def test_details_are_numbers_into_lists_of_words(tmp_path):
    rows = pd.DataFrame({"dose": [1.0, 2.0], "class": ["all", "C"], "group": ["b", "a"]})
    arrays, words = as_arrays(rows)
    assert words == {"class_names": ["C", "all"], "group_names": ["a", "b"]}
    assert arrays["dose"].units == "e/Å²"
    assert [words["group_names"][i] for i in arrays["group"].data] == ["b", "a"]
    shards.write(tmp_path / "details.h5", "evaluation", arrays, words)
    read, attributes = shards.read(tmp_path / "details.h5", "evaluation")
    assert attributes == words
    assert read["group"].tolist() == [1, 0]


class Oracle(torch.nn.Module):
    """A network that answers with the labels of the structures, one after the other."""

    def __init__(self, structures, box):
        super().__init__()
        self.structures, self.box, self.calls = structures, box, 0

    def forward(self, images):
        truth = targets(self.structures[self.calls % len(self.structures)])
        self.calls += 1
        labels = render_labels(
            torch.from_numpy(truth.positions[None, :, :2]).float(),
            torch.from_numpy(truth.classes)[None],
            images.shape[-2:],
            torch.tensor([self.box / images.shape[-1]]),
            0.35,
            2,
            box=self.box,
        )
        return labels.clamp(min=1e-6).log()


CARD = {
    "classes": ["C"],
    "energy": 80e3,
    "network": {"name": "residual_unet", "features": 8, "depth": 3, "frames": 1, "classes": 2},
    "imaging": {
        "sampling": RANGE,
        "defocus": RANGE,
        "cs": RANGE,
        "c5": RANGE,
        "astigmatism": RANGE,
        "astigmatism_angle": RANGE,
        "focal_spread": RANGE,
        "deflection": RANGE,
        "dose": RANGE,
        "c1": RANGE,
        "c2": RANGE,
        "c3": RANGE,
        "nyquist_ratio": {"low": 0.9, "high": 1.1},
        "crop": 64,
        "label_sigma": 0.35,
        "band_limit": 1.2,
        "normalisation_sigma": 12.0,
    },
}
EVALUATION = {"radius": 0.5, "doses": [1e3, 1e4], "defocus": [-60.0], "border": 3.0}


@pytest.fixture
def held_out(monkeypatch):
    """Two sheets, waves that are nearly flat, and a network that knows the answer."""
    given = {"box": 24.0, "holes": (1, 1), "contamination": (0, 0)}
    structures = make_shard(given, GRAPHENE, 1, "graphene", "heldout", range(2))
    waves = torch.polar(torch.ones(2, 96, 96), 0.01 * torch.rand(2, 96, 96))
    known = HeldOut(
        Oracle(structures, 24.0),
        CARD,
        structures,
        wave_bank(waves, box=24.0, band_limit=1.2),
        Evaluation.model_validate(EVALUATION),
        Images(tile=512, overlap=0),
    )
    monkeypatch.setattr(evaluation, "load_held_out", lambda *_: known)
    return known


def evaluated(seed=1):
    return evaluate_network(
        "weights",
        [],
        [],
        [],
        material=GRAPHENE,
        evaluation=EVALUATION,
        inference={},
        seed=seed,
        study="graphene",
        name="main",
    )


def test_a_network_that_knows_the_answer_has_full_scores(held_out):
    result = evaluated()
    assert list(result.scores)[: len(KEYS)] == KEYS
    assert set(result.scores["dose"]) == {1e3, 1e4}
    assert set(result.scores["class"]) == {"all"}
    assert set(result.scores["group"]) == {"hexagonal", "other"}
    assert (result.scores["f1"] == 1).all()
    assert result.scores["rms"].max() < 0.02
    assert result.attributes["network"] == "main"
    # The details have every structure, the scores their sums.
    assert set(result.arrays["structure"].data) == {0, 1}
    total = result.scores["true_positives"].sum()
    assert result.arrays["true_positives"].data.sum() == total > 200


def test_missed_atoms_are_missed(held_out):
    # The network does not see the atoms of the left half; the truth keeps them.
    blind = [atoms.copy() for atoms in held_out.structures]
    for atoms in blind:
        atoms.arrays["visible"] &= atoms.positions[:, 0] > 12.0
    held_out.network.structures = blind
    scores = evaluated().scores
    recall = scores["true_positives"].sum() / (
        scores["true_positives"].sum() + scores["false_negatives"].sum()
    )
    assert recall == pytest.approx(0.5, abs=0.1)
    assert scores["precision"].min() > 0.95


def test_the_noise_of_an_image_does_not_depend_on_the_other_doses(held_out):
    first = held_out_image(held_out, 1, defocus=-60.0, dose=1e3, seed=5)
    again = held_out_image(held_out, 1, defocus=-60.0, dose=1e3, seed=5)
    other = held_out_image(held_out, 1, defocus=-60.0, dose=1e3, seed=6)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (1, 96, 96)
    # In units of the dose: of a flat wave what is left is noise.
    assert first.mean() == pytest.approx(1, abs=0.01)


def test_only_classes_that_are_numbers_are_counted(held_out):
    with pytest.raises(ValueError, match="no numbers of atoms"):
        count_held_out(held_out, seed=1)


def test_every_structure_is_read_at_every_condition(held_out):
    readings = list(held_out_maps(held_out, seed=1))
    conditions = [(r.defocus, r.dose, r.structure) for r in readings]
    assert conditions == [(-60.0, 1e3, 0), (-60.0, 1e3, 1), (-60.0, 1e4, 0), (-60.0, 1e4, 1)]
    assert readings[0].sampling == 0.25
    np.testing.assert_allclose(readings[0].probabilities.sum(axis=0), 1, atol=1e-5)
