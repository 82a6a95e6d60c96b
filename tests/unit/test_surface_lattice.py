"""Lattices of images without a network: known ones, real ones, and images that have none."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from latticework.analysis.surfaces.harmonics import fitted
from latticework.analysis.surfaces.lattice import symmetry_of
from latticework.analysis.surfaces.lock_in import correlation_length, demodulate, domain_walls
from latticework.analysis.surfaces.order import first_star, ordering, staggered, waves_at
from latticework.analysis.surfaces.reading import read_lattice
from latticework.datasets.read import read_picture
from latticework.imaging.levelling import level, line_offsets

SIZE = 160
Y, X = np.mgrid[:SIZE, :SIZE].astype(float)


def rng(seed=0):
    return np.random.default_rng(seed)


def waves(*frequencies):
    """Sum of cosines of frequencies in cycles/px."""
    return sum(np.cos(2 * np.pi * (f[0] * X + f[1] * Y)) for f in frequencies)


def hexagonal(constant=14.0, turn=0.2, noise=0.5):
    """Three waves of a hexagonal lattice, with noise."""
    angles = turn + np.arange(3) * np.pi / 3
    size = 2 / np.sqrt(3) / constant
    return waves(*(size * np.array([np.cos(t), np.sin(t)]) for t in angles)) + rng().normal(
        0, noise, X.shape
    )


# Levelling


def test_levelling_takes_off_planes_and_lines_and_nothing_else():
    surface = hexagonal(noise=0.1)
    raw = surface + 0.3 * X - 0.2 * Y + rng(1).normal(0, 20, (SIZE, 1)) + 1e3
    flat = level(torch.from_numpy(raw)).numpy()
    bare = level(torch.from_numpy(surface)).numpy()
    assert np.corrcoef(flat.ravel(), bare.ravel())[0, 1] > 0.99
    assert abs(np.median(flat)) < 1e-3
    assert 1.4826 * np.median(np.abs(flat)) == pytest.approx(1, abs=1e-3)
    assert not level(torch.full((2, 40, 50), 3.0)).any()


def test_a_step_edge_and_an_adsorbate_do_not_move_lines():
    surface = 0.1 * rng().normal(size=X.shape)
    surface[:, 100:] += 5
    surface[60:80, 20:60] += 9
    offsets = line_offsets(torch.from_numpy(surface)).numpy()[:, 0]
    assert np.ptp(offsets) < 0.3
    # The mean of a line, which levels by averages follow, is moved.
    assert np.ptp(surface.mean(axis=1)) > 1


def test_a_jump_of_the_tip_is_undone():
    surface = 0.1 * rng().normal(size=X.shape) + np.where(Y > 70, 8.0, 0.0)
    flat = level(torch.from_numpy(surface)).numpy()
    assert abs(flat[:70].mean() - flat[72:].mean()) < 0.3


# Known lattices


@pytest.mark.parametrize(("constant", "turn"), [(9.0, 0.1), (14.0, 0.7), (24.0, 0.2)])
def test_a_hexagonal_lattice_is_measured(constant, turn):
    found = read_lattice(hexagonal(constant, turn) + 0.05 * X)
    lattice = found.lattice
    assert lattice.symmetry == "hexagonal"
    np.testing.assert_allclose(lattice.lengths, constant, rtol=0.01)
    assert lattice.angle == pytest.approx(120, abs=1)
    assert found.confident, found.warnings
    assert found.coverage > 0.9


def test_an_oblique_lattice_and_its_indices_are_found():
    a, b = np.array([0.061, 0.013]), np.array([0.009, 0.083])
    lattice = read_lattice(waves(a, b, a + b, a - b) + rng().normal(0, 0.3, X.shape)).lattice
    expected = np.linalg.inv(np.array([a, b])).T
    area = abs(np.linalg.det(expected))
    assert abs(np.linalg.det(lattice.vectors)) == pytest.approx(area, rel=0.02)
    assert lattice.symmetry == "oblique"
    assert lattice.confidence > 0.95


@pytest.mark.parametrize(
    ("vectors", "symmetry"),
    [
        ([[10, 0], [-5, 8.66]], "hexagonal"),
        ([[10, 0], [0, 10.1]], "square"),
        ([[10, 0], [0, 14]], "rectangular"),
        ([[10, 0], [-5, 12]], "centred rectangular"),
        ([[10, 0], [-2.5, 13]], "oblique"),
    ],
)
def test_symmetries(vectors, symmetry):
    found, probability = symmetry_of(np.array(vectors, dtype=float))
    assert found == symmetry
    assert probability > 0.5


def test_errors_are_those_of_repeated_scans():
    def measured(seed):
        clean = hexagonal(14.0, 0.2, 0.0)
        return read_lattice(clean + rng(seed).normal(0, 2.0, X.shape)).lattice

    several = [measured(seed) for seed in range(6)]
    spread = np.std([lattice.lengths.mean() for lattice in several])
    said = np.mean([lattice.length_sigma.mean() for lattice in several])
    assert spread < 3 * said
    assert said < 0.1


@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_errors_hold_where_lines_jitter_as_where_pixels_are_noisy(jitter):
    size = 2 / np.sqrt(3) / 14.0
    waves_of = size * np.array([[np.cos(t), np.sin(t)] for t in (0.2, 0.2 + np.pi / 3)])
    vectors = np.linalg.inv(waves_of).T
    indices, pulls = np.array([[1, 0], [0, 1], [1, -1]]), []
    for seed in range(12):
        # The shift of a line lasts for some lines, as that of a scan does.
        shift = ndimage.gaussian_filter1d(rng(seed).normal(size=SIZE), 4)
        moved = X + jitter * (shift / shift.std())[:, None]
        image = rng(seed + 100).normal(0, 1.0, X.shape)
        for h, k in indices:
            along, across = h * waves_of[0] + k * waves_of[1]
            image += np.cos(2 * np.pi * (along * moved + across * Y))
        found, covariance = fitted(image, vectors * 1.001, indices, taper=True)
        pulls.append((found - vectors).ravel() / np.sqrt(np.diag(covariance)))
    pulls = np.array(pulls)
    assert 0.5 < np.sqrt((pulls**2).mean()) < 1.5
    assert 0.5 < (np.abs(pulls) < 1).mean() < 0.9


# What is no lattice, or half of one


def noise(kind, seed):
    """Images without a lattice."""
    white = rng(seed).normal(size=X.shape)
    if kind == "white":
        return white
    if kind == "lines":
        return 0.3 * white + rng(seed).normal(size=(SIZE, 1)).cumsum(0)
    if kind == "hum":
        return 0.3 * white + np.cos(2 * np.pi * (0.13 * X + 0.21 * Y))
    if kind == "blobs":
        return ndimage.gaussian_filter(white, 3) * 10 + 0.1 * white
    return 0.3 * white + 3 * (X > 70 + 0.2 * Y)


@pytest.mark.parametrize("kind", ["white", "lines", "hum", "blobs", "step"])
def test_an_image_without_a_lattice_has_no_confident_one(kind):
    found = read_lattice(noise(kind, 0))
    assert not found.confident
    assert found.warnings


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda image: np.where(Y < SIZE / 2, image, np.roll(image, 5, 1) + 8), "jumps"),
        (lambda image: np.where(Y < SIZE / 2, image, 0.0), "hold no signal"),
        (lambda image: np.where(Y % 2 == 0, image, 0.0), "hold no signal"),
        (lambda image: np.where(Y < SIZE / 2, image, rng(3).normal(0, 2, X.shape)), "seen in"),
    ],
)
def test_half_an_image_is_warned_of(change, word):
    found = read_lattice(change(hexagonal()))
    assert any(word in warning for warning in found.warnings)
    assert not found.confident


# Order


def test_ordering_vectors_and_their_ratio():
    g = np.array([[0.15, 0.02], [0.06, 0.14]])
    image = waves(*g) + 0.4 * waves(*(g / 3)) + rng().normal(0, 0.3, X.shape)
    found = ordering(image, g, 3)
    np.testing.assert_allclose(found.fractions, 1 / 3, rtol=0.02)
    assert found.ratio == pytest.approx(0.4, abs=4 * found.ratio_sigma)
    assert found.ratio_sigma < 0.05
    assert all(wave.present for wave in found.order)


def test_order_on_one_diagonal_is_told_from_order_on_both():
    a, b = np.array([0.08, 0.005]), np.array([-0.004, 0.075])
    image = waves(a, b) + 0.5 * waves(0.5 * (a - b)) + rng().normal(0, 0.5, X.shape)
    image += rng(1).normal(0, 1, (SIZE, 1))
    lattice = read_lattice(waves(a, b)).lattice
    levelled = level(torch.from_numpy(image)).numpy()
    found = staggered(levelled, lattice)
    present = sorted(point for point, wave in found.items() if wave.present)
    assert len(present) == 1
    assert 0.5 in np.abs(present[0])


def test_noise_alone_is_no_wave():
    images = [rng(seed).normal(size=X.shape) for seed in range(4)]
    places = [np.array([0.05 + 0.03 * i, 0.04 + 0.05 * j]) for i in range(5) for j in range(4)]
    found = [wave.present for image in images for wave in waves_at(image, places, free=False)]
    assert len(found) == 80
    assert not any(found)


def test_lock_in_gives_amplitude_phase_and_walls():
    g = np.array([0.1, 0.03])
    sign = np.where(X < 80, 1.0, -1.0)
    found = demodulate(
        2.0 * sign * np.cos(2 * np.pi * (g @ [X.ravel(), Y.ravel()]).reshape(X.shape) + 0.4), g, 6
    )
    np.testing.assert_allclose(np.abs(found[20:-20, 20:50]), 2, rtol=0.03)
    np.testing.assert_allclose(np.angle(found[20:-20, 20:50]), 0.4, atol=0.03)
    wall = domain_walls(found)
    assert wall[20:-20, 76:84].all(axis=None)
    assert not wall[20:-20, 20:55].any()
    # Domains that differ by half a turn are one where two waves make a period.
    assert np.abs(np.angle((found[80, 30] * found[80, 130].conj()) ** 2)) < 0.1


def test_a_correlation_length_is_found_again():
    count, length = 120, 5.0
    white = rng().normal(size=(count, count))
    k = np.hypot(*np.meshgrid(np.fft.fftfreq(count), np.fft.fftfreq(count)))
    # exp(−r/ξ) in two dimensions has the spectrum (1 + (2πkξ)²)^(−3/2).
    shape = (1 + (2 * np.pi * k * length) ** 2) ** -0.75
    field = np.fft.ifft2(np.fft.fft2(white) * shape).real
    places = np.stack(np.meshgrid(np.arange(count), np.arange(count)), -1).reshape(-1, 2)
    found, _, _ = correlation_length(places, field.ravel(), 15.0)
    assert found == pytest.approx(length, rel=0.2)


# Real images


def real(mirror, name):
    picture = read_picture(mirror / "stm" / name)
    return read_lattice(picture.image[0]), picture.sampling


def test_niobium_disulphide_orders_three_by_three(mirror):
    found, sampling = real(mirror, "nbs2_cdw_2e.txt")
    assert found.lattice.symmetry == "hexagonal"
    star = first_star(found.lattice)
    waves_found = ordering(found.levelled, 3 * star, 3)
    np.testing.assert_allclose(waves_found.fractions, 1 / 3, rtol=0.02)
    lengths = sorted(np.linalg.norm(w.frequency) * 10 / sampling for w in waves_found.order)
    np.testing.assert_allclose(lengths, [1.19, 1.22, 1.25], rtol=0.02)
    assert waves_found.ratio > 20 * waves_found.ratio_sigma


def test_a_manganite_orders_along_one_diagonal(mirror):
    found, _ = real(mirror, "lsmo110_manganite.png")
    spacings = 1 / np.linalg.norm(found.reflections.frequencies, axis=1)
    assert np.abs(spacings - 17.5).min() < 0.3
    assert np.abs(spacings - 12.8).min() < 0.2
    assert np.abs(spacings - 13.65).min() < 0.2
    # The cell of the order is spanned by (½, −½) and (½, ½); the first is there, the second is not.
    ordered, other = waves_at(found.levelled, found.lattice.reciprocal)
    assert ordered.significance > 5
    assert not other.present


def test_graphite_and_iron_bromide_have_their_periods(mirror):
    found, _ = real(mirror, "hopg_a.png")
    assert found.confident
    assert found.lattice.symmetry == "hexagonal"
    # The pixel is nominally about 0.075 Å.
    assert found.lattice.spacing * 0.075 == pytest.approx(2.46, rel=0.02)
    found, sampling = real(mirror, "febr2_on_au111_4nm.sxm")
    assert found.lattice.spacing * sampling == pytest.approx(9.7, rel=0.02)


def test_forward_and_backward_scans_have_one_lattice(mirror):
    path = mirror / "stm/si111_7x7_20nm.sxm"
    both = [
        read_lattice(read_picture(path, image=way).image[0]).lattice
        for way in ("forward", "backward")
    ]
    apart = both[0].lengths - both[1].lengths
    sigma = np.hypot(both[0].length_sigma, both[1].length_sigma)
    assert (np.abs(apart) < 4 * sigma).all()
