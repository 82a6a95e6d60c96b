"""Diffraction against calculations that share no code with ours: Bloch waves, kinematic theory,
the lattice's own geometry, and the Fourier transform of the potential."""

import abtem
import numpy as np
import pytest
from abtem.bloch import BlochWaves, StructureFactor
from abtem.core.energy import energy2sigma
from ase.build import bulk
from scipy.ndimage import maximum_filter
from scipy.signal.windows import tukey
from scipy.spatial.transform import Rotation

from latticework.config.thick_crystals import Simulation
from latticework.simulation.diffraction import simulate
from latticework.simulation.structure_factors import (
    centred_frequencies,
    crystal_peaks,
    crystal_structure_factors,
    draw_peaks,
    excitation_error,
    fourier_coefficients,
    tukey_transform,
)
from latticework.simulation.thick_crystals import (
    bin_centred,
    diffraction_patterns,
    intensities,
)
from latticework.structures.orientations import fill_box

ENERGY = 300e3
WAVELENGTH = 0.0196875  # Å at 300 keV


def oriented(atoms, orientation=None, origin=(0.0, 0.0, 0.0)):
    atoms = atoms.copy()
    atoms.info = {
        "orientation": np.eye(3) if orientation is None else orientation,
        "origin": np.array(origin),
        "zone_axis": np.zeros(3, int),
        "crystal": "a crystal",
    }
    return atoms


def settings(**changed):
    return {
        "energy": ENERGY,
        "gpts": 96,
        "size": 64,
        "binning": 1,
        "slice_thickness": 2.0,
        "thickness_step": 20.0,
        "semiangles": [1.0],
    } | changed


