"""Images: the lens against abTEM, the camera and the normalisation against their equations."""

import abtem
import numpy as np
import pytest
import torch
from abtem.core.energy import energy2wavelength
from scipy.ndimage import gaussian_filter

from latticework.config.base import Range
from latticework.electrons import wavelength
from latticework.imaging.detector import (
    GAUSSIAN_ABOVE,
    detect,
    modulation_transfer,
    poisson_counts,
)
from latticework.imaging.draws import dihedral, draw
from latticework.imaging.hrtem import CAMERA, image_sizes, make_batch
from latticework.imaging.labels import render_labels
from latticework.imaging.normalisation import normalise
from latticework.imaging.optics import transfer_function
from latticework.imaging.waves import LENS, OPTICS, exit_intensity, series_intensity

ENERGY = 80e3
LIMITS = {
    "defocus": (-200, 200),
    "cs": (-20e4, 20e4),
    "c5": (0, 5e7),
    "astigmatism": (0, 100),
    "astigmatism_angle": (0, 2 * np.pi),
    "coma": (0, 500),
    "coma_angle": (0, 2 * np.pi),
    "threefold": (0, 500),
    "threefold_angle": (0, 2 * np.pi),
    "focal_spread": (20, 40),
    "deflection": (0, 0.25),
}
PERFECT = dict.fromkeys(OPTICS, 0.0)
IDEAL_CAMERA = {"c1": 1.0, "c2": 0.5, "c3": 2.0, "nyquist_ratio": 1.0}


def microscopes(count, seed=0, dtype=torch.float64, **values):
    """Random optics within the paper's limits, (count,) each, some of them given."""
    rng = np.random.default_rng(seed)
    drawn = {name: rng.uniform(*LIMITS[name], count) for name in OPTICS}
    drawn |= {name: np.full(count, value) for name, value in values.items()}
    return {name: torch.as_tensor(value, dtype=dtype) for name, value in drawn.items()}


def columns(count=1, **values):
    return {name: torch.full((count,), value) for name, value in values.items()}


def random_wave(size, box, scale=0.3, seed=0):
    """A phase object (size, size) with detail up to about 2 1/Å."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(size, size)), 1.5, mode="wrap")
    return np.exp(1j * scale * noise / noise.std())


# The lens


@pytest.mark.parametrize("energy", [60e3, 80e3, 200e3, 300e3])
def test_wavelength_is_relativistic(energy):
    assert wavelength(energy) == pytest.approx(energy2wavelength(energy), rel=1e-7)


def abtem_transfer(parameters, index, size=96, sampling=0.3):
    """abTEM's transfer function (kx, ky) in 64 bits: what it does to a point-like wave."""
    values = {name: float(value[index]) for name, value in parameters.items()}
    ctf = abtem.CTF(
        energy=ENERGY,
        C10=-values["defocus"],
        C12=values["astigmatism"],
        phi12=values["astigmatism_angle"],
        C21=values["coma"],
        phi21=values["coma_angle"],
        C23=values["threefold"],
        phi23=values["threefold_angle"],
        C30=values["cs"],
        C50=values["c5"],
        focal_spread=values["focal_spread"],
    )
    point = np.zeros((size, size), complex)
    point[0, 0] = 1
    with abtem.config.set({"precision": "float64"}):
        wave = abtem.Waves(point, energy=ENERGY, sampling=sampling).apply_ctf(ctf)
        return np.fft.fft2(wave.array)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-5), (torch.float32, 2e-4)])
def test_transfer_function_agrees_with_abtem(dtype, tolerance):
    """Up to 2.3 1/Å. In 32 bits a phase of some hundred radians has lost digits."""
    parameters = microscopes(25, dtype=dtype)
    k = torch.fft.fftfreq(96, 0.3, dtype=dtype)
    lens = {name: parameters[name] for name in LENS}
    ours = transfer_function(k[None, :].expand(96, 96), k[:, None].expand(96, 96), ENERGY, **lens)
    for index in range(25):
        theirs = abtem_transfer(parameters, index)
        np.testing.assert_allclose(ours[index].numpy().T, theirs, atol=tolerance)


