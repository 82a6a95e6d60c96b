"""The patterns that all methods are judged by: split by crystal, equal but for what is varied."""

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk

from latticework import shards
from latticework.config.base import Range
from latticework.config.evaluation_peaks import Patterns
from latticework.evaluation.bragg import peak_scores
from latticework.evaluation.patterns import (
    choose_sources,
    make_patterns,
    split_crystals,
)
from latticework.shards import Array
from latticework.simulation.structure_factors import draw_peaks
from latticework.structures.orientations import along_beam, tilt_from_zone

SIZE, STEP = 48, 0.05
SETTINGS = Patterns(
    validation=0.3, tuning=6, test=10, series=3, doses=[1e4, 1e8], threshold=0.03, separation=1
)
RANGES = {
    "background": Range(low=0.01, high=0.1),
    "background_width": Range(low=0.01, high=0.1),
    "ellipticity": Range(low=0, high=0.1),
    "shift": Range(low=-3, high=3),
    "dose": Range(low=1e5, high=1e10, distribution="loguniform"),
    "hot": Range(low=0, high=1e-3),
    "dead": Range(low=0, high=1e-3),
}


def crystal(name, direction):
    atoms = bulk("Cu")
    zone = np.array(direction) if np.abs(direction).max() <= 2 else np.zeros(3, int)
    atoms.info = {
        "crystal": name,
        "zone_axis": zone,
        "orientation": along_beam(np.array(direction) @ atoms.cell[:], 0.3),
    }
    return atoms


@pytest.fixture
def library(tmp_path):
    """Three crystals in two orientations each, in two shards."""
    structures = [
        crystal(name, direction) for name in "ABC" for direction in ([1, 0, 0], [7, 2, 1])
    ]
    rng = np.random.default_rng(1)
    points = np.array([[0, 0], [0.5, 0.1], [-0.5, -0.1], [0.2, -0.6]])
    truth = draw_peaks(points, np.array([9.0, 3, 3, 2]), SIZE, STEP, 1.0)
    pixels = ("y", "x")
    paths = []
    for number in range(2):
        paths.append(tmp_path / f"{number}.h5")
        pattern = rng.uniform(0, 1, (3, 2, 4, SIZE, SIZE)).astype(np.float32) * truth
        arrays = {
            "pattern": Array(pattern, "1", ("o", "s", "t", *pixels)),
            "probe": Array(np.stack([truth] * 2), "1", ("s", *pixels)),
            "structure_factors": Array(np.stack([truth] * 3), "V", ("o", *pixels)),
            "thickness": Array(20.0 * np.arange(1, 5), "Å", ("t",)),
            "semiangle": Array(np.array([1.0, 2.0]), "mrad", ("s",)),
            "zone_axis": Array(np.zeros((3, 3)), "1", ("o", "i")),
            "reciprocal_sampling": Array(np.array(STEP), "1/Å", ()),
        }
        shards.write(paths[-1], "diffraction", arrays, {})
    return structures, paths


def sources(structures, settings=SETTINGS, seed=0):
    return choose_sources(structures, 2, 4, settings, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("count", "share", "validation"), [(2, 0.01, 1), (2, 0.9, 1), (8, 0.25, 2)]
)
def test_either_subset_has_a_crystal(count, share, validation):
    names = [f"c{i // 3}" for i in range(3 * count)]
    subsets = split_crystals(names, share, np.random.default_rng(0))
    assert len(subsets["validation"]) == validation
    assert sorted(subsets["validation"] + subsets["test"]) == sorted(set(names))


def test_one_crystal_is_too_few():
    with pytest.raises(ValueError, match="held_out"):
        split_crystals(["a", "a"], 0.5, np.random.default_rng(0))


def test_no_crystal_is_tuned_on_and_tested(library):
    structures, _ = library
    table = sources(structures)
    names = np.array([a.info["crystal"] for a in structures])[table["structure"]]
    tuned = set(names[table["subset"] == "validation"])
    assert tuned
    assert not tuned & set(names[table["subset"] != "validation"])
    counts = table["subset"].value_counts()
    assert counts.to_dict() == {"test": 10, "validation": 6, "dose": 6}
    drawn = table[table["subset"] != "dose"]
    assert not drawn.duplicated(["structure", "semiangle", "thickness"]).any()
    assert drawn["dose"].isna().all()


