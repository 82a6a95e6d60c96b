import numpy as np
import pandas as pd
import pytest

from latticework.analysis.atoms import distribution_warnings, empty_table, position_sigma
from latticework.analysis.bounds import pristine_square
from latticework.analysis.evaluation import atom_groups, pooled
from latticework.analysis.lattice import bond_graph, bond_lengths
from latticework.seeds import stream
from latticework.structures.graphene import graphene

CARD = {
    "network": {"classes": 2},
    "imaging": {"label_sigma": 0.35},
    "structures": {"generator": "graphene"},
}


def test_reference_sheet_of_the_bound_is_pristine():
    sheet = pristine_square(17.0)
    box = sheet.cell.lengths()[:2]
    bonds = bond_graph(sheet.positions[:, :2], cell=box)
    lengths = bond_lengths(sheet.positions[:, :2], bonds, cell=box)
    assert len(bonds) == 1.5 * len(sheet)
    assert lengths.min() > 1.40
    assert lengths.max() < 1.44


def test_groups_tell_clean_lattice_from_edges_and_dirt():
    atoms = graphene(stream(1, "test", 0), holes=(1, 1), contamination=(1, 1))
    positions, groups = atom_groups(atoms)
    assert len(positions) == atoms.arrays["sheet"].sum()
    assert set(groups) == {"hexagonal", "other", "covered"}
    hidden = ~atoms.arrays["visible"][atoms.arrays["sheet"]]
    assert set(groups[hidden]) == {"covered"}


def test_pooling_adds_counts_and_averages_squares():
    rows = pd.DataFrame(
        {
            "dose": [1.0, 1.0],
            "true_positives": [30, 10],
            "false_positives": [0, 10],
            "false_negatives": [10, 0],
            "rms": [0.1, 0.3],
        }
    )
    pool = pooled(rows, ["dose"]).iloc[0]
    assert pool["precision"] == pytest.approx(40 / 50)
    assert pool["recall"] == pytest.approx(40 / 50)
    assert pool["rms"] == pytest.approx(np.sqrt((30 * 0.01 + 10 * 0.09) / 40))


def test_sigma_is_that_of_a_blurred_label():
    # A label of width 0.35 Å blurred by 0.2 Å has this height.
    height = 0.35**2 / (0.35**2 + 0.2**2)
    assert position_sigma(np.array([height]), 0.35)[0] == pytest.approx(0.2)


def table(positions, probability=1.0):
    return pd.DataFrame(
        {"x_angstrom": positions[:, 0], "y_angstrom": positions[:, 1], "probability": probability}
    )


def test_a_sheet_gives_no_warning_and_nothing_does():
    sheet = pristine_square(17.0)
    field = tuple(sheet.cell.lengths()[:2])
    assert distribution_warnings(table(sheet.positions[:, :2]), field, CARD) == []
    assert "does not look like" in distribution_warnings(empty_table(CARD), field, CARD)[0]


def test_wrong_scale_and_doubt_are_noticed():
    sheet = pristine_square(17.0)
    wide = table(1.4 * sheet.positions[:, :2])
    field = tuple(1.4 * sheet.cell.lengths()[:2])
    assert any("neighbour" in note for note in distribution_warnings(wide, field, CARD))
    doubtful = table(sheet.positions[:, :2], 0.3)
    assert any("doubtful" in note for note in distribution_warnings(doubtful, field, CARD))
