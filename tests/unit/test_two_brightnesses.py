"""Columns that have lost an atom, by the brightnesses of a picture."""

import numpy as np
import pandas as pd
import pytest

from latticework import materials
from latticework.analysis.atoms.two_brightnesses import by_brightness, faint_share

SAMPLING = 0.1


def picture(share, seed=0):
    """Columns on a square lattice of 3 Å, a share of them at 0.4 of the brightness; all are called
    whole with a probability of 0.9."""
    rng = np.random.default_rng(seed)
    places = np.stack(np.meshgrid(*[np.arange(20) * 30 + 15] * 2), axis=-1).reshape(-1, 2)
    lost = rng.random(len(places)) < share
    y, x = np.mgrid[-12:13, -12:13]
    spot = np.exp(-(x**2 + y**2) / (2 * 5**2))
    image = np.zeros((600, 600))
    for (i, j), gone in zip(places, lost, strict=True):
        image[j - 12 : j + 13, i - 12 : i + 13] += (0.4 if gone else 1.0) * spot
    image = rng.poisson(20 * (image + 0.5))
    table = pd.DataFrame({"x_px": places[:, 0], "y_px": places[:, 1], "class": "S2"})
    table = table.assign(probability=0.95, p_S=0.05, p_S2=0.9)
    return table.astype({"class": object}), image, lost


@pytest.mark.parametrize("share", [0.2, 0.4])
def test_two_brightnesses_decide(share):
    table, image, lost = picture(share)
    found = by_brightness(table, image, SAMPLING, materials.load("mos2"))
    assert np.mean((found["class"] == "S") == lost) > 0.99
    assert (found["p_S"] + found["p_S2"]).to_numpy() == pytest.approx(0.95)
    assert (table["class"] == "S2").all()


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_one_brightness_decides_nothing(share):
    table, image, _ = picture(share)
    assert by_brightness(table, image, SAMPLING, materials.load("mos2")) is table


def test_a_material_without_lost_atoms_and_few_columns():
    table, image, _ = picture(0.3)
    assert by_brightness(table, image, SAMPLING, materials.load("gold")) is table
    few = table.iloc[:50]
    assert by_brightness(few, image, SAMPLING, materials.load("mos2")) is few


def test_one_wide_group_is_not_two():
    rng = np.random.default_rng(0)
    assert faint_share(rng.normal(size=5000)) is None
    assert faint_share(np.ones(500)) is None
