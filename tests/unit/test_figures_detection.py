"""Figures of detected peaks: they show what they are given, and say so in their tables."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection

from latticework.figures import style
from latticework.figures.peaks import (
    LARGEST,
    accuracy,
    detection,
    method_name,
    method_styles,
    scan,
    shown_patterns,
    table_1,
)


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "pattern": np.arange(8),
            "subset": ["validation", *["test"] * 6, "dose"],
            "on_zone": [True, True, False, True, True, False, True, True],
            "thickness_angstrom": [10.0, 400, 300, 100, 200, 50, 20, 10],
            "semiangle_mrad": 2.0,
            "dose": 1e6,
        }
    )


def test_shown_are_the_first_of_the_test_the_thinnest_first(table):
    # On zone 1, 3, 4 come first; by thickness 3, 4, 1. Off zone there are 2 and 5.
    assert shown_patterns(table) == [3, 4, 1, 5, 2]
    assert shown_patterns(table[~table["on_zone"]]) == [5, 2]


def test_a_panel_has_a_circle_a_true_peak_and_a_cross_a_found_one(table, tmp_path):
    rng = np.random.default_rng(0)
    truth = np.array([[0.1, 0, 50.0], [0.5, 0.2, 4.0], [-0.3, -0.2, 2.0]])
    arrays = {
        "pattern": rng.uniform(0, 1, (8, 32, 32)),
        "peaks": [truth] * 8,
        "centre": np.tile([0.1, 0.0], (8, 1)),
        "reciprocal_sampling": np.array(0.05),
    }
    found = pd.DataFrame(
        {"pattern": [3, 3, 5], "qx": [0.5, 0.4, 0], "qy": [0.2, 0.1, 0], "amplitude": [8, 2, 1.0]}
    )
    scores = pd.DataFrame({"pattern": np.arange(8), "accuracy": np.arange(8) / 10})
    methods = ("quantem", "fcunet")
    drawn = detection(
        arrays,
        table,
        dict.fromkeys(methods, found),
        dict.fromkeys(methods, scores),
        [3, 5],
        0.05,
    )
    figure, data = drawn
    assert len(figure.axes) == 3 * 2
    circles, crosses = (c for c in figure.axes[2].collections if isinstance(c, PathCollection))
    # Sizes go by the strongest beside the direct beam, which is no larger than that.
    assert circles.get_sizes() == pytest.approx([LARGEST, LARGEST, LARGEST / 2])
    assert crosses.get_sizes() == pytest.approx([LARGEST, LARGEST / 4])
    assert "30 %" in figure.axes[2].get_title(loc="left")
    assert (data["method"] == "truth").sum() == 2 * 3
    assert data.loc[data["method"] == "fcunet", "amplitude"].tolist() == [8, 2, 1]
    paths = [tmp_path / f"figure.{ending}" for ending in ("svg", "png", "csv")]
    style.save(drawn, *paths)
    assert all(path.stat().st_size > 100 for path in paths)


def test_networks_are_in_colour_and_correlations_are_not():
    styles = method_styles(["unet", "quantem", "my_net", "unet"])
    assert styles["unet"]["color"] != styles["my_net"]["color"]
    assert "linestyle" not in styles["my_net"]
    assert styles["quantem"]["linestyle"] == "--"
    assert method_name("my_net") == "my net"
    assert method_name("quantem") == "correlation (quantem)"


def test_accuracy_has_every_method_in_every_panel():
    rows = [
        (quantity, zone, value, method, level, np.nan)
        for quantity in ("thickness_angstrom", "semiangle_mrad", "dose", "tilt_degrees")
        for zone in ("on", "off", "all")
        for value in (1.0, 2.0)
        for method, level in (("fcunet", 0.8), ("quantem", 0.4))
    ]
    names = ["quantity", "zone", "value", "method", "accuracy", "accuracy_error"]
    figure, data = accuracy(pd.DataFrame(rows, columns=names))
    assert len(figure.axes) == 7
    assert len(data) == len(rows)
    for ax in figure.axes:
        heights = {tuple(line.get_ydata()) for line in ax.get_lines() if len(line.get_ydata()) == 2}
        assert {(0.8, 0.8), (0.4, 0.4)} <= heights
    # Ångström in the table, nanometres in the figure.
    assert max(figure.axes[0].get_lines()[0].get_xdata()) == pytest.approx(0.2)


def test_table_1_shows_what_its_table_says():
    methods = pd.DataFrame(
        {
            "method": ["fcunet", "fcunet", "quantem", "quantem"],
            "on_zone": [False, True, False, True],
            "ssim": [0.7, 0.9, np.nan, np.nan],
            "ssim_error": [0.01, np.nan, np.nan, np.nan],
            "accuracy": [0.5, 0.6, 0.3, 0.4],
            "accuracy_error": 0.02,
            "ssim_direct_beam": [0.2, 0.3, 0.2, 0.3],
        }
    )
    comparison = pd.DataFrame(
        {
            "network": ["fcunet"] * 2,
            "baseline": ["quantem"] * 2,
            "on_zone": [False, True],
            "share_better": [0.75, 0.9],
        }
    )
    published = pd.DataFrame(
        {"method": ["fcunet", "fcunet"], "on_zone": [True, False], "ssim": [0.948, 0.880]}
    )
    figure, data = table_1(methods, comparison, published)
    similarity, peaks, better = figure.axes
    assert [bar.get_height() for bar in similarity.patches] == [0.9, 0.7]
    assert [bar.get_height() for bar in peaks.patches] == [0.6, 0.5, 0.4, 0.3]
    assert [bar.get_height() for bar in better.patches] == [0.9, 0.75]
    # The paper's own, on and off zone, and the floors.
    heights = [float(np.ravel(line.get_ydata())[0]) for line in similarity.get_lines()]
    assert {0.948, 0.880, 0.2, 0.3} <= set(heights)
    assert set(data["layer"]) == {"methods", "comparison"}


def test_a_scan_has_a_panel_a_pattern_and_a_row_a_peak(tmp_path):
    rng = np.random.default_rng(0)
    counts = [3, 0, 2, 1]
    names = ("qx", "qy", "intensity", "sigma", "x_px", "y_px")
    arrays = {name: [rng.uniform(0, 30, count) for count in counts] for name in names}
    arrays |= {"excerpt": rng.uniform(0, 9, (3, 32, 32)), "excerpt_position": np.array([0, 1, 3])}
    attributes = {"title": "A scan", "skipped": "", "scan": [2, 2]}
    figure, table = drawn = scan(arrays, attributes)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == [
        "position (0, 0): 3 peaks",
        "position (0, 1): 0 peaks",
        "position (1, 1): 1 peaks",
    ]
    assert table["pattern"].tolist() == [0, 0, 0, 3]
    paths = [tmp_path / f"figure.{ending}" for ending in ("svg", "png", "csv")]
    style.save(drawn, *paths)
    assert all(path.stat().st_size > 100 for path in paths)


def test_a_scan_that_was_skipped_says_why():
    _, table = scan({}, {"title": "A scan", "skipped": "no such address"})
    assert "no such address" in table["reason"].item()
