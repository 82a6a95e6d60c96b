"""Tuning on some patterns, test on others; correlation by other people's code; peaks of maps."""

import importlib.util

import numpy as np
import pandas as pd
import pytest
import torch

from latticework.analysis.diffraction import correlation, correlation_quantem
from latticework.evaluation.peak_tuning import (
    draw_trials,
    evaluated,
    peak_table,
    read_patterns,
    tuned_detection,
)
from latticework.evaluation.peaks import peaks_of, score_structure_factors
from latticework.shards import Array, read, write
from latticework.simulation.structure_factors import draw_peaks

SIZE, STEP = 64, 0.05
RADIUS = 3.0  # px


def disks(positions, intensities):
    """A pattern of soft disks at positions (n, 2) px from the middle, their intensities given."""
    offset = np.arange(SIZE) - SIZE // 2
    picture = np.zeros((SIZE, SIZE))
    for (x, y), intensity in zip(positions, intensities, strict=True):
        r = np.hypot(offset - x, offset[:, None] - y)
        picture += intensity / (1 + np.exp((r - RADIUS) / 0.3))
    return picture.astype(np.float32)


@pytest.fixture
def arrays():
    """Six patterns of a lattice of disks, each turned otherwise, and the lattice's peaks."""
    grid = np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)]) * 14.0
    peaks, patterns, maps = [], [], []
    for number in range(6):
        angle = 0.2 * number
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        positions = grid @ turn.T + [1.3, -0.6]
        amplitudes = np.where(np.arange(9) == 4, 10.0, 1.0 + np.arange(9) / 4)
        peaks.append(np.column_stack([positions * STEP, amplitudes]))
        patterns.append(disks(positions, amplitudes**2))
        maps.append(draw_peaks(positions * STEP, amplitudes, SIZE, STEP, 1.0))
    probe = disks([(0, 0)], [1])
    return {
        "pattern": np.stack(patterns),
        "probe": np.stack([probe] * 6),
        "structure_factors": np.stack(maps),
        "peaks": peaks,
        "centre": np.tile(np.array([1.3, -0.6]) * STEP, (6, 1)),
        "reciprocal_sampling": np.array(STEP),
    }


@pytest.fixture
def table():
    subsets = ["validation", "validation", "test", "test", "test", "dose"]
    return pd.DataFrame({"pattern": np.arange(6), "subset": subsets, "crystal": "x"})


PLAIN = {
    "hot_pixels": 0.0,
    "threshold": 1e-3,
    "spacing": 1.5,
    "edge": 0.0,
    "corr_power": 1.0,
    "smoothing": 0.0,
    "subpixel": "upsample",
    "background": 0.0,
    "subtract_mean": False,
}

installed = pytest.mark.skipif(
    importlib.util.find_spec("quantem") is None, reason="quantem is not installed: make setup"
)


@installed
def test_correlation_finds_disks_where_they_are_with_their_amplitude(arrays):
    for number in range(6):
        found = correlation_quantem.detect(
            arrays["pattern"][number], arrays["probe"][number], STEP, PLAIN
        )
        truth = arrays["peaks"][number]
        distances = np.linalg.norm(found[:, None, :2] - truth[None, :, :2], axis=-1)
        nearest = distances.argmin(axis=0)
        assert distances.min(axis=0).max() < 0.1 * STEP
        ratio = found[nearest, 2] / truth[:, 2]
        assert ratio.std() < 0.03 * ratio.mean()


def test_every_parameter_to_tune_is_used(arrays):
    assert set(correlation_quantem.SPACE) == set(PLAIN)
    with pytest.raises(KeyError):
        correlation.on_patterns(lambda *_: None, arrays)(np.array([0]), {})


def test_hot_pixels_go_and_disks_stay(arrays):
    pattern = arrays["pattern"][0]
    spoilt = pattern.copy()
    spoilt[5, 7] = spoilt.max()
    clean = correlation.without_hot_pixels(spoilt, 4.0)
    assert clean[5, 7] < 1e-3
    np.testing.assert_array_equal(
        np.delete(clean.ravel(), 5 * SIZE + 7), np.delete(pattern.ravel(), 5 * SIZE + 7)
    )
    assert correlation.without_hot_pixels(spoilt, 0.0) is spoilt


def test_trials_are_within_their_ranges_and_the_same_every_time():
    space = {
        "a": ("loguniform", (1e-4, 1e-1)),
        "b": ("choice", ("x", "y")),
        "c": ("uniform", (2.0, 3.0)),
    }
    trials = draw_trials(space, 300, np.random.default_rng(1))
    assert trials == draw_trials(space, 300, np.random.default_rng(1))
    logarithms = np.log10([t["a"] for t in trials])
    assert np.histogram(logarithms, 3, (-4, -1))[0].min() > 70
    assert {t["b"] for t in trials} == {"x", "y"}
    assert all(2 <= t["c"] <= 3 for t in trials)
    with pytest.raises(ValueError, match="gaussian"):
        draw_trials({"a": ("gaussian", (0, 1))}, 1, np.random.default_rng(1))