def test_a_thickness_series_agrees_with_bloch_waves():
    """A probe narrower than a pixel of reciprocal space is a plane wave."""
    copper = bulk("Cu", cubic=True)
    a, repeats = copper.cell[0, 0], 3
    size = 32
    patterns, probes = diffraction_patterns(
        fill_box(oriented(copper, origin=(0.1, 0.2, 0.01)), (repeats * a, repeats * a, 20 * a)),
        **settings(
            gpts=192,
            size=size,
            slice_thickness=a / 4,
            thickness_step=2 * a,
            semiangles=[0.2],
        ),
    )
    assert probes[0, size // 2, size // 2] == pytest.approx(1)
    bloch = BlochWaves(
        StructureFactor(copper, g_max=8.0, parametrization="lobato"),
        energy=ENERGY,
        sg_max=0.3,
        g_max=4.0,
    )
    thicknesses = 2 * a * np.arange(1, 11)
    series = bloch.calculate_diffraction_patterns(thicknesses, lazy=False)
    zone = [(0, 0, 0), (2, 0, 0), (0, -2, 0), (2, 2, 0), (4, 0, 0), (4, 2, 0)]
    hkl = [tuple(v) for v in series.miller_indices.tolist()]
    for index in zone:
        expected = series.array[:, hkl.index(index)]
        row, column = (size // 2 + repeats * index[i] for i in (1, 0))
        found = patterns[0, :, row, column]
        np.testing.assert_allclose(found, expected, atol=0.02, err_msg=str(index))
    # The series is far from kinematic: the direct beam goes down and comes back.
    direct = patterns[0, :, size // 2, size // 2]
    assert direct.min() < 0.4


def test_no_electron_is_lost():
    crystal = oriented(
        bulk("Si", cubic=True), Rotation.from_euler("xyz", [0.3, 0.2, 1]).as_matrix()
    )
    patterns, probes = diffraction_patterns(
        fill_box(crystal, (16.0, 16.0, 60.0)), **settings(gpts=192, size=192, semiangles=[2, 8])
    )
    assert patterns.shape == (2, 3, 192, 192)
    np.testing.assert_allclose(probes.sum(axis=(-2, -1)), 1, atol=1e-5)
    np.testing.assert_allclose(patterns.sum(axis=(-2, -1)), 1, atol=0.005)


def disk(pattern, centre, radius):
    """Intensity within `radius` px of (x, y) px from the middle."""
    offset = np.arange(len(pattern)) - len(pattern) // 2
    inside = np.hypot(offset - centre[0], offset[:, None] - centre[1]) <= radius
    return pattern[inside].sum()


def test_a_thin_tilted_crystal_diffracts_kinematically():
    """I_g = (σ V_g t)² sinc²(s_g t), with the sign of the tilt and of the sphere's curvature."""
    lithium = bulk("Li", "bcc", a=3.51, cubic=True)
    tilt = Rotation.from_euler("y", 0.01).as_matrix()
    box, thickness = 28.08, 50.0
    crystal = oriented(lithium, tilt)
    patterns, _ = diffraction_patterns(
        fill_box(crystal, (box, box, thickness)),
        **settings(
            gpts=192, size=96, slice_thickness=0.5, thickness_step=thickness, semiangles=[2]
        ),
    )
    sigma = energy2sigma(ENERGY)
    found, expected = [], []
    indices = [
        (2, 0, 0),
        (-2, 0, 0),
        (4, 0, 0),
        (-4, 0, 0),
        (1, 1, 0),
        (-1, 1, 0),
        (3, 1, 0),
        (-3, 1, 0),
    ]
    for index in indices:
        g = tilt @ (np.array(index) / 3.51)
        s = g[2] + WAVELENGTH / 2 * (g[0] ** 2 + g[1] ** 2)
        v = abs(fourier_coefficients(lithium, np.array([index])))[0]
        expected.append((sigma * v * thickness * np.sinc(s * thickness)) ** 2)
        found.append(disk(patterns[0, -1], g[:2] * box, 3.2))
    assert max(expected) < 0.02
    # A cone of 2 mrad averages over s, and the box cuts the crystal: hence the tolerance.
    strong = np.array(expected) > 2e-4
    assert strong.sum() >= 5
    np.testing.assert_allclose(np.array(found)[strong], np.array(expected)[strong], rtol=0.12)
    # The tilt tells a reflection from its opposite: the other sign would be far off.
    assert expected[0] > 1.5 * expected[1]
    assert expected[6] > 10 * expected[7]


def test_excitation_errors_are_distances_from_the_sphere():
    """Points on the Ewald sphere |k + g| = 1/λ have none, up to the paraxial form."""
    x = np.linspace(-2, 2, 9)
    g = np.stack([x, 0.3 * x, np.zeros_like(x)], axis=-1)
    radius = 1 / WAVELENGTH
    g[:, 2] = np.sqrt(radius**2 - (g[:, :2] ** 2).sum(axis=1)) - radius
    np.testing.assert_allclose(excitation_error(g, ENERGY, True), 0, atol=1e-4)
    np.testing.assert_allclose(excitation_error(g, ENERGY, ewald=False), g[:, 2])


def salt():
    return bulk("NaCl", "rocksalt", a=5.64, cubic=True)


def test_coefficients_of_rock_salt_are_those_of_its_atoms():
    """Sum of the scattering factors where h, k, l are even, difference where odd, else nothing."""
    factor = abtem.parametrizations.LobatoParametrization()
    for index, sign in (((2, 0, 0), 1), ((1, 1, 1), -1)):
        k2 = np.array([sum(i * i for i in index) / 5.64**2])
        sodium, chlorine = (factor.scattering_factor(s)(k2)[0] for s in ("Na", "Cl"))
        expected = 4 * abs(chlorine + sign * sodium) * 47.878 / 5.64**3
        found = abs(fourier_coefficients(salt(), np.array([index])))
        assert found[0] == pytest.approx(expected, rel=1e-4)
    assert abs(fourier_coefficients(salt(), np.array([[1, 0, 0], [2, 1, 0]]))).max() < 1e-9


def peaks_of(picture):
    """Sub-pixel (x, y) in px from the middle and height of all local maxima, by parabolas."""
    found = []
    maxima = (picture == maximum_filter(picture, 5)) & (picture > 0.02 * picture.max())
    for row, column in np.argwhere(maxima):
        if min(row, column) < 1 or max(row, column) > len(picture) - 2:
            continue
        shift = []
        for line in (picture[row, column - 1 : column + 2], picture[row - 1 : row + 2, column]):
            low, middle, high = np.log(line)
            shift.append((low - high) / (low + high - 2 * middle) / 2)
        found.append((column + shift[0], row + shift[1], picture[row, column]))
    found = np.array(found)
    return found[:, :2] - len(picture) // 2, found[:, 2]


def test_peaks_of_the_truth_lie_on_the_reciprocal_lattice():
    """To a tenth of a pixel, and as high as the coefficients' ratio."""
    angle, step, size = 0.35, 1 / 46.1, 96
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    orientation = np.eye(3)
    orientation[:2, :2] = turn
    common = {"energy": ENERGY, "sigma": 0.05, "ewald": True}
    drawn = crystal_structure_factors(
        salt(), orientation, size=size, step=step, taper=1.0, **common
    )
    positions, heights = peaks_of(drawn)
    indices = np.array([(h, k) for h in range(-8, 9, 2) for k in range(-8, 9, 2)])
    lattice = indices @ turn.T / 5.64 / step
    distances = np.linalg.norm(positions[:, None] - lattice, axis=-1)
    assert len(positions) > 20
    assert distances.min(axis=1).max() < 0.1
    # Drawn without the grid, a peak is as high as its coefficient.
    exact, values = crystal_peaks(salt(), orientation, radius=1.0, **common)
    for index in ((0, 0), (2, 0), (2, 2), (4, 0)):
        near = np.linalg.norm(exact - turn @ np.array(index) / 5.64, axis=1).argmin()
        weight = np.exp(-0.5 * (WAVELENGTH / 2 * sum(i * i for i in index) / 5.64**2 / 0.05) ** 2)
        v = abs(fourier_coefficients(salt(), np.array([[*index, 0]])))[0]
        assert values[near] == pytest.approx(v * weight, rel=1e-6)
        nearest = np.linalg.norm(positions - exact[near] / step, axis=1).argmin()
        # A parabola's maximum is not the drawn one: the pixel grid costs up to a fifth.
        assert 0.75 * v * weight < heights[nearest] < 1.01 * v * weight


@pytest.mark.parametrize("taper", [0.5, 1.0])
@pytest.mark.parametrize("frequency", [0.0, 0.3, 1.0, 2.0, 2.5])
def test_a_window_s_transform_is_its_integral(taper, frequency):
    x = (np.arange(20000) + 0.5) / 20000 - 0.5
    edge = np.clip((np.abs(x) - (1 - taper) / 2) / (taper / 2), 0, 1)
    window = 0.5 * (1 + np.cos(np.pi * edge))
    expected = (window * np.cos(2 * np.pi * frequency * x)).sum() / window.sum()
    assert tukey_transform(np.array(frequency), taper) == pytest.approx(expected, abs=1e-6)


def windowed_structure_factors(
    potential, sampling, slice_thickness, *, energy, size, step, sigma, ewald
):
    """Structure factors (size, size) in volts of any sample, from its windowed potential.

    |FFT3(V · Tukey)|, weighted by the distance from the Ewald sphere and summed along the beam:
    the paper's own way, with the sphere. `potential` (slices, n, n) is the projected potential of
    each slice, V Å, of which the central 1/`step` Å are used.
    """
    points = round(1 / (step * sampling))
    assert abs(points * step * sampling - 1) < 1e-6
    start = (potential.shape[-1] - points) // 2
    inside = slice(start, start + points)
    window, along = tukey(points, 1.0, sym=False), tukey(len(potential), 1.0, sym=False)
    plane = potential[:, inside, inside] * (window[:, None] * window)
    spectrum = np.fft.fftshift(np.fft.fft2(plane), axes=(-2, -1))
    low = points // 2 - size // 2
    spectrum = spectrum[:, low : low + size, low : low + size]
    spectrum = np.abs(np.fft.fft(spectrum * along[:, None, None], axis=0))
    frequencies = centred_frequencies(size, step)
    g = np.empty((size, size, 3))
    g[..., 0], g[..., 1] = frequencies, frequencies[:, None]
    total = np.zeros((size, size))
    peak = np.abs(np.fft.fft(along)).sum()
    heights = np.fft.fftfreq(len(potential), slice_thickness)
    for plane_spectrum, height in zip(spectrum, heights, strict=True):
        g[..., 2] = height
        total += plane_spectrum * np.exp(-0.5 * (excitation_error(g, energy, ewald) / sigma) ** 2)
    # One at a peak's maximum for a potential of one volt.
    return total / (slice_thickness * window.sum() ** 2 * peak)


@pytest.mark.parametrize("ewald", [True, False])
@pytest.mark.parametrize("angles", [(0, 0, 0.3), (0.15, 0.1, 0.3)])
def test_closed_form_agrees_with_the_windowed_potential(angles, ewald):
    """Off the zone and on it: |FFT3(V · Tukey)| about the sphere."""
    box, height, size, slices = 24.0, 120.0, 48, 0.5
    crystal = oriented(salt(), Rotation.from_euler("xyz", angles).as_matrix(), (0.3, 0.1, 0.2))
    potential = abtem.Potential(
        fill_box(crystal, (box, box, height)),
        gpts=128,
        slice_thickness=slices,
        parametrization="lobato",
        projection="infinite",
    ).build(lazy=False)
    common = {"energy": ENERGY, "size": size, "step": 1 / box, "sigma": 0.05, "ewald": ewald}
    reference = windowed_structure_factors(
        np.swapaxes(potential.array, -2, -1), box / 128, slices, **common
    )
    orientation = crystal.info["orientation"]
    found = crystal_structure_factors(crystal, orientation, **common, taper=1.0)
    # V_0 dominates a norm; abTEM's potential lacks most of it.
    middle = slice(size // 2 - 2, size // 2 + 3)
    for picture in (found, reference):
        picture[middle, middle] = 0
    assert np.corrcoef(found.ravel(), reference.ravel())[0, 1] > 0.99
    assert found.max() == pytest.approx(reference.max(), rel=0.1)


def test_the_sphere_is_felt_off_the_zone():
    """Tilted by 9 mrad the sphere passes far from reflections that the flat slice keeps."""
    tilt = Rotation.from_euler("x", 0.009).as_matrix()
    common = {"energy": ENERGY, "size": 96, "step": 1 / 46.1, "sigma": 0.01}
    sphere = crystal_structure_factors(salt(), tilt, **common, ewald=True, taper=1.0)
    flat = crystal_structure_factors(salt(), tilt, **common, ewald=False, taper=1.0)
    # A flat slice is symmetric, the sphere is not. An even picture's first line has no partner.
    inner = slice(1, None)
    mirrored = flat[inner, inner][::-1, ::-1]
    np.testing.assert_allclose(flat[inner, inner], mirrored, atol=1e-3)
    mirrored = sphere[inner, inner][::-1, ::-1]
    assert np.abs(sphere[inner, inner] - mirrored).max() > 0.5


def test_binning_keeps_the_middle_and_the_sum():
    picture = np.zeros((16, 16))
    picture[8, 8] = 1
    assert bin_centred(picture, 2)[4, 4] == 1
    rng = np.random.default_rng(0)
    picture[1:, 1:] = rng.uniform(size=(15, 15))
    binned = bin_centred(picture, 2)
    assert binned.shape == (8, 8)
    lost = 0.5 * (picture[:, -1].sum() + picture[-1].sum()) - 0.25 * picture[-1, -1]
    assert binned.sum() == pytest.approx(picture.sum() - lost)
    offset, coarse = np.arange(16) - 8, 2 * (np.arange(8) - 4)
    assert (binned * coarse).sum() == pytest.approx(
        (picture * offset).sum(), abs=8 * picture[:, -1].sum() + 1e-9
    )
    assert bin_centred(picture, 1) is picture


def test_rows_are_y_and_columns_are_x():
    """A wave that goes towards +x is seen right of the middle."""
    n = 16
    x = np.arange(n)[:, None] / n
    wave = np.exp(2j * np.pi * 3 * x) * np.ones((n, n)) / n**2
    pattern = intensities(wave, n, 1)
    assert np.unravel_index(pattern.argmax(), pattern.shape) == (n // 2, n // 2 + 3)


def test_simulated_disks_lie_on_the_truth_s_peaks():
    """Pattern and truth have one coordinate system, also in an odd orientation."""
    crystal = oriented(
        bulk("Au", cubic=True), Rotation.from_euler("zyx", [0.5, 0.02, 0.01]).as_matrix()
    )
    format_name, arrays, attributes = simulate(
        [crystal], settings(box=24.0, height=40.0, gpts=144, size=64), "cpu"
    )
    assert (format_name, attributes) == ("diffraction", {"crystals": ["a crystal"]})
    assert Simulation.model_fields["ewald"].default
    pattern, truth = arrays["pattern"].data[0, 0, 1], arrays["structure_factors"].data[0]
    assert arrays["pattern"].data.shape == (1, 1, 2, 64, 64)
    assert arrays["probe"].data.max() == 1
    np.testing.assert_allclose(arrays["thickness"].data, [20, 40])
    truth, pattern = truth.copy(), pattern.copy()
    truth[28:37, 28:37] = pattern[28:37, 28:37] = 0
    positions, _ = peaks_of(truth)
    values = [disk(pattern, p, 2.5) for p in positions]
    assert sum(values) > 0.8 * pattern.sum()
    mirrored = [disk(pattern, p * [1, -1], 2.5) for p in positions]
    assert sum(mirrored) < 0.5 * pattern.sum()


def test_peaks_are_drawn_where_they_are():
    picture = draw_peaks(np.array([[0.1, -0.2]]), np.array([3.0]), 32, 0.05, 1.0)
    assert picture[16 - 4, 16 + 2] == pytest.approx(3)
    assert np.unravel_index(picture.argmax(), picture.shape) == (12, 18)
