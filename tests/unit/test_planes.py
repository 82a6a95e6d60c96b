"""Columns that stand on planes of their crystal, and what stands elsewhere."""

import numpy as np
import pandas as pd
import pytest

from latticework import materials
from latticework.analysis.atoms.planes import clearness, on_planes

GOLD = materials.load("gold")
CONSTANT = GOLD.lattice_constant


def particle(turn: float = 0.3) -> np.ndarray:
    """Columns (n, 2) of gold along ⟨110⟩ in a disk of 18 Å, turned."""
    steps = np.stack(np.meshgrid(np.arange(-12, 13), np.arange(-12, 13)), axis=-1).reshape(-1, 2)
    cell = np.array([CONSTANT / np.sqrt(2), CONSTANT])
    places = np.concatenate([steps * cell, (steps + 0.5) * cell])
    c, s = np.cos(turn), np.sin(turn)
    return places[np.hypot(*places.T) < 18] @ np.array([[c, -s], [s, c]])


def apart(spacing: float = 0.0) -> np.ndarray:
    """Places (n, 2) 1.8 Å apart or more, beside the particle; on fringes, where there are any."""
    rng, places = np.random.default_rng(3), np.empty((0, 2))
    while len(places) < 180:
        new = rng.uniform([30, -20], [70, 20])
        if not len(places) or np.hypot(*(places - new).T).min() > 1.8:
            places = np.vstack([places, new])
    if spacing:
        places[:, 0] = spacing * np.round(places[:, 0] / spacing) + rng.normal(0, 0.15, len(places))
    return places


def test_a_crystal_stands_on_its_planes_to_its_border():
    places = particle()
    found = clearness(places, np.ones(len(places)), GOLD.reflections.widest)
    assert found.min() > 0.99
    moved = places + np.random.default_rng(2).normal(0, 0.2, places.shape)
    assert clearness(moved, np.ones(len(places)), GOLD.reflections.widest).min() > 0.7


@pytest.mark.parametrize(("spacing", "share"), [(0.0, 0.25), (1.91, 0.12)])
def test_what_a_support_shows_is_left_out(spacing, share):
    places, others = particle(), apart(spacing)
    both = np.vstack([places, others])
    table = pd.DataFrame(both, columns=["x_angstrom", "y_angstrom"]).assign(probability=0.6)
    kept = on_planes(table, GOLD, 0.7)
    assert (kept.index < len(places)).sum() == len(places)
    assert len(kept) - len(places) < share * len(others)
    assert on_planes(table, GOLD, 0) is table


def test_few_columns_have_no_planes():
    table = pd.DataFrame({"x_angstrom": [0.0, 2.4], "y_angstrom": [0.0, 0.0], "probability": 0.9})
    assert len(on_planes(table, GOLD, 0.5)) == 0
    assert len(on_planes(table[:0], GOLD, 0.5)) == 0


def test_widest_planes_are_those_of_each_zone_axis():
    expected = [CONSTANT / np.sqrt(3), CONSTANT / np.sqrt(8)]
    np.testing.assert_allclose(GOLD.reflections.widest, expected, rtol=1e-6)
    assert materials.load("graphene").reflections.widest == [
        materials.load("graphene").reflections.spacing
    ]