def intensity_of(wave, box, foci=1, **values):
    """Intensity in 64 bits of a wave (size, size) in an otherwise perfect microscope."""
    size = len(wave)
    k = torch.fft.fftfreq(size, box / size, dtype=torch.float64)
    spectrum = torch.fft.fft2(torch.from_numpy(wave), norm="forward")[None]
    optics = {name: value.double() for name, value in columns(1, **PERFECT | values).items()}
    return exit_intensity(spectrum, k, box, size, ENERGY, optics, foci=foci)[0].numpy()


def test_deflection_blurs_the_intensity_and_loses_no_electron():
    """abTEM has no image deflection: it is a Gaussian blur of what a still image shows."""
    size, box, deflection = 128, 16.0, 0.25
    wave = random_wave(size, box, scale=0.5)
    still = intensity_of(wave, box, defocus=100.0)
    shaken = intensity_of(wave, box, defocus=100.0, deflection=deflection)
    blurred = gaussian_filter(still, deflection * size / box, mode="wrap", truncate=8)
    np.testing.assert_allclose(shaken, blurred, atol=1e-6)
    assert shaken.mean() == pytest.approx(still.mean(), rel=1e-9)


def low_passed(wave, box, limit):
    """A wave (size, size) without spatial frequencies beyond a limit, 1/Å."""
    k = np.fft.fftfreq(len(wave), box / len(wave))
    return np.fft.ifft2(np.fft.fft2(wave) * (np.hypot(k[:, None], k) <= limit))


def test_an_average_over_foci_is_exact_where_the_envelope_loses_electrons():
    """Against a Riemann sum over the distribution of foci, of 1/e half-width Δ."""
    box, spread = 16.0, 30.0
    wave = low_passed(random_wave(96, box, scale=0.5), box, 0.9)
    steps = np.linspace(-4, 4, 401)
    weights = np.exp(-(steps**2)) / np.exp(-(steps**2)).sum()
    exact = sum(
        weight * intensity_of(wave, box, defocus=-60.0 + spread * step)
        for step, weight in zip(steps, weights, strict=True)
    )
    averaged = intensity_of(wave, box, foci=7, defocus=-60.0, focal_spread=spread)
    envelope = intensity_of(wave, box, defocus=-60.0, focal_spread=spread)
    contrast = exact.std()
    assert np.sqrt(np.mean((averaged - exact) ** 2)) < 0.02 * contrast
    assert np.sqrt(np.mean((envelope - exact) ** 2)) > 0.1 * contrast
    assert averaged.mean() == pytest.approx(exact.mean(), abs=1e-6)
    assert envelope.mean() < exact.mean() - 0.01


def test_the_computed_band_holds_the_whole_picture():
    """Against numpy on the full grid, with all frequencies of the wave."""
    size, box, limit = 200, 24.0, 1.5
    wave = random_wave(size, box)
    parameters = microscopes(6, dtype=torch.float32, deflection=0.0)
    parameters["focal_spread"][0] = 20
    k = np.fft.fftfreq(size, box / size)
    kept = (np.abs(k) <= limit) & (k > k.min())
    spectrum = np.fft.fft2(wave) / wave.size
    band = torch.from_numpy(spectrum[np.ix_(kept, kept)].astype(np.complex64))
    frequencies = torch.from_numpy(k[kept].astype(np.float32))
    ours = exit_intensity(band.expand(6, -1, -1), frequencies, box, size, ENERGY, parameters)
    ky, kx = torch.meshgrid(torch.from_numpy(k), torch.from_numpy(k), indexing="ij")
    lens = {name: parameters[name].double() for name in LENS}
    transfer = transfer_function(kx, ky, ENERGY, **lens).numpy()
    expected = np.abs(np.fft.ifft2(spectrum * transfer) * wave.size) ** 2
    np.testing.assert_allclose(ours.numpy(), expected, atol=1e-5)


