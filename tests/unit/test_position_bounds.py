"""The Cramér–Rao bound of a position beside the curvature of a likelihood, without our code."""

import numpy as np
import pytest
import torch
from ase import Atoms

from latticework.imaging.waves import exit_intensity, fixed_microscope, wave_bank
from latticework.limits.images import Microscope, bound_in_sheet, mean_images
from latticework.limits.positions import neighbourhood, position_bounds

BOX, SIZE, DOSE = 12.8, 64, 1e3
MICROSCOPE = Microscope(
    energy=80e3, cs=-1e5, focal_spread=28.0, sampling=0.2, band_limit=1.5, series=[0.0]
)


def crystal():
    """Four atoms on a square, a little off it."""
    xy = np.array([[3.2, 3.2], [9.6, 3.2], [3.2, 9.6], [7.0, 7.1]])
    positions = np.pad(xy, ((0, 0), (0, 1)))
    return Atoms("C4", positions=positions, cell=(BOX, BOX, 4.0), pbc=(True, True, False))


def wave(atoms):
    """A phase object of Gaussians, complex64 as waves are stored."""
    axis = np.arange(128) * BOX / 128
    phase = np.zeros((128, 128))
    for x, y in atoms.positions[:, :2]:
        near = [(axis - c + BOX / 2) % BOX - BOX / 2 for c in (x, y)]
        phase += 0.3 * np.exp(-(near[0] ** 2 + near[1][:, None] ** 2) / (2 * 0.45**2))
    return np.exp(1j * phase)


def image(xy):
    """Expected electrons of each pixel where the second of two atoms is unknown as well."""
    atoms = crystal()
    atoms.positions[[3, 0], :2] = np.reshape(xy, (2, 2))
    bank = wave_bank(torch.from_numpy(wave(atoms)[None]), box=BOX, band_limit=1.5)
    optics = {k: v.double() for k, v in fixed_microscope(60.0, -1e5, 28.0, 1).items()}
    shown = exit_intensity(bank.spectra, bank.frequencies.double(), BOX, SIZE, 80e3, optics)
    return DOSE * (BOX / SIZE) ** 2 * shown[0].numpy()


def curvature(truth, step=0.01):
    """Second derivatives (4, 4) of the expected negative log-likelihood of Poisson counts."""
    counts = image(truth)

    def loss(xy):
        expected = image(xy)
        return (expected - counts * np.log(expected)).sum()

    hessian = np.empty((4, 4))
    steps = step * np.eye(4)
    for a in range(4):
        for b in range(4):
            signs = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
            values = [s * t * loss(truth + s * steps[a] + t * steps[b]) for s, t in signs]
            hessian[a, b] = sum(values) / (4 * step**2)
    return hessian


def bounds(**changed):
    given = {"doses": [DOSE, 4 * DOSE], "defocus": [60.0], "radius": 0.5} | changed
    return position_bounds(wave, crystal(), 1, MICROSCOPE, **given)


def test_the_bound_is_the_curvature_of_the_likelihood():
    moved = neighbourhood(crystal(), 1)
    assert moved[0] == 3
    truth = crystal().positions[moved, :2].ravel()
    nearest = np.linalg.norm(crystal().positions[:3, :2] - truth[:2], axis=1)
    assert moved[1] == nearest.argmin()
    # The first of the two equal neighbours is as good as the other.
    variance = np.diag(np.linalg.inv(curvature(truth)))[:2]
    row = bounds().iloc[0]
    assert row["bound"] == pytest.approx(np.sqrt(variance.mean()), rel=0.01)


def test_four_times_the_dose_halves_the_bound():
    low, high = bounds()["bound"]
    assert low == pytest.approx(2 * high)


def test_detectability_is_that_of_the_atom_s_own_signal():
    row = bounds().iloc[0]
    atoms = crystal()
    shown = mean_images(
        np.stack([wave(atoms), wave(atoms[:3])]), BOX, MICROSCOPE, 60.0, double=True
    )
    present, absent = DOSE * (BOX / SIZE) ** 2 * shown
    expected = np.sqrt(((present - absent) ** 2 / (0.5 * (present + absent))).sum())
    assert row["detectability"] == pytest.approx(expected)
    assert row["attainable"] == (row["within_radius"] >= 0.98 and expected >= 4.1)


def test_a_series_divides_the_dose_among_its_images():
    twice = Microscope(**vars(MICROSCOPE) | {"series": [0.0, 0.0]})
    series = position_bounds(wave, crystal(), 1, twice, doses=[DOSE], defocus=[60.0], radius=0.5)
    assert series["bound"][0] == pytest.approx(bounds()["bound"][0])


def test_a_sheet_in_a_microscope_of_its_own_has_the_bound_of_the_table_where_they_are_the_same():
    given = {"energy": 80e3, "size": SIZE, "band_limit": 1.5, "dose": DOSE}
    same = fixed_microscope(60.0, -1e5, 28.0, 1)
    bound = bound_in_sheet(crystal(), wave, 1, same, **given)
    assert bound == pytest.approx(bounds()["bound"][0])
    blurred = same | {"astigmatism": torch.tensor([60.0]), "deflection": torch.tensor([0.4])}
    assert bound_in_sheet(crystal(), wave, 1, blurred, **given) > 1.05 * bound
