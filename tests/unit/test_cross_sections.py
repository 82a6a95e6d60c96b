"""Columns that have lost an atom, by what they scatter beside the whole ones around them."""

import numpy as np
import pandas as pd
import pytest

from latticework import materials
from latticework.analysis.atoms.column_heights import fit_heights
from latticework.analysis.atoms.cross_sections import by_cross_section, two_kinds

SAMPLING, WIDTH = 0.25, 0.6
MATERIAL = materials.load("mos2")


def honeycomb():
    """Positions (n, 2) in Å of the columns of 32 Å of a layer, and which of them are metal."""
    cells = np.array([(i, j) for i in range(10) for j in range(6)], dtype=float)
    metal = (cells[:, None] + [[0.25, 0.1], [0.75, 0.6]]).reshape(-1, 2) * [3.16, 5.473]
    places = np.concatenate([metal, metal + np.array([0, 5.473 / 3])])
    return places + 0.3, np.arange(len(places)) < len(metal)


def picture(places, heights, noise=0.02, tilt=0.0, seed=0):
    y, x = np.mgrid[:136, :136] * SAMPLING
    image = np.random.default_rng(seed).normal(0, noise, x.shape) + 0.3
    for (px, py), height in zip(places, heights, strict=True):
        image += height * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * WIDTH**2))
    return image * (1 + tilt * x / x.max())


def atoms(places, metal):
    table = pd.DataFrame(places, columns=["x_angstrom", "y_angstrom"])
    shares = {f"p_{name}": 0.0 for name in MATERIAL.classes} | {"p_S": 0.05, "p_S2": 0.9}
    table = table.assign(x_px=places[:, 0] / SAMPLING, y_px=places[:, 1] / SAMPLING)
    table = table.assign(**shares, probability=0.95, sigma_angstrom=0.08, frame=0)
    return table.assign(**{"class": np.where(metal, "Mo", "S2").astype(object)})


def layer(lost=0.1, less=0.4, seed=0, **more):
    """A table in which every chalcogen is called whole, its image, and which have lost an atom."""
    places, metal = honeycomb()
    gone = ~metal & (np.random.default_rng(seed).random(len(places)) < lost)
    heights = np.where(metal, 1.6, np.where(gone, less, 1.0))
    return atoms(places, metal), picture(places, heights, **more), gone


def test_heights_are_those_of_the_columns_whatever_stands_beside_them():
    places, metal = honeycomb()
    heights = np.random.default_rng(1).uniform(0.3, 2, len(places))
    image = picture(places, heights, noise=0.01)
    moved = places + np.random.default_rng(2).normal(0, 0.03, places.shape)
    fit = fit_heights(image, SAMPLING, moved, metal.astype(int), 1.82)
    inside = ((places > 2) & (places < 30)).all(axis=1)
    found = fit.heights * image.std()
    assert found[inside] == pytest.approx(heights[inside], abs=0.04)
    assert np.abs(fit.positions - places)[inside].max() < 0.05
    assert fit.width == pytest.approx(WIDTH, rel=0.05)
    error = fit.sigma(np.flatnonzero(inside)) * image.std()
    assert 0.5 < np.std((found - heights)[inside] / error) < 2


@pytest.mark.parametrize("less", [0.3, 0.5])
@pytest.mark.parametrize("tilt", [0.0, 1.0])
def test_columns_that_have_lost_an_atom_are_told_in_uneven_pictures(less, tilt):
    table, image, gone = layer(less=less, tilt=tilt)
    found = by_cross_section(table, image, SAMPLING, MATERIAL)
    assert ((found["class"] == "S") == gone).all()
    assert (found["p_S"] + found["p_S2"]).to_numpy() == pytest.approx(0.95)
    assert (table["class"] != "S").all()


def test_a_faint_column_that_the_network_does_not_propose_is_found():
    table, image, gone = layer()
    places = table[["x_angstrom", "y_angstrom"]].to_numpy()
    inside = ((places > 3) & (places < 29)).all(axis=1)
    number = int(np.flatnonzero(gone & inside)[0])
    for missing in (
        table.drop(index=number).reset_index(drop=True),
        table.assign(probability=np.where(np.arange(len(table)) == number, 0.05, 0.95)),
    ):
        found = by_cross_section(missing, image, SAMPLING, MATERIAL)
        found = found[found["probability"] >= 0.5]
        distance = np.hypot(*(found[["x_angstrom", "y_angstrom"]].to_numpy() - places[number]).T)
        assert distance.min() < 0.1
        assert found["class"].iloc[distance.argmin()] == "S"
        assert len(found) == len(table)
        assert 0 < found["sigma_angstrom"].iloc[distance.argmin()] < 0.1


def test_nothing_is_found_where_nothing_is():
    table, image, _ = layer(lost=0.0)
    hollow = table[table["class"] != "Mo"].iloc[[20]].copy()
    hollow["y_angstrom"] += 1.824
    hollow = hollow.assign(y_px=hollow["y_angstrom"] / SAMPLING, probability=0.3)
    found = by_cross_section(
        pd.concat([table, hollow], ignore_index=True), image, SAMPLING, MATERIAL
    )
    assert (found["probability"] >= 0.5).sum() == len(table)
    assert not (found["class"][found["probability"] >= 0.5] == "S").any()


def test_a_column_beyond_the_border_is_none_of_the_picture():
    places, metal = honeycomb()
    beyond = np.array([[2.67 + 3.16 * n, -0.8] for n in range(10)])
    heights = np.concatenate([np.where(metal, 1.6, 1.0), np.ones(10)])
    heights[np.flatnonzero(~metal)[::7]] = 0.4
    image = picture(np.concatenate([places, beyond]), heights)
    flanks = atoms(beyond + np.array([0, 0.85]), np.zeros(10, bool)).assign(probability=0.3)
    table = pd.concat([atoms(places, metal), flanks], ignore_index=True)
    found = by_cross_section(table, image, SAMPLING, MATERIAL)
    assert (found["class"] == "S").sum() > 5
    assert found["y_px"].min() >= 0


def test_a_picture_that_does_not_tell_keeps_the_networks_word():
    table, image, _ = layer(noise=3.0)
    assert by_cross_section(table, image, SAMPLING, MATERIAL) is table
    assert by_cross_section(table, image, SAMPLING, materials.load("gold")) is table
    few = table.iloc[:60]
    assert by_cross_section(few, image, SAMPLING, MATERIAL) is few


def test_two_kinds_of_one_and_of_two_populations():
    rng = np.random.default_rng(0)
    whole, less = rng.normal(1, 0.08, 200), rng.normal(0.32, 0.08, 60)
    kinds = two_kinds(np.concatenate([whole, less]))
    assert kinds.less == pytest.approx(0.35, abs=0.03)
    assert kinds.share == pytest.approx(60 / 260, abs=0.05)
    alone = two_kinds(whole)
    assert alone.share < 0.01
    assert (alone.log_odds(whole) < 0).all()
    assert two_kinds(rng.normal(1, 0.4, 200)) is None
    assert two_kinds(whole[:10]) is None