def test_resampling_is_exact_and_a_shift_moves_along_x_and_y(phase_sheets):
    optics = columns(1, **PERFECT | {"defocus": -60.0, "focal_spread": 20.0})
    bank = phase_sheets

    def picture(size, shift):
        return exit_intensity(
            bank.spectra[:1],
            bank.frequencies,
            bank.box,
            size,
            ENERGY,
            optics,
            torch.tensor([shift]),
        )[0]

    fine, coarse = picture(240, (0.0, 0.0)), picture(120, (0.0, 0.0))
    torch.testing.assert_close(fine[::2, ::2], coarse, atol=1e-5, rtol=0)
    moved = picture(120, (5 * 0.2, 9 * 0.2))
    torch.testing.assert_close(moved, coarse.roll((9, 5), dims=(0, 1)), atol=1e-5, rtol=0)


def test_a_band_that_does_not_fit_is_an_error(phase_sheets):
    bank = phase_sheets
    with pytest.raises(ValueError, match="does not fit"):
        exit_intensity(bank.spectra, bank.frequencies, bank.box, 60, ENERGY, columns(2, **PERFECT))


# The camera


@pytest.mark.parametrize("mean", [0.3, 3.0, 9.0, 12.0, 40.0, 3000.0])
def test_counts_have_the_moments_of_poisson_statistics(mean):
    """Within five standard errors; above the threshold the counts are real numbers."""
    n = 400_000
    counts = poisson_counts(torch.full((n,), mean), torch.Generator().manual_seed(1)).double()
    assert torch.equal(counts, counts.round()) == (mean < GAUSSIAN_ABOVE)
    deviations = counts - mean
    assert abs(deviations.mean()) < 5 * np.sqrt(mean / n)
    assert abs(deviations.square().mean() - mean) < 5 * np.sqrt((2 * mean**2 + mean) / n)
    third_moment_error = np.sqrt((15 * mean**3 + 24 * mean**2 + mean) / n)
    assert abs(deviations.pow(3).mean() - mean) < 5 * third_moment_error


def test_counts_follow_each_pixel_s_own_expectation():
    expected = torch.linspace(20, 60, 200).expand(4000, 200)
    counts = poisson_counts(expected, torch.Generator().manual_seed(0))
    torch.testing.assert_close(counts.mean(dim=0), expected[0], atol=0.6, rtol=0)
    torch.testing.assert_close(counts.var(dim=0) / expected[0], torch.ones(200), atol=0.12, rtol=0)


@pytest.mark.parametrize("dose", [2.0, 200.0])
def test_noise_before_the_mtf_has_the_variance_of_its_mean(dose):
    x = torch.arange(256) * (2 * torch.pi / 256)
    intensity = (1 + 0.3 * torch.cos(x)).expand(256, 256)
    picture = detect(
        intensity.expand(16, 1, -1, -1),
        torch.full((16,), dose),
        **columns(16, **IDEAL_CAMERA),
        generator=torch.Generator().manual_seed(0),
    )
    counts = picture[:, 0] * dose
    expected = intensity[0] * dose
    torch.testing.assert_close(counts.mean(dim=(0, 1)), expected, rtol=0.08, atol=0)
    torch.testing.assert_close(counts.var(dim=(0, 1)) / expected, torch.ones(256), atol=0.2, rtol=0)
    assert (counts.var(dim=(0, 1)) / expected).mean() == pytest.approx(1, abs=0.01)


def test_mtf_is_equation_five_in_nyquist_units():
    q = torch.tensor([0.0, 0.25, 1.0])
    mtf = modulation_transfer(q, *torch.tensor([0.1, 0.5, 2.0]))
    np.testing.assert_allclose(mtf, [1, 0.9 / (1 + 0.25**2) + 0.1, 0.9 / 2 + 0.1], rtol=1e-6)
    # By hand with the microscope of the authors' evaluation: c = (0, 0.49, 2.34), q = q_N.
    mtf = modulation_transfer(torch.tensor(1.0), *torch.tensor([0.0, 0.49, 2.34]))
    assert float(mtf) == pytest.approx(1 / (1 + (1 / 0.98) ** 2.34), rel=1e-6)


