"""Exit waves against calculations that do not share our code: finer multislice, phase object."""

import abtem
import numpy as np
import pytest
from abtem.parametrizations import LobatoParametrization
from ase import Atoms

from latticework.simulation.exit_waves import simulate
from latticework.simulation.multislice import blurred, exit_wave, fourier_crop

ENERGY = 80e3
WAVELENGTH = 0.041757  # Å at 80 keV
LORENTZ_FACTOR = 1 + ENERGY / 510998.95
PARAMETERS = {
    "energy": ENERGY,
    "sampling": 0.1,
    "slice_thickness": 2.0,
    "thermal_sigma": 0.0,
    "stored_sampling": 0.2,
}
HARMONICS = np.arange(-16, 17)


def sheet(height=2.0, z=1.0):
    """Pristine graphene of 5 × 3 rectangular cells, 12.3 × 12.8 Å."""
    bond, side = 1.42, 1.42 * np.sqrt(3)
    basis = [[0, 0], [0, bond], [side / 2, 1.5 * bond], [side / 2, 2.5 * bond]]
    corners = np.stack(np.meshgrid(np.arange(5) * side, np.arange(3) * 3 * bond), axis=-1)
    xy = (corners.reshape(-1, 1, 2) + basis).reshape(-1, 2) + 0.3
    positions = np.column_stack([xy, np.full(len(xy), z)])
    cell = (5 * side, 9 * bond, height)
    return Atoms(f"C{len(xy)}", positions=positions, cell=cell, pbc=(True, True, False))


def covered_sheet():
    """A sheet under 6 Å of random carbon."""
    atoms = sheet(height=12.0, z=2.0)
    rng = np.random.default_rng(0)
    xy = rng.uniform(0, atoms.cell.lengths()[:2], (60, 2))
    return atoms + Atoms("C60", positions=np.column_stack([xy, rng.uniform(4, 10, 60)]))


def coefficients(wave):
    """Fourier coefficients (33, 33) of a wave (ny, nx) on any grid, the zero one in the middle."""
    ny, nx = wave.shape
    return (np.fft.fft2(wave) / wave.size)[np.ix_(HARMONICS % ny, HARMONICS % nx)]


def squared_frequencies(atoms):
    lx, ly, _ = atoms.cell.lengths()
    return (HARMONICS[:, None] / ly) ** 2 + (HARMONICS / lx) ** 2


def deviation(found, expected, where):
    """Norm of the difference over the norm of what the atoms scatter."""
    scattered = expected.copy()
    scattered[16, 16] -= 1
    return np.linalg.norm((found - expected)[where]) / np.linalg.norm(scattered[where])


def phase_object(atoms, thermal_sigma, size=256):
    """exp(iσV) by the sum of carbon's scattering factors, σV_k = γλ f(k) S(k)/area."""
    lx, ly, _ = atoms.cell.lengths()
    kx, ky = np.fft.fftfreq(size, lx / size), np.fft.fftfreq(size, ly / size)
    k2 = ky[:, None] ** 2 + kx**2
    x, y = atoms.positions[:, 0], atoms.positions[:, 1]
    structure_factor = np.exp(-2j * np.pi * np.outer(ky, y)) @ np.exp(-2j * np.pi * np.outer(x, kx))
    factor = LobatoParametrization().scattering_factor("C")(k2)
    factor = factor * np.exp(-2 * np.pi**2 * thermal_sigma**2 * k2)
    phase = LORENTZ_FACTOR * WAVELENGTH * factor * structure_factor / (lx * ly)
    return np.exp(1j * np.fft.ifft2(phase, norm="forward").real)


def in_focus(wave, atoms, height):
    """Fourier coefficients of a wave behind the cell as they are in a plane of the specimen."""
    distance = atoms.cell.lengths()[2] - height
    return coefficients(wave) * np.exp(
        1j * np.pi * WAVELENGTH * distance * squared_frequencies(atoms)
    )


@pytest.mark.parametrize("thermal_sigma", [0.0, 0.06])
@pytest.mark.parametrize(("sampling", "tolerance"), [(0.12, 0.025), (0.05, 0.005)])
def test_a_single_layer_is_a_phase_object(sampling, tolerance, thermal_sigma):
    """In focus on the layer, wherever in its slice it lies; converges with the pixel.

    The multislice puts a slice's atoms on its entrance face, 1 Å before this layer.
    """
    atoms = sheet()
    parameters = PARAMETERS | {"sampling": sampling, "thermal_sigma": thermal_sigma}
    k2 = squared_frequencies(atoms)
    behind_the_face = np.exp(-1j * np.pi * WAVELENGTH * k2)
    expected = coefficients(phase_object(atoms, thermal_sigma)) * behind_the_face
    found = coefficients(exit_wave(atoms, **parameters))
    assert deviation(found, expected, k2 < 1.3**2) < tolerance


def test_the_focus_is_on_the_specimen_whatever_lies_behind_it():
    """Defocus counts from the sheet: 30 Å of vacuum behind it change nothing."""
    near, far = sheet(height=4.0, z=2.0), sheet(height=34.0, z=2.0)
    where = squared_frequencies(near) < 1.3**2
    expected = coefficients(exit_wave(near, **PARAMETERS))
    assert deviation(coefficients(exit_wave(far, **PARAMETERS)), expected, where) < 1e-3
    # And without focusing, they would.
    beyond = np.exp(-1j * np.pi * WAVELENGTH * 30 * squared_frequencies(near))
    assert deviation(expected * beyond, expected, where) > 0.5