def test_what_is_best_on_the_validation_is_what_the_test_sees(arrays, table):
    """A method that is right for one value of its parameter; the test's patterns would differ."""
    seen = []

    def detect(indices, parameters):
        seen.append((tuple(indices), parameters["shift"]))
        return [arrays["peaks"][i] + [parameters["shift"], 0, 0] for i in indices]

    space = {"shift": ("choice", (0.2, 0.0))}
    detection = tuned_detection(
        detect, space, arrays, table, trials=8, radius=0.05, seed=5, name="toy"
    )
    assert {indices for indices, _ in seen[:-1]} == {(0, 1)}
    assert seen[-1] == ((2, 3, 4, 5), 0.0)
    assert detection.trials["chosen"].sum() == 1
    # Of equally good ones the first.
    assert detection.trials["chosen"].argmax() == detection.trials["shift"].eq(0.0).argmax()
    assert detection.scores["accuracy"].tolist() == [1, 1, 1, 1]
    assert detection.scores["method"].eq("toy").all()


def test_a_perfect_map_is_read_perfectly(arrays, table, tmp_path):
    maps = torch.from_numpy(arrays["structure_factors"])
    how = {"trials": 12, "radius": 0.05, "seed": 2018}
    detection = score_structure_factors(maps, arrays, table, **how, name="perfect")
    assert detection.scores["accuracy"].to_numpy() == pytest.approx(1, abs=1e-9)
    assert detection.scores["ssim"].to_numpy() == pytest.approx(1)
    blurred = torch.nn.functional.avg_pool2d(maps[:, None], 9, 1, 4)[:, 0]
    worse = score_structure_factors(blurred, arrays, table, **how, name="blurred")
    assert (worse.scores["ssim"] < 0.9).all()
    result = evaluated(detection)
    write(tmp_path / "details.h5", "evaluation", result.arrays, result.attributes)
    details, attributes = read(tmp_path / "details.h5", "evaluation")
    peaks = peak_table(details)
    assert peaks["pattern"].unique().tolist() == [2, 3, 4, 5]
    assert len(peaks) == 4 * 9
    assert len(attributes["trials"]) == 12
    assert sum(trial["chosen"] for trial in attributes["trials"]) == 1


def test_peaks_of_maps_belong_to_their_maps(arrays):
    maps = torch.from_numpy(arrays["structure_factors"]).clone()
    maps[1] = 0  # Nothing to be found.
    found = peaks_of(maps, STEP)(np.array([1, 2, 0]), {"threshold": 0.05, "separation": 3})
    assert [len(p) for p in found] == [0, 9, 9]
    for peaks, number in ((found[1], 2), (found[2], 0)):
        order = np.lexsort(peaks[:, 1::-1].round(2).T)
        expected = arrays["peaks"][number]
        np.testing.assert_allclose(
            peaks[order, :2],
            expected[np.lexsort(expected[:, 1::-1].round(2).T), :2],
            atol=0.1 * STEP,
        )


def test_a_method_that_finds_nothing_still_has_its_tables(arrays, table, tmp_path):
    detection = tuned_detection(
        lambda indices, _: [np.zeros((0, 3)) for _ in indices],
        {"a": ("uniform", (0.0, 1.0))},
        arrays,
        table,
        trials=2,
        radius=0.05,
        seed=1,
        name="blind",
    )
    assert detection.scores["accuracy"].tolist() == [0, 0, 0, 0]
    result = evaluated(detection)
    write(tmp_path / "details.h5", "evaluation", result.arrays, result.attributes)
    peaks = peak_table(read(tmp_path / "details.h5", "evaluation")[0])
    assert list(peaks) == ["pattern", "qx", "qy", "amplitude"]
    assert peaks.empty


def test_patterns_are_read_back(arrays, table, tmp_path):
    pixels = ("pattern", "y", "x")
    write(
        tmp_path / "p.h5",
        "evaluation_patterns",
        {
            "pattern": Array(arrays["pattern"], "1", pixels),
            "peaks": Array(arrays["peaks"], "1/Å", ("pattern", "peak", "q"), ragged=True),
        },
        {},
    )
    table.to_csv(tmp_path / "p.csv", index=False)
    arrays_read, rows = read_patterns(tmp_path / "p.h5", tmp_path / "p.csv")
    np.testing.assert_array_equal(arrays_read["peaks"][3], arrays["peaks"][3])
    pd.testing.assert_frame_equal(rows, table, check_dtype=False)