def radial_power(picture, bins):
    """Mean power of (n, size, size) in rings of q, in units of the picture's Nyquist frequency."""
    size = picture.shape[-1]
    q = torch.hypot(*torch.meshgrid(2 * [2 * torch.fft.fftfreq(size)], indexing="ij"))
    power = torch.fft.fft2(picture).abs().square().mean(dim=0) / size**2
    ring = torch.bucketize(q, bins)
    return torch.stack([power[ring == i].mean() for i in range(1, len(bins))])


@pytest.mark.parametrize("ratio", [0.6, 1.0, 1.5])
def test_power_of_white_noise_follows_the_squared_mtf(ratio):
    """Ratio over one: the camera's Nyquist frequency lies beyond the picture's."""
    dose, n = 50.0, 48
    camera = columns(n, c1=0.05, c2=0.45, c3=2.5, nyquist_ratio=ratio)
    picture = detect(
        torch.ones(n, 1, 128, 128),
        torch.full((n,), dose),
        **camera,
        generator=torch.Generator().manual_seed(0),
    )[:, 0]
    bins = torch.linspace(0.1, 0.58, 13)
    middle = (bins[1:] + bins[:-1]) / 2
    mtf = 0.95 / (1 + (middle / ratio / 0.9) ** 2.5) + 0.05
    torch.testing.assert_close(radial_power(picture, bins) * dose, mtf**2, rtol=0.06, atol=0)


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0])
def test_a_wave_is_transferred_by_the_mtf_at_its_fraction_of_the_camera_s_nyquist(ratio):
    size = 64
    x = torch.arange(size) * (2 * torch.pi / size)
    for harmonic in (4, 12, 20, 28):
        intensity = (1 + 0.2 * torch.cos(harmonic * x)).expand(1, 1, size, size)
        camera = columns(c1=0.05, c2=0.45, c3=2.5, nyquist_ratio=ratio)
        picture = detect(intensity, torch.tensor([1e12]), **camera)
        amplitude = torch.fft.rfft(picture[0, 0].mean(dim=0))[harmonic].real / (size / 2)
        q = harmonic / (size / 2) / ratio
        mtf = 0.95 / (1 + (q / 0.9) ** 2.5) + 0.05 if q <= 1 else 0.0
        assert float(amplitude) == pytest.approx(0.2 * mtf, abs=1e-4)


# Normalisation


def frames_of_atoms(frames=3):
    rng = np.random.default_rng(0)
    slope = np.linspace(0.5, 2, 80)
    return slope * (5 + gaussian_filter(rng.normal(size=(frames, 64, 80)), (0, 1.5, 1.5)))


def test_normalisation_is_equations_two_and_three():
    """Also near the borders, where the window counts the pixels of the picture only."""
    pictures, sigma = frames_of_atoms(), 6.0

    def window(picture):
        options = {"sigma": sigma, "mode": "constant", "truncate": 10}
        return gaussian_filter(picture, **options) / gaussian_filter(
            np.ones_like(picture), **options
        )

    frames = len(pictures)
    g = pictures - sum(window(frame) for frame in pictures) / frames
    h = g / (np.sqrt(sum(window(frame**2) for frame in g)) / frames)
    ours = normalise(torch.from_numpy(pictures)[None].float(), sigma)[0]
    np.testing.assert_allclose(ours, h, atol=2e-4)


