"""Sites of a lattice of any kind, held against that lattice; and the tools that compare them."""

import importlib.util
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from adatoms import BOX, SIZE, scan_of
from checkout import ROOT
from scipy.spatial import cKDTree

from latticework.analysis.surfaces import sites
from latticework.analysis.surfaces.any_scale import Scale
from latticework.analysis.surfaces.support import Support, translational_support
from latticework.cli import published
from latticework.config.inference import Images
from latticework.evaluation.held_out import HeldOut
from latticework.evaluation.sites import sites_at_any_scale
from latticework.learning import weights

VECTORS = np.array([[20.0, 0.5], [-9.5, 17.0]])
SHAPE = (240, 260)


@pytest.fixture
def tool(monkeypatch):
    """What loads a tool as if it were run."""
    folder = ROOT / "scripts/tools"
    monkeypatch.syspath_prepend(folder)

    def load(name):
        spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def lattice_sites():
    """Two sites a cell (n, 2) px inside the image, the one nearest to its middle last."""
    cells = np.stack(np.meshgrid(np.arange(-30, 30), np.arange(-30, 30)), -1).reshape(-1, 1, 2)
    places = (cells @ VECTORS + np.array([[0.0, 0.0], [7.0, 4.0]])).reshape(-1, 2) + 3.0
    inside = ((places > 2) & (places < np.array(SHAPE[::-1]) - 3)).all(axis=1)
    places = places[inside]
    off = np.linalg.norm(places - np.array(SHAPE[::-1]) / 2, axis=1)
    return places[np.argsort(-off)]


def test_a_hole_in_a_lattice_is_missing_and_a_stray_site_belongs_to_none():
    places = lattice_sites()
    stray = places[-1] + [0.0, -9.0]
    found = translational_support(np.vstack([places[:-1], stray]), VECTORS, SHAPE, 2.5)
    assert len(found.missing) == 1
    np.testing.assert_allclose(found.missing[0], places[-1], atol=0.5)
    assert not found.supported[-1]
    assert found.completeness == pytest.approx(1 - 1 / len(places), abs=0.02)


def test_sites_measure_their_lattice_better_than_what_was_given():
    places = lattice_sites() + np.random.default_rng(0).normal(0, 0.2, (len(lattice_sites()), 2))
    found = translational_support(places, 1.03 * VECTORS, SHAPE, 3.0)
    np.testing.assert_allclose(found.vectors, VECTORS, atol=0.1)
    alone = translational_support(places[:2], VECTORS, SHAPE, 3.0)
    np.testing.assert_array_equal(alone.vectors, VECTORS)


def test_weak_sites_that_the_lattice_asks_for_are_there_and_vacancies_are_not_filled(monkeypatch):
    image, adatoms, in_angstrom = scan_of(11, 2.0)
    network, card = weights.load(published.weights("generic"))
    tree, counts = cKDTree(adatoms % BOX, boxsize=BOX), []
    for share in (1.0, sites.EXPECTED):
        monkeypatch.setattr(sites, "EXPECTED", share)
        found = sites.find_sites(network, card, image, Images(tile=1024))
        places = found.table[["x_px", "y_px"]].to_numpy()
        places = places[((places > 4) & (places < SIZE - 5)).all(axis=1)]
        true = tree.query(in_angstrom(places) % BOX)[0] < 2.5
        counts.append((int(true.sum()), int((~true).sum()), found.expected))
    (before, false_before, none), (after, false_after, expected) = counts
    assert none == 0
    assert expected > 0
    assert after - before > 2 * (false_after - false_before)


def test_sites_are_scored_without_being_told_the_scale():
    image, adatoms, in_angstrom = scan_of(11, 0.2)
    network, card = weights.load(published.weights("generic"))
    held_out = HeldOut(network, card, (), None, None, Images(tile=1024))
    places, spacing = sites_at_any_scale(held_out, image.astype(np.float32))
    assert spacing == pytest.approx(9.4, rel=0.1)
    places = places[((places > 4) & (places < SIZE - 5)).all(axis=1)]
    off = cKDTree(adatoms % BOX, boxsize=BOX).query(in_angstrom(places) % BOX)[0]
    assert len(places) > 250
    assert (off < 2.5).mean() > 0.95


