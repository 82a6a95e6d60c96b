"""Response to displacements: answers that are known by construction."""

import numpy as np
import pandas as pd
import pytest

from latticework import materials
from latticework.evaluation.response import answers, displaced, response
from latticework.structures.references import reference_crystal


@pytest.fixture(scope="module")
def crystal():
    return reference_crystal(materials.load("graphene")) * (2, 2, 1)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_slope_is_the_share_of_the_displacement_that_is_found(crystal, share):
    sheet = displaced(crystal, "random", 0.1, np.random.default_rng(0))
    found = (sheet.lattice + share * sheet.displacement) % sheet.box
    told = response(found, np.full(len(found), 0.2), sheet, 4.0)
    assert told["slope"] == pytest.approx(share)
    assert told["rms"] == pytest.approx((1 - share) * 0.1, rel=0.1, abs=1e-9)
    assert told["recall"] == 1
    assert told["within"] == 1 if share == 1 else told["within"] > 0.9


def test_a_sheet_that_is_shifted_is_biased_but_follows(crystal):
    sheet = displaced(crystal, "random", 0.1, np.random.default_rng(1))
    told = response((sheet.truth + np.array([0.05, 0])) % sheet.box, None, sheet, 4.0)
    assert told["bias"] == pytest.approx(0.05)
    assert told["slope"] == pytest.approx(1, abs=0.06)
    assert np.isnan(told["within"])


def test_one_atom_is_moved_and_looked_for(crystal):
    sheet = displaced(crystal, "one", 0.4, np.random.default_rng(2))
    assert (np.hypot(*sheet.displacement.T) > 0).sum() == 1
    told = response(sheet.lattice, None, sheet, 4.0)
    assert told["moved"] == pytest.approx(0.4)
    assert response(sheet.truth, None, sheet, 4.0)["moved"] == 0
    missing = np.delete(sheet.truth, np.argmax(np.hypot(*sheet.displacement.T)), axis=0)
    assert response(missing, None, sheet, 4.0)["moved"] == np.inf


def test_a_wave_has_whole_periods_and_its_transfer_is_the_slope(crystal):
    sheet = displaced(crystal, "wave", 0.1, np.random.default_rng(3), wavelength=8.0)
    periods = round(sheet.box / 8)
    spectrum = np.abs(
        np.exp(-2j * np.pi * np.outer(np.arange(1, 8), sheet.lattice[:, 0]) / sheet.box)
        @ sheet.displacement[:, 0]
    )
    assert spectrum.argmax() + 1 == periods
    assert not sheet.displacement[:, 1].any()
    found = (sheet.lattice + 0.36 * sheet.displacement) % sheet.box
    assert response(found, None, sheet, 4.0)["slope"] == pytest.approx(0.36)


def test_other_displacements_are_refused(crystal):
    with pytest.raises(ValueError, match="random, one or wave"):
        displaced(crystal, "shear", 0.1, np.random.default_rng(0))


def test_estimators_of_a_refined_table_are_told_apart():
    table = pd.DataFrame(
        {
            "x_angstrom": [1.0, 2.0], "y_angstrom": [1.0, 2.0],
            "sigma_x_angstrom": [0.03, np.nan], "sigma_y_angstrom": [0.05, np.nan],
            "x_network_angstrom": [1.1, 2.0], "y_network_angstrom": [1.1, 2.0],
            "sigma_angstrom": 0.1,
            "x_posterior_angstrom": np.nan, "y_posterior_angstrom": np.nan,
            "sigma_posterior_angstrom": np.nan,
        }
    )  # fmt: skip
    told = answers(table)
    assert set(told) == {"network", "likelihood"}
    assert told["network"][0][0].tolist() == [1.1, 1.1]
    assert told["likelihood"][1][0] == pytest.approx(np.sqrt((0.03**2 + 0.05**2) / 2))