def test_one_pixel_of_the_normalisation_by_its_sums():
    pictures, sigma, (i, j) = frames_of_atoms(2)[:, :24, :24], 4.0, (3, 12)
    y, x = np.mgrid[:24, :24]

    def weights(row, column):
        w = np.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * sigma**2))
        return w / w.sum()

    g = np.empty_like(pictures)
    for row, column in np.ndindex(24, 24):
        mean = (weights(row, column) * pictures).sum() / 2
        g[:, row, column] = pictures[:, row, column] - mean
    h = g[:, i, j] / (0.5 * np.sqrt((weights(i, j) * g**2).sum()))
    ours = normalise(torch.from_numpy(pictures)[None].float(), sigma)[0, :, i, j]
    np.testing.assert_allclose(ours, h, rtol=1e-4)


def test_one_frame_is_normalised_to_unit_local_contrast():
    picture = torch.from_numpy(frames_of_atoms(1))[None].float()
    h = normalise(picture, 6.0)
    assert float(h.square().mean()) == pytest.approx(1, abs=0.1)
    assert float(h.mean()) == pytest.approx(0, abs=0.1)


def test_normalisation_ignores_brightness_and_contrast():
    pictures = torch.from_numpy(frames_of_atoms())[None].float()
    expected = normalise(pictures, 6.0)
    torch.testing.assert_close(normalise(1e4 * pictures + 300, 6.0), expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("value", [0.0, 0.37, 1.0, 3e4])
@pytest.mark.parametrize("frames", [1, 3])
def test_a_constant_picture_becomes_zeros(value, frames):
    pictures = normalise(torch.full((2, frames, 96, 80), value), 12.0)
    assert pictures.abs().max() < 1e-3


# Labels


def label(positions, classes, shape=(40, 50), sampling=0.2, sigma=0.35, **options):
    return render_labels(
        torch.tensor([positions]),
        torch.tensor([classes]),
        shape,
        torch.tensor([sampling]),
        sigma,
        **options,
    )[0]


def test_labels_sum_to_one_and_stay_between_zero_and_one():
    rng = torch.Generator().manual_seed(0)
    positions = torch.rand(2, 300, 2, generator=rng) * 10
    classes = torch.randint(0, 4, (2, 300), generator=rng)
    labels = render_labels(positions, classes, (50, 50), torch.tensor([0.2, 0.15]), 0.5, 4)
    torch.testing.assert_close(labels.sum(dim=1), torch.ones(2, 50, 50))
    assert labels.min() > -1e-6
    assert labels.max() < 1 + 1e-6


def test_a_label_is_a_gaussian_of_height_one_at_x_and_y():
    found = label([[6.0, 2.0]], [1])[1]
    y, x = np.mgrid[:40, :50] * 0.2
    expected = np.exp(-((x - 6) ** 2 + (y - 2) ** 2) / (2 * 0.35**2))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found[10, 30] == pytest.approx(1)


def test_a_class_draws_in_its_own_map():
    maps = label([[6.0, 2.0], [2.0, 6.0]], [1, 2], n_classes=3)
    assert maps[1, 10, 30] == pytest.approx(1)
    assert maps[2, 30, 10] == pytest.approx(1)
    assert maps[1, 30, 10] == pytest.approx(0, abs=1e-6)


def test_padding_draws_nothing():
    assert torch.equal(label([[6.0, 2.0]], [0])[0], torch.ones(40, 50))


def test_where_labels_overlap_they_share_one():
    maps = label([[4.0, 4.0], [4.0, 4.0], [4.2, 4.0]], [1, 1, 2], n_classes=3)
    assert maps[0, 20, 20] == pytest.approx(0, abs=1e-6)
    second = np.exp(-(0.2**2) / (2 * 0.35**2))
    assert maps[1, 20, 20] == pytest.approx(2 / (2 + second))


def test_labels_wrap_around_a_periodic_box():
    box = 10.0
    wrapped = label([[-0.1, 3.0]], [1], shape=(50, 50), box=box)[1]
    assert float(wrapped[15, 0]) == pytest.approx(float(wrapped[15, 49]), rel=1e-4)
    moved = label([[4.9, 3.0 + 2 * box]], [1], shape=(50, 50), box=box)[1]
    torch.testing.assert_close(wrapped.roll(25, dims=1), moved, atol=1e-5, rtol=0)


# Batches


CAMERA_RANGE = {"c1": 1.0, "c2": 0.5, "c3": 2.0, "nyquist_ratio": 1.0}


def batch(bank, ranges, seed=0, count=16, crop=64, **options):
    return make_batch(
        bank,
        count,
        energy=ENERGY,
        ranges=ranges | {"sampling": Range(low=0.18, high=0.22)},
        crop=crop,
        label_sigma=0.35,
        normalisation_sigma=12.0,
        generator=torch.Generator().manual_seed(seed),
        **options,
    )


def correlations(made):
    """Correlation of each picture with its map of atoms."""
    pairs = zip(made.images[:, 0], made.labels[:, 1], strict=True)
    return [float(torch.corrcoef(torch.stack([p.ravel(), q.ravel()]))[0, 1]) for p, q in pairs]


@pytest.mark.parametrize("sign", [1, -1])
def test_labels_sit_on_bright_atoms_at_negative_cs_and_on_dark_atoms_at_positive(
    phase_sheets, fixed, sign
):
    """Through translation, resampling and symmetry: in every single picture."""
    optics = PERFECT | {"cs": sign * 1.5e5, "defocus": sign * 80.0, "focal_spread": 25.0}
    made = batch(phase_sheets, fixed(**optics, **CAMERA_RANGE, dose=1e6), count=32)
    assert all(-sign * value > 0.5 for value in correlations(made))


def test_a_batch_is_the_same_for_the_same_seed_only(phase_sheets, fixed):
    ranges = fixed(**PERFECT | {"focal_spread": 25.0}, **CAMERA_RANGE, dose=1e4)
    first, again, other = (batch(phase_sheets, ranges, seed) for seed in (0, 0, 1))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.images, other.images)


