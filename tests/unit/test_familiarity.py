"""Whether an image is what a network knows: signs, score, and the published calibrations."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from latticework.cli import published
from latticework.inference.familiarity import (
    NAME,
    Familiarity,
    FamiliarityError,
    load,
    signs,
    watched,
)

PIXEL, SIGMA = 0.25, 0.35


def spots(shape=(96, 96), spacing=12, height=0.95):
    """A map of Gaussian labels on a square grid, the places (n, 2) and their probabilities."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    places = np.stack(np.meshgrid(*[np.arange(8, n - 8, spacing) for n in shape[::-1]]), -1)
    places = places.reshape(-1, 2)
    drawn = sum(
        np.exp(-0.5 * ((x - a) ** 2 + (y - b) ** 2) / (SIGMA / PIXEL) ** 2) for a, b in places
    )
    return height * drawn, places.astype(float), np.full(len(places), height)


@pytest.fixture
def features():
    torch.manual_seed(0)
    network = nn.Sequential(*(nn.BatchNorm2d(4) for _ in range(5))).eval()
    with watched(network) as found:
        network(torch.randn(1, 4, 64, 64))
    return found


def test_features_like_those_of_the_training_are_near_and_others_are_far():
    network = nn.Sequential(*(nn.BatchNorm2d(4) for _ in range(5))).eval()
    torch.manual_seed(1)
    distances = []
    for scale, shift in ((1, 0), (1, 2), (3, 0)):
        with watched(network) as found, torch.inference_mode():
            # Two tiles count as one image.
            network(scale * torch.randn(1, 4, 64, 64) + shift)
            network(scale * torch.randn(1, 4, 64, 64) + shift)
        distances.append(found.distances())
    (means, variances), (shifted, _), (_, spread) = distances
    assert means.max() < -2
    assert variances.max() < 0.1
    # Two standard deviations: a mean squared difference of 4; a variance nine times as large.
    np.testing.assert_allclose(shifted[0], np.log10(4), atol=0.05)
    np.testing.assert_allclose(spread[0], np.log(9), atol=0.1)
    found.clear()
    assert all(not sums.any() for sums in found.sums)


def test_nothing_is_watched_after_the_block():
    network = nn.BatchNorm2d(4).eval()
    with watched(network) as found:
        network(torch.randn(1, 4, 8, 8))
    before = [sums.clone() for sums in found.sums]
    network(torch.randn(1, 4, 8, 8))
    assert all(torch.equal(a, b) for a, b in zip(before, found.sums, strict=True))


def test_signs_tell_labels_and_their_image_from_haze_and_noise(features):
    foreground, places, probability = spots()
    rng = np.random.default_rng(0)
    how = {"pixel": PIXEL, "label_sigma": SIGMA}
    maps = np.stack([1 - foreground, foreground])
    good = signs(features, maps, foreground, places, probability, **how)
    haze = np.full_like(foreground, 0.4)
    hazy = np.stack([1 - haze, haze])
    bad = signs(features, hazy, rng.normal(size=haze.shape), places, 0.4 * probability, **how)
    assert good["explained"] > 0.95
    assert bad["explained"] < 0.3
    assert good["shape"] < -2 < bad["shape"]
    assert good["doubtful"] == 0
    assert bad["doubtful"] == 1
    assert good["probability"] > bad["probability"]
    assert good["scatter"] == pytest.approx(-2)  # a perfect grid, cut off at 0.01 Å


def test_the_shape_of_a_map_does_not_depend_on_the_size_of_the_field(features):
    found = {}
    for side in (80, 380):
        # The last row and column of atoms stand beyond the border.
        drawn, places, probability = spots((side + 12, side + 12))
        drawn = drawn[:side, :side] + 0.01 * np.sin(np.arange(side))
        inside = (places < side).all(axis=1)
        found[side] = signs(
            features,
            np.stack([1 - drawn, drawn]),
            drawn,
            places[inside],
            probability[inside],
            pixel=PIXEL,
            label_sigma=SIGMA,
        )["shape"]
    assert found[80] == pytest.approx(found[380], abs=0.3)


def test_signs_of_no_atoms_and_of_no_image_are_numbers(features):
    empty = np.zeros((64, 64))
    found = signs(
        features,
        np.stack([1 - empty, empty]),
        empty,
        np.zeros((0, 2)),
        np.zeros(0),
        pixel=PIXEL,
        label_sigma=SIGMA,
    )
    assert np.isfinite(list(found.values())).all()


def calibrated():
    return Familiarity(
        centre={"a": 1.0},
        width={"a": 0.5},
        weight={"a": 1.0},
        constant=-2.0,
        threshold=1.0,
        measured={"false_alarms": 0.03, "detected": 0.97, "familiar": 50, "foreign": 60},
    )


def test_the_score_by_hand():
    known = calibrated()
    assert known.score({"a": 1.0}) == -3.0
    assert known.score({"a": 2.0}) == -3.0 + 2
    # Six widths are as far as it gets.
    assert known.score({"a": 100.0}) == -3.0 + 6
    assert known.warning(-0.1) is None
    assert "3%" in known.warning(2.0)


def test_the_file_beside_the_weights(tmp_path):
    weights = tmp_path / "weights.safetensors"
    assert load(weights) is None
    (tmp_path / NAME).write_text(calibrated().model_dump_json())
    assert load(weights) == calibrated()
    (tmp_path / NAME).write_text(json.dumps({"centre": 1}))
    with pytest.raises(FamiliarityError, match=NAME):
        load(weights)


PUBLISHED = [
    path for path in sorted(published.MODELS.glob(f"*/*/{NAME}")) if load(path) is not None
]


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.parts[-3])
def test_what_is_published_keeps_its_word(path):
    measured = load(path).measured
    assert measured["familiar"] + measured["foreign"] >= 60
    assert measured["false_alarms"] <= 0.06
    assert measured["detected"] >= 0.9
