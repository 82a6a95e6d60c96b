"""A refined sheet beside the multislice calculation of it, which shares no code with the fit."""

import numpy as np
import pandas as pd
import pytest

from latticework import materials
from latticework.analysis.atoms.sheets.refinement import refine
from latticework.evaluation.response import answers, displaced, image_of, plain_microscope, response
from latticework.simulation.multislice import exit_wave
from latticework.structures.references import reference_crystal

ENERGY, STEP, DEFOCUS, DOSE = 80e3, 0.25, -60.0, 1e5
RANGES = {
    "defocus": (-120, 120), "cs": (-2e5, 2e5), "c5": (0, 0), "astigmatism": (0, 20),
    "focal_spread": (20, 40), "deflection": (0, 0.25),
}  # fmt: skip
CARD = {
    "classes": ["C"],
    "energy": ENERGY,
    "simulation": {"thermal_sigma": 0.06},
    "imaging": {name: {"low": low, "high": high} for name, (low, high) in RANGES.items()},
}


@pytest.fixture(scope="module")
def refined():
    """A sheet with 0.1 Å of displacement, started from an answer that shows a fifth of it."""
    crystal = reference_crystal(materials.load("graphene"))
    rng = np.random.default_rng(7)
    sheet = displaced(crystal, "random", 0.1, rng)

    def simulate(atoms):
        return exit_wave(
            atoms, energy=ENERGY, sampling=0.1, stored_sampling=0.25, slice_thickness=1.0,
            thermal_sigma=0.06,
        )  # fmt: skip

    image, step = image_of(
        sheet, crystal, simulate, energy=ENERGY, sampling=STEP, dose=DOSE, band_limit=1.5, seed=5,
        microscope=plain_microscope(DEFOCUS, -1.15e5, 28.0, (0.0, 0.49, 2.34)),
    )  # fmt: skip
    start = sheet.lattice + 0.2 * sheet.displacement + rng.normal(0, 0.02, sheet.lattice.shape)
    table = pd.DataFrame(start % sheet.box, columns=["x_angstrom", "y_angstrom"])
    table = table.assign(**{"class": "C", "probability": 1.0, "sigma_angstrom": 0.1})
    found = refine(image, table, step, CARD, materials.load("graphene"), progress=False)
    return found, sheet, image


def test_the_positions_follow_the_sheet(refined):
    found, sheet, _ = refined
    told = {name: response(*answer, sheet, 4.0) for name, answer in answers(found.atoms).items()}
    assert told["network"]["slope"] < 0.3
    # 30 atoms: the slope's own error is 0.05, and the field is small for the microscope.
    assert told["likelihood"]["slope"] == pytest.approx(1, abs=0.15)
    assert told["likelihood"]["rms"] < 0.045 < told["network"]["rms"]
    assert told["posterior"]["rms"] < 0.045


def test_the_residual_is_noise_and_the_dose_is_found(refined):
    found, _, image = refined
    assert found.model.shape == found.residual.shape == image.shape
    dose = found.parameters["dose_per_angstrom2"][0]
    assert 0.5 * DOSE < dose < 2 * DOSE
    # The camera damps the noise of a pixel below that of its counts.
    assert np.std(found.residual[16:-16, 16:-16]) < 1.2 / np.sqrt(DOSE * STEP**2)
    assert np.std(image[16:-16, 16:-16] / image.mean()) > 2 / np.sqrt(DOSE * STEP**2)


def test_the_errors_are_of_the_size_that_they_say(refined):
    found, sheet, _ = refined
    places, sigma = answers(found.atoms)["likelihood"]
    assert 0.45 < response(places, sigma, sheet, 4.0)["within"] < 0.9