def test_a_batch_stays_within_its_ranges(phase_sheets):
    ranges = {name: Range(low=low, high=high) for name, (low, high) in LIMITS.items()}
    ranges |= {
        "c1": Range(low=0, high=0.1),
        "c2": Range(low=0.4, high=0.6),
        "c3": Range(low=2, high=3),
        "nyquist_ratio": Range(low=0.5, high=1.5, distribution="loguniform"),
        "dose": Range(low=1e2, high=1e5, distribution="loguniform"),
    }
    samplings = set()
    for seed in range(20):
        made = batch(phase_sheets, ranges, seed, count=4)
        assert made.images.shape == (4, 1, 64, 64)
        assert made.labels.shape == (4, 2, 64, 64)
        assert made.images.isfinite().all()
        torch.testing.assert_close(made.labels.sum(dim=1), torch.ones(4, 64, 64))
        assert set(made.parameters) == {*OPTICS, *CAMERA, "dose"}
        for name, values in made.parameters.items():
            assert values.min() >= ranges[name].low * (1 - 1e-6) - 1e-9
            assert values.max() <= ranges[name].high * (1 + 1e-6)
        samplings.add(made.sampling)
    assert min(samplings) >= 0.18
    assert max(samplings) <= 0.22
    assert len(samplings) > 5


def test_atoms_just_beyond_the_border_draw_their_tails(phase_sheets, fixed):
    """A crop of the whole box has the labels of a periodic structure."""
    ranges = fixed(**PERFECT | {"focal_spread": 25.0}, **CAMERA_RANGE, dose=1e6)
    made = make_batch(
        phase_sheets,
        4,
        energy=ENERGY,
        ranges=ranges | fixed(sampling=0.2),
        crop=120,
        label_sigma=0.35,
        normalisation_sigma=12.0,
        generator=torch.Generator().manual_seed(0),
    )
    across = (made.labels[:, 1, :, 0] - made.labels[:, 1, :, -1]).abs().max()
    assert across <= made.labels[:, 1].diff(dim=2).abs().max()