def test_more_are_asked_for_than_there_are(library):
    structures, _ = library
    table = sources(structures, SETTINGS.model_copy(update={"test": 1000}))
    # Two crystals, two orientations, two semiangles, four thicknesses.
    assert (table["subset"] == "test").sum() == 2 * 2 * 2 * 4


def made(library, seed=7, chosen=None):
    structures, paths = library
    chosen = sources(structures) if chosen is None else chosen
    arrays, table = make_patterns(chosen, paths, structures, SETTINGS, RANGES, seed, "study")
    return {name: array.data for name, array in arrays.items()}, table


def test_a_dose_series_has_one_microscope(library):
    arrays, table = made(library)
    series = table[table["subset"] == "dose"]
    assert sorted(series["dose"].unique()) == SETTINGS.doses
    same = ["structure_factors", "probe", "centre"]
    drawn = ["background", "ellipticity", "shift_x", "hot", "thickness_angstrom", "crystal"]
    for _, rows in table[table["source"].isin(series["source"])].groupby("source"):
        assert len(rows) == 1 + len(SETTINGS.doses)
        assert (rows[drawn].nunique() == 1).all()
        for name in same:
            first, *others = (arrays[name][i] for i in rows["pattern"])
            for other in others:
                np.testing.assert_array_equal(other, first)
    # Fewer electrons, fewer pixels that have any.
    filled = (arrays["pattern"] > 0).sum(axis=(1, 2))
    assert filled[table["dose"] == 1e4].max() < filled[table["dose"] == 1e8].min()


def test_true_peaks_are_those_of_the_distorted_map(library):
    arrays, table = made(library)
    for number, peaks in enumerate(arrays["peaks"]):
        assert len(peaks) == 4
        row = table.iloc[number]
        # The strongest is the direct beam, where the shift put it.
        np.testing.assert_allclose(peaks[0, :2], arrays["centre"][number], atol=0.1 * STEP)
        np.testing.assert_allclose(
            arrays["centre"][number], STEP * row[["shift_x", "shift_y"]].to_numpy(float)
        )
        assert peak_scores(peaks, peaks, arrays["centre"][number], STEP)["accuracy"] == 1


def test_a_pattern_depends_on_its_source_alone(library):
    structures, _ = library
    arrays, table = made(library)
    chosen = sources(structures)
    part = chosen[chosen["structure"] >= 3]
    again, rows = made(library, chosen=part.reset_index(drop=True))
    np.testing.assert_array_equal(again["pattern"], arrays["pattern"][part.index])
    kept = table.loc[part.index].drop(columns="pattern").reset_index(drop=True)
    pd.testing.assert_frame_equal(rows.drop(columns="pattern"), kept)


def test_tilt_is_the_angle_to_the_nearest_axis_of_any_kind(library):
    structures, _ = library
    atoms = structures[0]
    assert tilt_from_zone(atoms.cell[:], atoms.info["orientation"]) == pytest.approx(0, abs=1e-4)
    # 3° away from [001] of the cubic cell, which is far from any other.
    tilted = along_beam(np.array([np.sin(np.radians(3)), 0, np.cos(np.radians(3))]), 1.0)
    assert tilt_from_zone(np.diag([4.0, 4, 4]), tilted) == pytest.approx(3)
    # Whatever the crystal's equal axes are called.
    assert tilt_from_zone(np.diag([4.0, 4, 4])[[2, 0, 1]], tilted) == pytest.approx(3)


def test_on_zone_is_what_the_library_says(library):
    _, table = made(library)
    assert table.loc[table["on_zone"], "tilt_degrees"].eq(0).all()
    assert table.loc[~table["on_zone"], "tilt_degrees"].gt(1).all()
    assert table["ssim_direct_beam"].between(0, 1, inclusive="neither").all()
