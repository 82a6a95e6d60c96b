"""Scores of maps and peaks (Munshi 2022, Table I and eq. 1): by hand, and by independent code."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from latticework.analysis.diffraction.similarity import direct_beam, scaled_map, ssim
from latticework.evaluation.bragg import (
    accuracy_in_bins,
    pair_by_distance,
    peak_scores,
    score_peaks,
    summary,
    table_1,
    win_rates,
)

TRUTH = np.array([[0, 0, 10.0], [0.5, 0, 2.0], [-0.5, 0, 2.0], [0, 0.5, 1.0]])
CENTRE = np.zeros(2)


def test_the_nearest_pair_comes_first():
    """By hand: 0.3 takes 0.31, though 0.28 has no other partner then."""
    found = np.array([[0.30, 0], [0.28, 0]])
    truth = np.array([[0.31, 0], [0.345, 0]])
    i, j = pair_by_distance(found, truth, 0.05)
    assert list(zip(i, j, strict=True)) == [(0, 0)]
    # Within reach of both, the second pair is made after the first.
    i, j = pair_by_distance(found, truth, 0.07)
    assert list(zip(i, j, strict=True)) == [(0, 0), (1, 1)]


def test_accuracy_by_hand():
    found = np.array([[0.01, 0, 99.0], [0.52, 0.01, 3.0], [-0.5, 0.2, 1.0], [0, 0.46, 4.0]])
    scores = peak_scores(found, TRUTH, CENTRE, 0.05)
    # Found: 3 and 4 are right, 1 is false. True: one 2 of 5 is missing. The direct beam is out.
    assert scores["true_positive"] == pytest.approx(7 / 8)
    assert scores["false_positive"] == pytest.approx(1 / 8)
    assert scores["false_negative"] == pytest.approx(2 / 5)
    assert scores["accuracy"] == pytest.approx((7 / 8) / (7 / 8 + 1 / 8 + 2 / 5))
    assert scores["peaks_found"] == 3


def test_limits():
    assert peak_scores(TRUTH, TRUTH, CENTRE, 0.05)["accuracy"] == 1
    assert peak_scores(TRUTH[:0], TRUTH, CENTRE, 0.05)["accuracy"] == 0
    # The direct beam alone is worth nothing; a single right peak over a half.
    assert peak_scores(TRUTH[:1], TRUTH, CENTRE, 0.05)["accuracy"] == 0
    assert peak_scores(TRUTH[3:], TRUTH, CENTRE, 0.05)["accuracy"] == pytest.approx(1 / 1.8)
    assert np.isnan(peak_scores(TRUTH[:1], TRUTH[:1], CENTRE, 0.05)["accuracy"])
    assert peak_scores(TRUTH, TRUTH[:1], CENTRE, 0.05)["accuracy"] == 0


def test_a_second_peak_in_the_direct_beam_is_false():
    found = np.vstack([TRUTH, [0.04, 0, 5.0]])
    assert peak_scores(found, TRUTH, CENTRE, 0.05)["false_positive"] == pytest.approx(0.5)


@given(
    st.floats(1e-3, 1e3),
    st.floats(1e-3, 1e3),
    st.floats(-0.3, 0.3),
    st.integers(0, 2**32 - 1),
)
def test_accuracy_knows_no_scale_and_no_origin(first, second, shift, seed):
    rng = np.random.default_rng(seed)
    found, truth = TRUTH + rng.normal(0, 0.03, TRUTH.shape) * [1, 1, 0], TRUTH
    before = peak_scores(found, truth, CENTRE, 0.05)
    moved = [shift, -shift, 0]
    after = peak_scores(
        (found + moved) * [1, 1, first], (truth + moved) * [1, 1, second], CENTRE + moved[:2], 0.05
    )
    assert after == pytest.approx(before, nan_ok=True)
    assert 0 <= before["accuracy"] <= 1


def wang(a, b):
    """SSIM written out from Wang 2004, eq. 13, without skimage."""

    def blur(x):
        # A window of 11 px; its border is left out.
        return gaussian_filter(x, 1.5, truncate=3.5)

    c1, c2 = 0.01**2, 0.03**2
    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2
    covariance = blur(a * b) - mean_a * mean_b
    value = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    value /= (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    return value[5:-5, 5:-5].mean()


def test_ssim_is_that_of_wang_whatever_the_scale():
    rng = np.random.default_rng(1)
    truth = gaussian_filter(rng.uniform(size=(48, 48)), 1) ** 4
    predicted = truth + 0.2 * truth.max() * rng.normal(size=truth.shape)
    expected = wang(scaled_map(predicted), scaled_map(truth))
    assert ssim(predicted, truth) == pytest.approx(expected, rel=1e-6)
    assert ssim(7 * predicted, 0.1 * truth) == pytest.approx(expected, rel=1e-6)
    assert ssim(truth, truth) == pytest.approx(1)
    assert ssim(np.zeros_like(truth), truth) < 0.5


def test_the_direct_beam_alone_is_what_lies_about_its_centre():
    truth = np.ones((32, 32))
    alone = direct_beam(truth, np.array([0.3, -0.1]), 0.1)
    rows, columns = np.nonzero(alone)
    assert (rows.mean(), columns.mean()) == (16 - 1, 16 + 3)
    assert alone.sum() == 21  # pixels within 2.5 px


def scores_table():
    rng = np.random.default_rng(3)
    parts = []
    for method, level in (("z_network", 0.8), ("correlation", 0.5)):
        table = pd.DataFrame(
            {
                "pattern": np.arange(60),
                "subset": np.repeat(["test", "test", "dose"], 20),
                "crystal": np.arange(60) % 4,
                "on_zone": np.arange(60) % 2 == 0,
                "tilt_degrees": np.where(np.arange(60) % 2 == 0, 0, rng.uniform(1, 9, 60)),
                "thickness_angstrom": rng.choice([20.0, 100.0, 120.0, 500.0], 60),
                "semiangle_mrad": rng.choice([1.0, 2.0], 60),
                "dose": np.where(np.arange(60) < 40, 123.0, np.repeat([1e4, 1e5], 30)),
                "ssim_direct_beam": 0.4,
                "ssim": level if method == "z_network" else np.nan,
                "accuracy": level + 0.1 * (np.arange(60) % 4 - 1.5),
                "true_positive": 0.9,
                "false_negative": 0.3,
                "method": method,
            }
        )
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def test_tables_are_means_over_patterns_with_errors_over_crystals():
    scores = scores_table()
    table = table_1(scores)
    # In the order of the methods, not of the alphabet.
    assert table["method"].tolist() == ["z_network"] * 2 + ["correlation"] * 2
    row = table.iloc[0]
    assert not row["on_zone"]
    assert (row["patterns"], row["crystals"]) == (20, 2)
    assert row["accuracy"] == pytest.approx(0.85)
    assert row["recall"] == pytest.approx(0.7)
    # Crystals 1 and 3 have 0.75 and 0.95: half their distance.
    assert row["accuracy_error"] == pytest.approx(0.1)
    assert np.isnan(table.loc[2, "ssim"])


def test_bins_hold_every_pattern_once():
    table = accuracy_in_bins(scores_table())
    counts = table[table["zone"] != "all"].groupby(["quantity", "method"])["patterns"].sum()
    assert set(counts[["thickness_angstrom", "semiangle_mrad", "tilt_degrees"]]) == {40}
    assert set(counts["dose"]) == {20}
    thick = table[(table["quantity"] == "thickness_angstrom") & (table["zone"] == "all")]
    # 20 and 100 Å are one bin, 120 Å the next.
    assert thick["value"].between(20, 100).sum() == 2
    assert (thick["value"] == 120).sum() == 2


def test_a_network_that_is_always_better_beats_the_correlation_always():
    table = win_rates(scores_table(), ["z_network"], ["correlation"])
    assert table["share_better"].tolist() == [1, 1]
    assert table["difference"].tolist() == pytest.approx([0.3, 0.3])
    even = scores_table().assign(accuracy=0.5)
    assert win_rates(even, ["z_network"], ["correlation"])["share_better"].tolist() == [0.5, 0.5]


def test_patterns_without_a_score_do_not_count():
    scores = score_peaks([TRUTH, TRUTH[:1]], [TRUTH, TRUTH[:1]], np.zeros((2, 2)), 0.05)
    rows = scores.assign(method="a", ssim=np.nan, crystal=["x", "y"])
    assert summary(rows, ["method"])["accuracy"].tolist() == [1]
