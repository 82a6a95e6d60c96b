import numpy as np
import pandas as pd
import pytest

from latticework import materials
from latticework.analysis.atoms.table import (
    atoms_table,
    distribution_warnings,
    empty_table,
    in_picture,
    named,
    position_sigma,
)
from latticework.structures.references import reference_crystal

GRAPHENE = materials.load("graphene")
CARD = {"classes": ["C"], "imaging": {"label_sigma": 0.35}}


def test_sigma_is_that_of_a_blurred_label():
    # A label of width 0.35 Å blurred by 0.2 Å has this height.
    height = 0.35**2 / (0.35**2 + 0.2**2)
    assert position_sigma(np.array([height]), 0.35)[0] == pytest.approx(0.2)


def test_classes_have_their_names():
    table = pd.DataFrame({"class": [2, 1], "p_1": [0.1, 0.9], "p_2": [0.9, 0.1]})
    found = named(table, ["Mo", "S2"])
    assert found["class"].tolist() == ["S2", "Mo"]
    assert list(found) == ["class", "p_Mo", "p_S2"]
    assert named(table[:0], ["Mo", "S2"]).empty


def test_a_table_has_the_classes_of_the_card():
    y, x = np.mgrid[:48, :64] * 0.1
    blob = np.exp(-((x - 3.0) ** 2 + (y - 2.0) ** 2) / (2 * 0.35**2))
    maps = np.stack([1 - blob, 0.2 * blob, 0.8 * blob])
    card = CARD | {"classes": ["A", "B"]}
    table = atoms_table(maps, 0.1, 0.2, card, epsilon=0.995, threshold=0.5, frame=3)
    assert table["class"].tolist() == ["B"]
    assert table[["p_A", "p_B"]].to_numpy()[0] == pytest.approx([0.2, 0.8])
    assert table[["x_angstrom", "y_angstrom"]].to_numpy()[0] == pytest.approx([3.0, 2.0], abs=0.01)
    assert table[["x_px", "y_px"]].to_numpy()[0] == pytest.approx([15.0, 10.0], abs=0.05)
    assert table["frame"].tolist() == [3]
    assert list(empty_table(card)) == list(table)
    assert empty_table(card).empty


def table(positions, probability=1.0):
    return pd.DataFrame(
        {"x_angstrom": positions[:, 0], "y_angstrom": positions[:, 1], "probability": probability}
    )


def test_atoms_beyond_the_border_are_not_in_the_picture():
    table = pd.DataFrame({"x_px": [-0.6, -0.4, 9.4, 9.6, 5.0], "y_px": [2.0, 2.0, 4.4, 2.0, 4.6]})
    assert in_picture(table, (5, 10))["x_px"].tolist() == [-0.4, 9.4]


def test_a_sheet_gives_no_warning_and_nothing_does():
    sheet = reference_crystal(GRAPHENE)
    field = tuple(sheet.cell.lengths()[:2])
    assert distribution_warnings(table(sheet.positions[:, :2]), field, GRAPHENE) == []
    assert "does not look like" in distribution_warnings(empty_table(CARD), field, GRAPHENE)[0]


def test_wrong_scale_and_doubt_are_noticed():
    sheet = reference_crystal(GRAPHENE)
    wide = table(1.4 * sheet.positions[:, :2])
    field = tuple(1.4 * sheet.cell.lengths()[:2])
    assert any("neighbour" in note for note in distribution_warnings(wide, field, GRAPHENE))
    doubtful = table(sheet.positions[:, :2], 0.3)
    assert any("doubtful" in note for note in distribution_warnings(doubtful, field, GRAPHENE))
