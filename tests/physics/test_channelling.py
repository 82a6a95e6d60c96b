"""Dark-field images of thick crystals, against quadrature, conservation and frozen phonons."""

import numpy as np
import pytest
from abtem.parametrizations import LobatoParametrization
from ase import Atoms
from scipy.integrate import quad

from latticework.simulation import channelling
from latticework.simulation.thermal_scattering import cross_section, kernel, scattering_phase

ENERGY, SEMIANGLE, DETECTOR = 200e3, 22.0, (80.0, 150.0)
WAVELENGTH = 0.0250793
SILICON = {"Si": 0.076}


def images(atoms, **given):
    settings = {"sampling": 0.16, "interpolation": 1, "vibration": SILICON} | given
    return channelling.image(
        atoms,
        channelling.Parameters(**settings),
        energy=ENERGY,
        semiangle=SEMIANGLE,
        detectors={"haadf": DETECTOR},
    )[0]


def dumbbells(layers):
    """Silicon along ⟨110⟩: three by two cells, periodic in the plane, stretched to a square."""
    a = 5.431
    side = np.sqrt(6 * a * a / np.sqrt(2))
    basis = np.array([[0, 0, 0], [0, 0.25, 0.5], [0.5, 0.5, 0.5], [0.5, 0.75, 0]])
    corners = [(i, j, k) for i in range(3) for j in range(2) for k in range(layers)]
    places = np.concatenate([basis + corner for corner in corners])
    places = places * (side / 3, side / 2, a / np.sqrt(2)) + (0, 0, 0.5)
    height = layers * a / np.sqrt(2) + 1
    return Atoms(f"Si{len(places)}", positions=places, cell=(side, side, height))


def test_the_phase_shift_is_that_of_abtem():
    squares = np.linspace(0, 9, 20).reshape(4, 5)
    factor = LobatoParametrization().scattering_factor("Mo")(squares)
    expected = (1 + ENERGY / 510998.95) * WAVELENGTH * factor
    np.testing.assert_allclose(scattering_phase("Mo", ENERGY, squares), expected, rtol=1e-5)


def test_an_atom_that_vibrates_widely_scatters_as_a_free_one():
    found = kernel("Si", np.zeros(1), energy=ENERGY, sigma=50.0, detector=DETECTOR)[0]
    low, high = (angle * 1e-3 / WAVELENGTH for angle in DETECTOR)

    def ring(k):
        return 2 * np.pi * k * scattering_phase("Si", ENERGY, np.array([k**2]))[0] ** 2

    assert found == pytest.approx(quad(ring, low, high)[0], rel=2e-3)
    # At these angles the nucleus scatters, screened by the few electrons that are closer to it.
    rutherford = np.pi * (1.3914 * WAVELENGTH * 14 / (2 * np.pi**2 * 0.52918)) ** 2
    assert 0.75 < found / (rutherford * (low**-2 - high**-2)) < 1


def test_a_still_atom_scatters_nothing_thermally():
    still = kernel("Si", np.linspace(0, 2, 5), energy=ENERGY, sigma=0.0, detector=DETECTOR)
    assert still == pytest.approx(0, abs=1e-12)


def test_a_cross_section_is_as_wide_as_the_vibration():
    strength, width = cross_section("Si", energy=ENERGY, sigma=0.076, detector=DETECTOR)
    assert width == pytest.approx(0.076, rel=0.02)
    assert strength > 0


def test_the_image_of_one_atom_adds_up_to_its_cross_section():
    box = 12.0
    atoms = Atoms("Si", positions=[(5.03, 6.21, 0.4)], cell=(box, box, 2))
    image = images(atoms)
    expected, _ = cross_section("Si", energy=ENERGY, sigma=0.076, detector=DETECTOR)
    assert image.sum() * (box / len(image)) ** 2 == pytest.approx(expected, rel=2e-3)
    row, column = np.unravel_index(image.argmax(), image.shape)
    pixel = box / len(image)
    assert (column * pixel, row * pixel) == pytest.approx((5.03, 6.21), abs=0.6 * pixel)


def test_thin_specimens_are_sums_of_atoms():
    # Without a neighbour above it, an atom sees the probe as it is in vacuum.
    atoms = Atoms("Si2", positions=[(3, 6, 0.4), (8.5, 5, 0.4)], cell=(12, 12, 2))
    both = images(atoms)
    assert np.abs(both - images(atoms[:1]) - images(atoms[1:])).max() < 1e-3 * both.max()