# Tools


def test_a_row_has_both_shares_and_the_best_separation_is_kept(tool):
    compare = tool("compare_sites")
    supported = np.array([True] * 9 + [False])
    support = Support(supported, np.zeros((3, 2)), VECTORS)
    row = compare.row_of("atomap", 0.3, support)
    assert row["sites"] == 10
    assert row["found"] == pytest.approx(0.75)
    assert row["on_lattice"] == pytest.approx(0.9)
    assert row["both"] == pytest.approx(2 * 0.75 * 0.9 / 1.65)
    table = pd.DataFrame(
        {
            "picture": ["p", "p", "p", "q"],
            "tool": ["atomap", "atomap", "generic", "atomap"],
            "separation": [0.2, 0.3, np.nan, 0.2],
            "both": [0.5, 0.8, 0.9, 0.4],
        }
    )
    best = compare.best_of(table)
    assert list(best["both"]) == [0.8, 0.9, 0.4]
    assert list(best["picture"]) == ["p", "p", "q"]


def test_a_lattice_is_compared_with_the_crystal_with_and_without_a_pixel(tool, tmp_path):
    constants = tool("compare_constants")
    side = 20.0
    vectors = side * np.array([[1.0, 0.0], [-0.5, np.sqrt(0.75)]])
    cells = np.stack(np.meshgrid(np.arange(12), np.arange(12)), -1).reshape(-1, 2)
    places = cells @ vectors + [120.0, 5.0]
    pd.DataFrame(places, columns=["x", "y"]).to_csv(tmp_path / "others.csv", index=False)
    reading = SimpleNamespace(
        lattice=SimpleNamespace(vectors=1.02 * vectors), levelled=np.zeros((240, 400))
    )
    found = sites.Sites(
        pd.DataFrame(places, columns=["x_px", "y_px"]),
        Scale(side, False, 1.0),
        reading,
        translational_support(places, vectors, (240, 400), 4.0),
        [],
    )
    known = pd.Series(
        {
            "picture": "stm/one.png",
            "shows": "a crystal",
            "a": 4.0,
            "b": 4.0,
            "angle": 120.0,
            "pixel_from": "the file",
            "others": "others.csv",
            "others_scale": 1.0,
            "published": "5.8 5.8 5.8",
        }
    )
    row = constants.row_of(known, found, 0.21, tmp_path)
    assert row["a_off"] == pytest.approx(5.0)
    assert row["by_area_off"] == pytest.approx(5.0)
    assert row["spectrum_a_off"] == pytest.approx(2.0)
    assert row["ratio_off"] == pytest.approx(0.0, abs=1e-6)
    assert row["others_a_off"] == pytest.approx(0.0, abs=1e-6)
    assert row["pixel_by_lattice"] == pytest.approx(0.2)
    # A reciprocal vector of 5.8 /nm is that of a side of 10/(5.8·√0.75) Å, half of the cell's.
    assert row["published"] == pytest.approx(2 * 10 / 5.8 / np.sqrt(0.75), rel=1e-3)
    without = constants.row_of(known, found, None, tmp_path)
    assert "a_off" not in without
    assert without["pixel_by_lattice"] == pytest.approx(0.2)


def test_real_columns_measure_their_lattice_as_others_columns_do(tool, mirror):
    constants = tool("compare_constants")
    known = pd.read_csv(constants.KNOWN).set_index("picture", drop=False)
    row = known.loc["stem/mose2_monolayer.tif"]
    read, found = constants.found_in(mirror / row["picture"])
    compared = constants.row_of(row, found, read.sampling, mirror)
    assert compared["others"] > 200
    assert abs(compared["others_a_off"]) < 0.5
    assert abs(compared["others_b_off"]) < 0.5
    assert compared["sites_found"] > 95
    # Lines that its processing left in the spectrum pull that lattice away.
    assert compared["spectrum_a_off"] < -2