def test_a_crop_larger_than_the_picture_is_an_error(phase_sheets, fixed):
    with pytest.raises(ValueError, match="does not fit"):
        batch(phase_sheets, fixed(**PERFECT, **CAMERA_RANGE, dose=1e4), crop=112)


def test_the_eight_symmetries_differ_and_keep_pictures_and_labels_together():
    picture = torch.arange(9.0).reshape(1, 1, 3, 3).expand(8, 1, 3, 3)
    turned = dihedral(picture, torch.arange(8))
    assert len({tuple(item.ravel().tolist()) for item in turned}) == 8
    assert torch.equal(dihedral(10 * picture, torch.arange(8)), 10 * turned)


def test_scale_jitter_uses_every_even_size():
    assert image_sizes(24.0, 0.2, 0.22) == [110, 112, 114, 116, 118, 120]
    assert image_sizes(43.2, 0.12, 0.12) == [360]
    with pytest.raises(ValueError, match="no even number"):
        image_sizes(24.0, 0.2001, 0.2002)


def test_draws_are_uniform_in_the_value_or_in_its_logarithm():
    ranges = {
        "plain": Range(low=-2, high=4),
        "log": Range(low=1e2, high=1e4, distribution="loguniform"),
    }
    drawn = draw(ranges, 20_000, torch.Generator().manual_seed(0))
    assert float(drawn["plain"].mean()) == pytest.approx(1, abs=0.06)
    assert float(drawn["plain"].std()) == pytest.approx(6 / np.sqrt(12), abs=0.04)
    assert float(drawn["log"].log10().mean()) == pytest.approx(3, abs=0.02)
    assert float(drawn["log"].log10().std()) == pytest.approx(2 / np.sqrt(12), abs=0.02)


def test_frames_of_a_series_share_all_but_defocus_and_noise(phase_sheets, fixed):
    """At a dose without noise the frames are those of single pictures at each defocus."""
    values = PERFECT | dict(defocus=10.0, cs=-1e5, focal_spread=30.0, dose=3e12, sampling=0.25)
    values |= dict(c1=0.0, c2=0.5, c3=2.5, nyquist_ratio=1.0)
    common = dict(energy=80e3, crop=64, label_sigma=0.35, normalisation_sigma=12.0)

    def pictures(defocus, series):
        generator = torch.Generator().manual_seed(5)
        made = make_batch(
            phase_sheets,
            2,
            ranges=fixed(**(values | {"defocus": defocus})),
            generator=generator,
            series=series,
            **common,
        )
        return made.images, made.labels

    series, labels = pictures(10.0, (-60.0, 0.0, 50.0))
    assert series.shape == (2, 3, 64, 64)
    for frame, defocus in enumerate((-50.0, 10.0, 60.0)):
        single, same_labels = pictures(defocus, (0.0,))
        torch.testing.assert_close(labels, same_labels)
        # Normalised together, so alike but for a factor and an offset that vary slowly.
        correlation = torch.corrcoef(torch.stack([series[0, frame].ravel(), single[0, 0].ravel()]))[
            0, 1
        ]
        assert correlation > 0.98


def test_the_dose_is_that_of_the_whole_series(phase_sheets):
    optics = columns(1, **PERFECT)
    optics |= {"defocus": torch.zeros(1), "cs": torch.zeros(1), "focal_spread": torch.ones(1)}
    frames = series_intensity(
        phase_sheets.spectra[:1],
        phase_sheets.frequencies,
        phase_sheets.box,
        96,
        80e3,
        optics,
        (-100.0, 0.0, 100.0),
    )
    assert frames.shape == (1, 3, 96, 96)
    # Every frame conserves the electrons.
    torch.testing.assert_close(frames.mean(dim=(2, 3)), torch.ones(1, 3), atol=1e-3, rtol=0)
    assert not torch.allclose(frames[:, 0], frames[:, 2], atol=1e-2)