def test_atoms_in_disorder_scatter_as_many_single_atoms():
    # No columns, no channelling: a conserved number of electrons meets every atom.
    rng = np.random.default_rng(1)
    places = rng.uniform(0, 1, (60, 3)) * (12, 12, 20)
    image = images(Atoms("Si60", positions=places, cell=(12, 12, 20)), sampling=0.12)
    expected, _ = cross_section("Si", energy=ENERGY, sigma=0.076, detector=DETECTOR)
    assert image.mean() * 12**2 == pytest.approx(60 * expected, rel=0.08)


def test_columns_channel_electrons():
    thin, thick = images(dumbbells(1)), images(dumbbells(6))
    # The wave is drawn to the columns, which scatter more than six times as much.
    assert thick.max() > 6.5 * thin.max()
    assert thick.mean() > 6.5 * thin.mean()


def resampled(image, size):
    """An image on a grid of `size` by `size`, by its low frequencies; `size` is odd."""
    spectrum = np.fft.fftshift(np.fft.fft2(image, norm="forward"))
    first = len(image) // 2 - size // 2
    return spectrum[first : first + size, first : first + size]


def test_windows_of_an_interpolation_cost_little():
    crystal = dumbbells(6)
    exact, coarse = (resampled(images(crystal, interpolation=f), 31) for f in (1, 2))
    middle = 15
    exact[middle, middle] = coarse[middle, middle] = 0
    # RMS over the RMS contrast, for a window of 5.6 Å only.
    assert np.linalg.norm(exact - coarse) < 0.08 * np.linalg.norm(exact)


def spread_over_pixels(sampling):
    """Share of the high angles that is left of an atom spread over its four nearest pixels.

    So abTEM draws atoms: between pixels they scatter less. Averaged over where they are.
    """
    k = np.linspace(*DETECTOR, 200)[:, None] * 1e-3 / WAVELENGTH
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    left = [1 - (1 - np.cos(2 * np.pi * k * f(angle) * sampling)) / 3 for f in (np.cos, np.sin)]
    weight = k * scattering_phase("Si", ENERGY, k**2) ** 2
    return (left[0] * left[1] * weight).sum() / (weight.sum() * len(angle))


def test_an_image_agrees_with_an_average_over_frozen_phonons():
    import abtem

    crystal, count = dumbbells(3), 8
    line = np.linspace(0, crystal.cell.lengths()[1] / 4, count, endpoint=False)
    phonons = abtem.FrozenPhonons(crystal, num_configs=6, sigmas=0.076, seed=1)
    potential = abtem.Potential(
        phonons,
        sampling=0.05,
        slice_thickness=2.0,
        parametrization="lobato",
        projection="infinite",
    )
    probe = abtem.Probe(energy=ENERGY, semiangle_cutoff=SEMIANGLE)
    probe.grid.match(potential)
    measured = probe.scan(
        potential,
        scan=abtem.CustomScan(np.stack([np.zeros(count), line], axis=1)),
        detectors=abtem.AnnularDetector(*DETECTOR),
        lazy=False,
    )
    reference = np.asarray(measured.array).reshape(-1, count).mean(axis=0)
    image = images(crystal, sampling=0.12)
    spectrum = np.fft.fft(image[:, 0]) / len(image)
    frequencies = np.fft.fftfreq(len(image), 1 / len(image))
    turns = np.outer(line / crystal.cell.lengths()[1], frequencies)
    ours = (np.exp(2j * np.pi * turns) @ spectrum).real
    # Bragg beams on the detector, which only abTEM counts, and few configurations leave a tenth.
    expected = reference.sum() / spread_over_pixels(0.05)
    assert ours.sum() == pytest.approx(0.9 * expected, rel=0.12)
    scaled = ours * (ours @ reference) / (ours @ ours)
    assert np.std(scaled - reference) < 0.08 * np.std(reference)


def test_bad_input_is_named():
    atoms = Atoms("Ge", positions=[(5, 5, 0.4)], cell=(12, 12, 2))
    with pytest.raises(ValueError, match="no RMS displacement of Ge"):
        images(atoms)
    with pytest.raises(ValueError, match="has to be square"):
        images(Atoms("Si", positions=[(5, 5, 0.4)], cell=(12, 13, 2)))