@pytest.mark.parametrize("projection", ["infinite", "finite"])
@pytest.mark.parametrize(
    ("atoms", "tolerance"), [(sheet(height=4.0, z=2.0), 0.02), (covered_sheet(), 0.04)]
)
def test_a_wave_agrees_with_abtem_at_finer_slices_and_pixels(atoms, tolerance, projection):
    potential = abtem.Potential(
        atoms,
        sampling=0.05,
        slice_thickness=0.5,
        parametrization="lobato",
        projection=projection,
    )
    wave = abtem.PlaneWave(energy=ENERGY).multislice(potential, lazy=False).array.T
    found = coefficients(exit_wave(atoms, **PARAMETERS))
    where = squared_frequencies(atoms) < 1.3**2
    assert deviation(found, in_focus(wave, atoms, atoms.positions[:, 2].mean()), where) < tolerance


@pytest.mark.parametrize("thermal_sigma", [0.0, 0.06])
@pytest.mark.parametrize("atoms", [sheet(), covered_sheet()])
def test_no_electron_is_lost(atoms, thermal_sigma):
    wave = exit_wave(atoms, **PARAMETERS | {"thermal_sigma": thermal_sigma})
    assert np.mean(np.abs(wave) ** 2) == pytest.approx(1, abs=1e-3)


def test_a_blurred_potential_is_damped_by_the_debye_waller_factor():
    sigma = 0.1
    potential = abtem.Potential(sheet(), sampling=0.1, projection="infinite").build(lazy=False)
    sharp = np.fft.fft2(potential.array[0].astype(float))
    found = np.fft.fft2(blurred(potential, sigma).array[0].astype(float))
    kx, ky = (np.fft.fftfreq(n, d) for n, d in zip(sharp.shape, potential.sampling, strict=True))
    factor = np.exp(-2 * np.pi**2 * sigma**2 * (kx[:, None] ** 2 + ky**2))
    np.testing.assert_allclose(found, sharp * factor, atol=1e-6 * np.abs(sharp).max())


@pytest.mark.parametrize("sigma", [0.06, 0.12])
def test_blur_is_the_coherent_mean_of_frozen_phonons(sigma):
    """Compared where the crystal diffracts: elsewhere a mean of few phonons is diffuse."""
    atoms = sheet()
    phonons = abtem.FrozenPhonons(atoms, num_configs=64, sigmas=sigma, directions="xy", seed=1)
    potential = abtem.Potential(
        phonons,
        sampling=PARAMETERS["sampling"],
        slice_thickness=PARAMETERS["slice_thickness"],
        parametrization="lobato",
        projection="infinite",
    )
    waves = abtem.PlaneWave(energy=ENERGY).multislice(potential, lazy=False).array
    bragg = (HARMONICS[:, None] % 3 == 0) & (HARMONICS % 5 == 0)
    bragg &= squared_frequencies(atoms) < 1.3**2
    bragg &= squared_frequencies(atoms) > 0
    mean = in_focus(waves.mean(axis=0).T, atoms, 1.0)
    blurred_wave = coefficients(exit_wave(atoms, **PARAMETERS | {"thermal_sigma": sigma}))
    sharp_wave = coefficients(exit_wave(atoms, **PARAMETERS))
    error = deviation(blurred_wave, mean, bragg)
    assert error < sigma / 3  # grows with σ²: the mean of exp(iσV) is not exp(iσ mean V)
    assert error < 0.5 * deviation(sharp_wave, mean, bragg)


def test_rows_are_y_and_columns_are_x():
    x, y = 3.0, 7.0
    atoms = Atoms("C", positions=[(x, y, 1)], cell=(12, 10, 2), pbc=(True, True, False))
    wave = exit_wave(atoms, **PARAMETERS)
    assert wave.shape == (50, 60)
    row, column = np.unravel_index(np.angle(wave).argmax(), wave.shape)
    assert (row, column) == (round(y / 0.2), round(x / 0.2))


def test_a_shard_keeps_positions_and_pixels_of_a_rectangular_box():
    atoms = sheet()
    visible = np.arange(len(atoms)) % 2 == 0
    atoms.new_array("visible", visible)
    format_name, arrays, attributes = simulate([atoms], PARAMETERS, "cpu")
    assert (format_name, attributes) == ("exit_waves", {})
    lx, ly, _ = atoms.cell.lengths()
    wave = arrays["wave"].data[0]
    np.testing.assert_allclose(arrays["sampling"].data[0] * wave.shape, (ly, lx))
    np.testing.assert_array_equal(arrays["positions"].data[0], atoms.positions[visible])
    assert arrays["classes"].data[0].tolist() == [1] * visible.sum()


@pytest.mark.parametrize("shape", [(24, 20), (25, 21), (24, 21)])
def test_resampling_is_exact_for_a_band_limited_wave(shape):
    def wave(ny, nx):
        y, x = np.arange(ny)[:, None] / ny, np.arange(nx) / nx
        return (
            1
            + 0.3 * np.exp(2j * np.pi * (7 * x - 9 * y))
            + 0.1j * np.exp(2j * np.pi * (-9 * x + 11 * y))
        )

    np.testing.assert_allclose(fourier_crop(wave(48, 50), shape), wave(*shape), atol=1e-12)


def test_the_stored_wave_is_the_multislice_wave_at_a_coarser_pixel():
    atoms = sheet()
    fine = exit_wave(atoms, **PARAMETERS | {"stored_sampling": 0.1})
    coarse = exit_wave(atoms, **PARAMETERS)
    assert coarse.shape[0] < 0.6 * fine.shape[0]
    np.testing.assert_allclose(coefficients(coarse), coefficients(fine), atol=1e-6)
