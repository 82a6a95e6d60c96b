"""Calibrated probabilities of classes: against shares that are dishonest in a known way."""

import numpy as np
import pytest
import torch

from latticework import networks
from latticework.analysis.atoms.class_shares import (
    Calibration,
    as_card,
    calibrate,
    calibration_of,
)
from latticework.analysis.atoms.localisation import localise
from latticework.evaluation.counting import top_label_error
from latticework.learning import weights

IMAGES, ATOMS, CLASSES = 60, 100, 4


@pytest.fixture(scope="module")
def modest():
    """Honest probabilities of atoms in clear and in noisy images, made modest and prejudiced."""
    rng = np.random.default_rng(0)
    image = np.repeat(np.arange(IMAGES), ATOMS)
    clarity = rng.uniform(0.5, 4, IMAGES)[image]
    honest = np.exp(clarity[:, None] * rng.normal(size=(len(image), CLASSES)))
    honest /= honest.sum(axis=1, keepdims=True)
    truth = (rng.random((len(image), 1)) > honest.cumsum(axis=1)).sum(axis=1)
    stated = honest**0.4 * np.array([2.0, 1.0, 1.0, 0.5])
    return stated / stated.sum(axis=1, keepdims=True), image, truth


def by_image(calibration, shares, image):
    return np.concatenate([calibration(shares[image == n]) for n in np.unique(image)])


def test_calibration_makes_modest_and_prejudiced_shares_honest(modest):
    shares, image, truth = modest
    fitted = image % 2 == 0
    calibration = calibrate(shares[fitted], image[fitted], truth[fitted])
    kept = ~fitted
    after = by_image(calibration, shares[kept], image[kept])
    np.testing.assert_allclose(after.sum(axis=1), 1)
    assert top_label_error(shares[kept], truth[kept]) > 0.05
    assert top_label_error(after, truth[kept]) < 0.03
    right = [np.mean(p.argmax(axis=1) == truth[kept]) for p in (shares[kept], after)]
    assert right[1] > right[0]
    # The prejudice is found: a factor of four between the first and the last class.
    assert calibration.offsets[3] - calibration.offsets[0] == pytest.approx(np.log(4), abs=0.25)


def test_nothing_is_calibrated_by_nothing():
    with pytest.raises(ValueError, match="there are none"):
        calibrate(np.zeros((0, 3)), np.zeros(0), np.zeros(0, dtype=int))
    assert calibration_of({"classes": ["C"]}) is None
    assert len(Calibration(0.5, 0.0, (0.0,))(np.zeros((0, 1)))) == 0


def test_a_calibration_decides_the_class_of_an_atom():
    maps = np.zeros((3, 32, 32), dtype=np.float32)
    y, x = np.mgrid[:32, :32]
    blob = np.exp(-((x - 16) ** 2 + (y - 16) ** 2) / 8).astype(np.float32)
    maps[1], maps[2] = 0.55 * blob, 0.45 * blob
    maps[0] = 1 - blob
    kind = {"epsilon": 0.99, "threshold": 0.3}
    assert localise(maps, **kind)["class"].tolist() == [1]
    favouring = Calibration(0.0, 0.0, (0.0, 1.0))
    changed = localise(maps, **kind, calibration=favouring)
    assert changed["class"].tolist() == [2]
    odds = changed["p_2"] / changed["p_1"]
    np.testing.assert_allclose(odds, np.e * 0.45 / 0.55, rtol=1e-4)


def test_the_card_keeps_a_calibration_and_the_weights_their_tensors(tmp_path):
    path = tmp_path / "weights.safetensors"
    network = networks.build({"name": "residual_unet", "features": 4, "depth": 1, "classes": 3})
    card = {"network": {"name": "residual_unet", "features": 4, "depth": 1, "classes": 3}}
    weights.save(path, network, card, half=True)
    before, _ = weights.load(path)
    calibration = Calibration(0.5, 2.0, (-1.0, 1.0))
    weights.extend_card(path, {"calibration": as_card(calibration)})
    after, read = weights.load(path)
    assert calibration_of(read) == calibration
    for one, other in zip(before.parameters(), after.parameters(), strict=True):
        assert torch.equal(one, other)
