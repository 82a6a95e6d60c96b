"""What is suspect in a table of atoms, and sublattices without brightness."""

import numpy as np
import pandas as pd
import pytest
from test_defects import SIDE, honeycomb, nearest

from latticework import materials
from latticework.analysis.atoms.quality import assess
from latticework.analysis.atoms.sublattices import sublattices, translations
from latticework.figures.quality import quality

PIXEL, SHAPE = 0.1, (240, 240)


def table(points, classes="C", probability=0.95):
    x, y = points.T / PIXEL
    return pd.DataFrame({"x_px": x, "y_px": y, "class": classes, "probability": probability})


def judged(atoms):
    return assess(atoms, SHAPE, PIXEL, materials.load("graphene_si"))


def test_a_perfect_sheet_is_not_suspect():
    points, _ = honeycomb()
    found = judged(table(points))
    assert found.shares == {"short_pairs": 0, "uncovered": 0, "weak": 0, "odd_neighbours": 0}
    assert len(found.regions) == 0
    assert found.histogram["count"].sum() == len(points)
    assert found.histogram["count"].idxmax() == 3


def test_what_is_wrong_is_found_where_it_is():
    points, _ = honeycomb()
    hole = np.linalg.norm(points - [6, 18], axis=1) < 3
    atoms = table(points[~hole])
    twin = nearest(points[~hole], [18, 6])
    atoms.loc[len(atoms)] = [atoms.loc[twin, "x_px"] + 2, atoms.loc[twin, "y_px"], "C", 0.95]
    faint = nearest(points[~hole], [18, 18])
    atoms.loc[faint, "probability"] = 0.55
    found = judged(atoms)
    assert found.shares["short_pairs"] == pytest.approx(2 / len(atoms))
    assert found.shares["weak"] == pytest.approx(1 / len(atoms))
    # Of a hole of radius 3 Å with a rim that counts as covered.
    assert 0.002 < found.shares["uncovered"] < np.pi * 3**2 / SIDE**2
    for place in ([6, 18], [18, 6], [18, 18]):
        boxes = found.regions[["x0_px", "y0_px", "x1_px", "y1_px"]].to_numpy() * PIXEL
        x, y = place
        assert ((boxes[:, 0] < x) & (x < boxes[:, 2]) & (boxes[:, 1] < y) & (y < boxes[:, 3])).any()
    # Two atoms in one place are the worst.
    assert found.regions["reason"].iloc[0] in ("short pairs", "uncovered")
    assert found.regions["score"].is_monotonic_decreasing
    figure, drawn = quality(np.zeros(SHAPE), PIXEL, found.atoms, found.shares, found.regions)
    assert set(drawn["layer"]) == {"atoms", "regions", "shares"}
    figure.draw_without_rendering()


def test_no_atoms_cover_nothing():
    found = judged(table(np.zeros((0, 2)), []))
    assert found.shares["uncovered"] == 1
    assert found.shares["short_pairs"] == 0


def test_sublattices_follow_the_lattice_and_not_the_class():
    points, kind = honeycomb()
    rng = np.random.default_rng(1)
    moved = points + rng.normal(0, 0.08, points.shape)
    found = sublattices(moved)
    assert set(found) == {0, 1}
    assert len({tuple(pair) for pair in np.column_stack([found, kind])}) == 2
    # A few atoms of another class stay on their sublattice.
    names = np.where(kind, "B", "N").astype(object)
    names[rng.choice(len(names), 8, replace=False)] = "C"
    foreign = sublattices(moved, names)
    assert len({tuple(pair) for pair in np.column_stack([foreign, kind])}) == 2


def test_a_centred_cell_is_told_by_its_classes():
    """Two classes on one square lattice of sites: one sublattice by geometry, two by class."""
    grid = np.stack(np.meshgrid(np.arange(10), np.arange(10)), axis=-1).reshape(-1, 2) * 2.0
    names = np.where(grid.sum(axis=1) % 4 == 0, "A", "B").astype(object)
    assert set(sublattices(grid)) == {0}
    assert np.linalg.norm(translations(grid), axis=1) == pytest.approx([2, 2])
    found = sublattices(grid, names)
    assert {tuple(pair) for pair in zip(found, names, strict=True)} in (
        {(0, "A"), (1, "B")},
        {(0, "B"), (1, "A")},
    )
    assert np.linalg.norm(translations(grid, names), axis=1) == pytest.approx([8**0.5] * 2)


def test_scattered_atoms_have_no_sublattice():
    points = np.random.default_rng(3).uniform(0, 30, (80, 2))
    assert set(sublattices(points)) == {-1}
