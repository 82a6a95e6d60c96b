"""Augmentation of diffraction patterns: geometry, counts and shares are what they say."""

import math

import pytest
import torch

from latticework.config.base import Range
from latticework.imaging.diffraction import (
    augment,
    count,
    defective_pixels,
    distort,
    ellipse_matrix,
    plasmon_background,
)

SIZE, STEP = 64, 0.05
NOTHING = {
    "background": 0,
    "background_width": 0.05,
    "ellipticity": 0,
    "shift": 0,
    "dose": 1e14,
    "hot": 0,
    "dead": 0,
}


def spot(x, y, width=1.5):
    """A Gaussian (SIZE, SIZE) of sum one at (x, y) px from the zero frequency."""
    offset = torch.arange(SIZE) - SIZE // 2
    picture = torch.exp(-0.5 * ((offset - x) ** 2 + (offset[:, None] - y) ** 2) / width**2)
    return picture / picture.sum()


def centre_of(picture):
    offset = (torch.arange(SIZE) - SIZE // 2).float()
    return (
        torch.stack([(picture * offset).sum(), (picture * offset[:, None]).sum()]) / picture.sum()
    )


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def triplet(ranges, seed=0, copies=1):
    pattern = 0.6 * spot(0, 0) + 0.3 * spot(12, 5) + 0.1 * spot(-7, 9)
    probe = spot(0, 0)
    batch = (p.expand(copies, SIZE, SIZE) / probe.max() for p in (pattern, probe, spot(12, 5)))
    return augment(*batch, step=STEP, ranges=ranges, generator=generator(seed))


def test_without_any_imperfection_a_triplet_stays(fixed):
    found = triplet(fixed(**NOTHING))
    probe = spot(0, 0)
    pattern = (0.6 * probe + 0.3 * spot(12, 5) + 0.1 * spot(-7, 9)) / probe.max()
    torch.testing.assert_close(found.pattern[0], pattern, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.probe[0], probe / probe.max(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("position", [(10.0, 0.0), (0.0, -12.0), (9.0, 6.0)])
def test_an_ellipse_moves_a_peak_as_its_matrix_says(position):
    ellipse = ellipse_matrix(torch.tensor([0.2]), torch.tensor([0.5]))
    moved = distort(spot(*position)[None], ellipse, torch.tensor([[1.5, -2.0]]))[0]
    expected = ellipse[0] @ torch.tensor(position) + torch.tensor([1.5, -2.0])
    torch.testing.assert_close(centre_of(moved), expected, atol=0.02, rtol=0)
    assert float(moved.sum()) == pytest.approx(1, abs=0.01)


def test_a_matrix_stretches_along_its_angle_and_keeps_areas():
    angle = 0.7
    matrix = ellipse_matrix(torch.tensor([0.1]), torch.tensor([angle]))[0]
    along = torch.tensor([math.cos(angle), math.sin(angle)])
    across = torch.tensor([-math.sin(angle), math.cos(angle)])
    torch.testing.assert_close(matrix @ along, 1.05 * along)
    torch.testing.assert_close(matrix @ across, across / 1.05)


def test_ellipse_and_shift_reach_what_they_should(fixed):
    """The ellipse all three, the shift pattern and structure factors, noise the pattern alone."""
    found = triplet(fixed(**NOTHING | {"ellipticity": 0.15, "shift": 4}))
    ellipse = ellipse_matrix(torch.tensor([0.15]), found.parameters["ellipse_angle"])[0]
    peak = ellipse @ torch.tensor([12.0, 5.0]) + 4
    torch.testing.assert_close(centre_of(found.structure_factors[0]), peak, atol=0.05, rtol=0)
    torch.testing.assert_close(centre_of(found.probe[0]), torch.zeros(2), atol=0.02, rtol=0)
    centre = ellipse @ (0.3 * torch.tensor([12.0, 5]) + 0.1 * torch.tensor([-7.0, 9])) + 4
    torch.testing.assert_close(centre_of(found.pattern[0]), centre, atol=0.1, rtol=0)
    noisy = triplet(fixed(**NOTHING | {"dose": 100, "hot": 0.01, "dead": 0.01}))
    clean = triplet(fixed(**NOTHING))
    assert not torch.equal(noisy.pattern, clean.pattern)
    torch.testing.assert_close(noisy.probe, clean.probe)
    torch.testing.assert_close(noisy.structure_factors, clean.structure_factors)


def test_a_background_is_a_lorentzian_about_the_probe():
    point = torch.zeros(1, SIZE, SIZE)
    point[0, SIZE // 2, SIZE // 2] = 1
    width = 0.2
    found = plasmon_background(point, torch.tensor([width]), STEP)[0]
    assert float(found.sum()) == pytest.approx(1, abs=1e-5)
    middle = float(found[SIZE // 2, SIZE // 2])
    for x, y in ((4, 0), (0, -8), (6, 6)):
        expected = width**2 / ((x**2 + y**2) * STEP**2 + width**2)
        value = float(found[SIZE // 2 + y, SIZE // 2 + x])
        assert value / middle == pytest.approx(expected, rel=1e-3)


def test_a_background_takes_its_share_of_the_electrons(fixed):
    clean, hazy = (triplet(fixed(**NOTHING | {"background": b})).pattern[0] for b in (0, 0.1))
    assert float(hazy.sum()) == pytest.approx(float(clean.sum()), rel=1e-4)
    # Far from every peak there is now something.
    assert float(clean[2:6, 2:6].max()) < 1e-6 < float(hazy[2:6, 2:6].min())
    peak = SIZE // 2 + 5, SIZE // 2 + 12
    assert float(hazy[peak] / clean[peak]) == pytest.approx(0.9, abs=0.02)


def test_counts_have_the_mean_and_the_variance_of_a_dose():
    dose = torch.full((400,), 2000.0)
    pattern = spot(3, 4).expand(400, SIZE, SIZE)
    counted = count(pattern, dose, generator())
    electrons = counted.sum(dim=(-2, -1)) * 2000
    assert float(electrons.mean()) == pytest.approx(2000, abs=8)
    assert float(electrons.var()) == pytest.approx(2000, rel=0.2)
    bright = counted[:, SIZE // 2 + 4, SIZE // 2 + 3] * 2000
    expected = float(spot(3, 4).max()) * 2000
    assert float(bright.mean()) == pytest.approx(expected, rel=0.02)
    assert float(bright.var()) == pytest.approx(expected, rel=0.25)


def test_hot_and_dead_pixels_have_their_shares():
    pattern = torch.ones(8, SIZE, SIZE)
    pattern[:, 0, 0] = 5
    share = torch.full((8,), 0.05)
    found = defective_pixels(pattern, share, share / 2, generator())
    changed = found != pattern
    assert float((found == 0).float().mean()) == pytest.approx(0.025, abs=0.004)
    assert float((changed & (found != 0)).float().mean()) == pytest.approx(0.05, abs=0.006)
    assert 4.5 < float(found.max()) <= 5


def test_everything_random_comes_from_the_generator():
    ranges = {
        "background": Range(low=0.01, high=0.1),
        "background_width": Range(low=0.01, high=0.1),
        "ellipticity": Range(low=0, high=0.15),
        "shift": Range(low=-10, high=10),
        "dose": Range(low=1e5, high=1e10, distribution="loguniform"),
        "hot": Range(low=0, high=1e-3),
        "dead": Range(low=0, high=1e-3),
    }
    first, again, other = (triplet(ranges, seed=s, copies=3) for s in (1, 1, 2))
    assert torch.equal(first.pattern, again.pattern)
    assert not torch.equal(first.pattern, other.pattern)
    # Each of a batch is another draw.
    assert len(set(first.parameters["dose"].tolist())) == 3
    assert not torch.equal(first.pattern[0], first.pattern[1])
    assert not torch.equal(first.parameters["shift_x"], first.parameters["shift_y"])
    for picture in (first.pattern, first.probe, first.structure_factors):
        assert picture.isfinite().all()
        assert picture.min() >= 0
