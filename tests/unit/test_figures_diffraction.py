"""Figures of the diffraction library: they show what they are given, and say so in their tables."""

import itertools

import numpy as np
import pandas as pd
import pytest

from latticework.figures import style
from latticework.figures.library import crystals, examples, triplets
from latticework.figures.strain_maps import strain_profiles


@pytest.fixture
def shard():
    rng = np.random.default_rng(0)
    offset = np.arange(32) - 16
    probe = (np.hypot(offset, offset[:, None]) < 3).astype(np.float32)
    axes = np.array([[0, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1], [1, 0, 0]])
    return {
        "pattern": rng.uniform(0, 1, (5, 2, 6, 32, 32)).astype(np.float32) * probe,
        "probe": np.stack([probe, probe]),
        "structure_factors": rng.uniform(0, 9, (5, 32, 32)),
        "thickness": 20.0 * np.arange(1, 7),
        "semiangle": np.array([1.0, 2.0]),
        "zone_axis": axes,
        "reciprocal_sampling": np.array(0.05),
    }


def test_a_crystal_in_many_orientations_counts_once(tmp_path):
    names = ["A/Cu"] * 10 + ["A/Ag"] * 10 + ["AB/Na-Cl"] * 10
    numbers = [np.array([29])] * 10 + [np.array([47])] * 10 + [np.array([11, 17, 17])] * 10
    figure, table = crystals(names, numbers)
    prototypes = table[table["layer"] == "prototypes"]
    assert dict(zip(prototypes["prototype"], prototypes["crystals"], strict=True)) == {
        "A": 2,
        "AB": 1,
    }
    elements = table[table["layer"] == "elements"]
    assert elements["atomic_number"].tolist() == [29, 47, 11, 17]
    assert set(elements["crystals"]) == {1}
    paths = [tmp_path / f"figure.{ending}" for ending in ("svg", "png", "csv")]
    style.save((figure, table), *paths, meaningful=False)
    assert all(path.stat().st_size > 100 for path in paths)


def test_examples_are_on_and_off_zone(shard):
    """The first of each crystal's."""
    assert examples(shard["zone_axis"], ["B", "B", "A", "A", "A"]) == [1, 3, 0, 2]
    assert examples(shard["zone_axis"], ["A"] * 5) == [1, 0]


def test_triplets_have_a_row_an_orientation_and_a_line_a_pattern(shard):
    names = [f"P/{i}" for i in range(5)]
    figure, table = triplets(shard, names, [1, 0])
    assert len(figure.axes) == 2 * 6
    assert table["crystal"].tolist() == ["P/1"] * 4 + ["P/0"] * 4
    assert table["zone_axis"].tolist() == ["[1 1 0]"] * 4 + ["off zone"] * 4
    assert table["semiangle_mrad"].tolist() == [1.0] * 4 + [2.0] * 4
    assert table["thickness_angstrom"].iloc[[0, 3]].tolist() == [20.0, 120.0]
    expected = shard["pattern"][1, 0, 0].sum() / shard["probe"][0].sum()
    assert table["electrons_recorded"].iloc[0] == pytest.approx(expected)
    assert table["largest_structure_factor_volts"].iloc[0] == shard["structure_factors"][1].max()


def test_strain_profiles_of_several_tools():
    """Each tool has a colour of its own, and its second set of parameters is dashed."""
    methods = ["quantem", "quantem, complete", "py4dstem", "py4dstem, complete"]
    methods += ["network", "refined"]
    rows = itertools.product(methods, (0, 1e5), range(3))
    measured = pd.DataFrame(rows, columns=["method", "dose", "position"]).assign(
        scan="flake", x_angstrom=lambda t: 10.0 * t["position"], exx=1e-3, eyy=2e-3
    )
    measured = measured.assign(true_exx=0.0, true_eyy=0.0)
    scores = measured[measured["position"] == 0].assign(rms_eyy=2e-3)
    figure, _ = strain_profiles(
        measured, scores, {"flake": np.ones((8, 8))}, {"flake": "Flake of hBN"}
    )
    lines = {line.get_label(): line for line in figure.axes[1].lines}
    assert set(lines) == {*methods, "truth"}
    colours = [lines[name].get_color() for name in ("quantem", "py4dstem", "network", "refined")]
    assert len(set(colours)) == 4
    for tool in ("quantem", "py4dstem"):
        assert lines[tool].get_color() == lines[f"{tool}, complete"].get_color()
        assert lines[tool].get_linestyle() != lines[f"{tool}, complete"].get_linestyle()
