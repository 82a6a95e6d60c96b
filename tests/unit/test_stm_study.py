"""A study of tunnelling images from its row to scores: all that the rules call, at a tiny scale."""

import numpy as np
import pytest
import torch
from checkout import ROOT

from latticework import materials, names, shards
from latticework.config.parse import load
from latticework.config.uses import recipe
from latticework.evaluation.atoms_stm import evaluate_network
from latticework.inference.class_maps import predict
from latticework.learning import weights
from latticework.learning.recipe import Recipe, Runtime
from latticework.structures import write_structures

NAME = "stm_c60"


@pytest.fixture(scope="module")
def study():
    return load(ROOT / "config/config.yaml", ROOT / "config/tiny.yaml").studies[NAME]


@pytest.fixture(scope="module")
def grown(study, tmp_path_factory):
    """Structures and shards of a training and a held-out surface, by the row's own functions."""
    folder = tmp_path_factory.mktemp("stm")
    generator = names.load("structures", study.structures.generator)
    simulate = names.resolve(study.kind.simulate)
    for split in ("train", "heldout"):
        made = generator.make_shard(
            study.structures.parameters.model_dump(),
            materials.load(study.material),
            1,
            NAME,
            split,
            range(1),
        )
        write_structures(folder / f"{split}.extxyz", made)
        kind, arrays, attributes = simulate(made, study.simulation.model_dump())
        shards.write(folder / f"{split}.h5", kind, arrays, attributes)
    return folder


def test_a_network_learns_is_saved_scored_and_reads_a_raw_scan(study, grown):
    material = materials.load(study.material)
    classes = list(material.classes)
    sections = recipe(NAME, study, "residual_unet", 1, classes)
    made = Recipe.model_validate(sections | {"source": study.kind.source})
    source = made.make_source([grown / "train.h5"], [grown / "heldout.h5"])
    torch.manual_seed(0)
    network = made.build()
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3)
    losses = []
    for step in range(12):
        loss = source.loss(network, source.training(step, step, step + 1))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-3:]) < 0.9 * losses[0]

    path = grown / "weights.safetensors"
    weights.save(path, network, made.card(Runtime()))
    read, card = weights.load(path)
    assert card["classes"] == classes
    scores = evaluate_network(
        path,
        [grown / "heldout.extxyz"],
        [grown / "heldout.h5"],
        [],
        material=material,
        evaluation=study.evaluation.model_dump(),
        inference=study.inference.model_dump(),
        seed=1,
        study=NAME,
        name="residual_unet",
    )
    assert {"noise", "class", "f1", "rms"} <= set(scores.scores)
    found = set(scores.scores["class"])
    assert "all" in found
    assert found <= {"all", *classes}

    # What a scanner adds to all of a line, or all of an image, changes nothing.
    image = np.random.default_rng(0).normal(size=(1, 72, 72)).astype(np.float32)
    tilted = image + np.linspace(0, 30, 72, dtype=np.float32) + 5
    how = {"tile": 128, "overlap": 32, "symmetries": 1, "device": "cpu"}
    first, second = (predict(read.eval(), card, raw, 0.8, **how)[0] for raw in (image, tilted))
    assert np.abs(first - second).mean() < 0.05
