"""Refined disks: drawn patterns whose lattice is known, with structure inside of their disks."""

import numpy as np
import pytest
import torch

from latticework.analysis.diffraction import disk_models
from latticework.analysis.diffraction.disk_patches import Patches, solve
from latticework.analysis.diffraction.disk_probe import make_probe
from latticework.analysis.diffraction.disks import POWER, lattice_points, refine
from latticework.limits.disks import lattice_bound

SIZE, RADIUS, CENTRE = 128, 4.3, (64.3, 63.8)
LATTICE = torch.tensor([[64.1, 64.4], [17.3, 1.1], [-2.2, 19.9]], dtype=torch.float64)
OFFSETS = torch.arange(SIZE, dtype=torch.float64)


def disk(x: float, y: float, radius: float = RADIUS, bars: float = 0.0) -> torch.Tensor:
    """A disk with a soft edge, crossed by rings of a period of `bars` px (a bullseye)."""
    distance = torch.hypot(OFFSETS - x, OFFSETS[:, None] - y)
    inside = torch.sigmoid((radius - distance) / 0.25)
    if bars:
        inside = inside * (0.15 + 0.85 * torch.sigmoid(8 * torch.cos(2 * np.pi * distance / bars)))
    return inside


def brightest(lattice: torch.Tensor, reach: float, border: float) -> torch.Tensor:
    """Indices of the disks about the direct beam."""
    indices = lattice_points(lattice, (SIZE, SIZE), border)
    return indices[torch.linalg.norm(indices.double() @ lattice[1:], dim=1) <= reach]


def patterns(count: int, lattice: torch.Tensor, radius: float = RADIUS, bars: float = 0.0):
    """Patterns of disks of very different intensities, each with a slope and a bend of its own."""
    generator = torch.Generator().manual_seed(5)
    places = brightest(lattice, 45 if radius > 8 else 55, 0)
    found = []
    for _ in range(count):
        pattern = torch.full((SIZE, SIZE), 1e-4, dtype=torch.float64)
        for h, k in places.tolist():
            x, y = (lattice[0] + h * lattice[1] + k * lattice[2]).tolist()
            chance = torch.rand(4, generator=generator, dtype=torch.float64)
            u, v = (OFFSETS - x) / radius, ((OFFSETS - y) / radius)[:, None]
            slope = 1.5 * ((chance[1] - 0.5) * u + (chance[2] - 0.5) * v)
            bend = (chance[3] - 0.5) * (u**2 + v**2)
            pattern += 10 ** (-2.5 * chance[0]) * disk(x, y, radius, bars) * torch.exp(slope + bend)
        found.append(pattern)
    return torch.stack(found)


def fitted(pictures, start, radius=RADIUS, bars=0.0):
    probe = make_probe(disk(*CENTRE, radius, bars), CENTRE, radius, POWER)
    return refine(pictures, start, brightest(LATTICE, 55, radius + 3), probe)


def starts(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(8)
    noise = torch.randn(count, 3, 2, generator=generator, dtype=torch.float64)
    return LATTICE + noise * torch.tensor([[0.4], [0.1], [0.1]], dtype=torch.float64)


def test_a_lattice_is_found_whatever_is_inside_of_its_disks():
    found = fitted(patterns(6, LATTICE), starts(6))
    assert found.converged.all()
    # 0.006 px of 20 are a strain of 3e-4.
    assert (found.lattice - LATTICE)[:, 1:].square().mean().sqrt() < 0.006


@pytest.mark.parametrize("degree", [2, 4])
def test_what_is_left_of_a_disk_is_what_its_basis_leaves_and_falls_along_its_gradient(degree):
    """Summed squares by a least-squares solver, and their gradient by differences."""
    probe = make_probe(disk(*CENTRE, RADIUS), CENTRE, RADIUS, POWER)
    start = starts(2)
    squares = Patches(
        patterns(2, LATTICE), start, brightest(LATTICE, 55, RADIUS + 3), probe, degree
    )
    assert not len(squares.neighbours)
    left, gradient, curvature = solve(squares, start)

    basis, _, _ = squares.basis(start)
    data = squares.data[..., None]
    residual = data - basis @ torch.linalg.lstsq(basis, data, driver="gelsd").solution
    # A little of the diagonal is added to the normal equations.
    torch.testing.assert_close(left, residual.square().sum((-2, -1)), rtol=1e-3, atol=1e-12)

    for axis in (0, 1):
        step = torch.zeros(3, 2, dtype=torch.float64)
        step[0, axis] = 1e-4
        ahead, behind = (solve(squares, start + way * step)[0] for way in (1, -1))
        slope = (ahead - behind) / 2e-4
        scale = (left * curvature[..., axis, axis]).sqrt()
        assert ((slope + 2 * gradient[..., axis]).abs() < 1e-3 * scale).all()


def test_the_answer_follows_the_lattice_and_not_the_start():
    stretch = LATTICE.clone()
    stretch[1:] *= 1.01
    pictures = torch.cat([patterns(3, LATTICE), patterns(3, stretch)])
    found = fitted(pictures, starts(6)).lattice[:, 1:]
    change = (found[3:] - found[:3]).mean(0) / LATTICE[1:].abs().clamp(min=10)
    expected = (stretch - LATTICE)[1:] / LATTICE[1:].abs().clamp(min=10)
    torch.testing.assert_close(change, expected, atol=5e-4, rtol=0)


@pytest.mark.parametrize("dose", [1e5, 1e6])
def test_one_sigma_holds_two_thirds(dose):
    clean = patterns(1, LATTICE)
    generator = torch.Generator().manual_seed(2)
    many = torch.poisson((clean * dose / clean.sum()).expand(60, -1, -1), generator=generator)
    found = fitted(many, LATTICE.expand(60, -1, -1))
    sigma = found.covariance.diagonal(dim1=-2, dim2=-1).sqrt().reshape(-1, 3, 2)
    # About their own mean: what noise alone does, without what the interiors of the disks do, so
    # that more than two thirds are inside where electrons are many.
    inside = ((found.lattice - found.lattice.mean(0)).abs() < sigma).double().mean()
    assert 0.6 < inside < 0.95
    assert (found.lattice - LATTICE).square().mean() < 2 * sigma.square().mean()


def test_a_bullseye_is_measured_better_than_a_plain_disk():
    generator = torch.Generator().manual_seed(3)
    errors = []
    for bars in (0.0, 7.5):
        clean = patterns(1, LATTICE, 7.5, bars)
        many = torch.poisson((clean * 1e5 / clean.sum()).expand(24, -1, -1), generator=generator)
        found = fitted(many, LATTICE.expand(24, -1, -1), 7.5, bars)
        errors.append(float((found.lattice - LATTICE)[:, 1:].square().mean().sqrt()))
    assert errors[1] < errors[0] < 0.02


def test_overlapping_disks_are_measured_by_the_rest_of_their_edges():
    found = fitted(patterns(4, LATTICE, 10.0), starts(4), 10.0)
    assert (found.lattice - LATTICE)[:, 1:].abs().max() < 0.06


def test_dead_regions_and_pixels_that_are_not_finite_do_not_count():
    pictures = patterns(2, LATTICE)
    pictures[:, 30:34] = float("nan")
    pictures[:, 80, 90] = float("inf")
    found = fitted(pictures, starts(2))
    assert (found.lattice - LATTICE)[:, 1:].abs().max() < 0.01


def test_a_pattern_without_disks_is_not_measured_with_confidence():
    generator = torch.Generator().manual_seed(4)
    noise = torch.poisson(torch.full((3, SIZE, SIZE), 20.0), generator=generator)
    found = fitted(noise, starts(3))
    sure = found.covariance.diagonal(dim1=-2, dim2=-1).sqrt()[:, 2:].amax(-1)
    assert ((sure > 0.02) | ~found.converged | ~sure.isfinite()).all()


def test_the_scatter_of_a_plain_pattern_is_at_the_bound():
    """Disks without structure: what noise does is what the Fisher information says."""
    probe = make_probe(disk(*CENTRE), CENTRE, RADIUS, 0.5)
    indices = brightest(LATTICE, 30, RADIUS + 3)
    clean = torch.full((SIZE, SIZE), 1e-3, dtype=torch.float64)
    for h, k in indices.tolist():
        clean += disk(*(LATTICE[0] + h * LATTICE[1] + k * LATTICE[2]).tolist())
    clean /= clean.sum()
    dose, count = 3e5, 120
    bound = lattice_bound(clean[None], LATTICE[None], indices, probe, dose, degree=0)
    generator = torch.Generator().manual_seed(6)
    many = torch.poisson((clean * dose).expand(count, -1, -1), generator=generator)
    found = refine(many, LATTICE.expand(count, -1, -1), indices, probe, degree=0)
    scatter = found.lattice.flatten(1).std(0)
    expected = bound[0].diagonal().sqrt()
    assert (scatter / expected > 0.8).all()
    assert (scatter / expected < 1.25).all()


def test_the_mean_of_models_is_better_than_the_usual_one_of_them():
    probe = make_probe(disk(*CENTRE), CENTRE, RADIUS, POWER)
    indices, pictures = brightest(LATTICE, 55, RADIUS + 3), patterns(12, LATTICE)
    mean, apart = disk_models.refine(pictures, starts(12), indices, probe)
    assert mean.converged.all()
    assert torch.from_numpy(apart.numpy().sum(axis=0)).abs().max() < 1e-9
    each = (apart.unflatten(-1, (3, 2)) + mean.lattice - LATTICE)[:, :, 1:]
    of_each = each.square().mean((1, 2, 3)).sqrt()
    of_mean = (mean.lattice - LATTICE)[:, 1:].square().mean().sqrt()
    assert of_mean < of_each.mean()


def test_a_single_model_is_the_refinement_itself():
    probe = make_probe(disk(*CENTRE), CENTRE, RADIUS, POWER)
    indices, pictures = brightest(LATTICE, 55, RADIUS + 3), patterns(2, LATTICE)
    alone, apart = disk_models.refine(pictures, starts(2), indices, probe, degrees=(2,))
    expected = refine(pictures, starts(2), indices, probe, degree=2)
    torch.testing.assert_close(alone.lattice, expected.lattice)
    torch.testing.assert_close(alone.covariance, expected.covariance)
    assert not apart.any()


def test_the_scatter_of_models_is_the_variance_of_their_mean():
    rng = np.random.default_rng(4)
    common = disk_models.IN_COMMON**0.5 * rng.normal(size=(1, 4000, 6))
    errors = common + (1 - disk_models.IN_COMMON) ** 0.5 * rng.normal(size=(3, 4000, 6))
    apart = errors - errors.mean(axis=0)
    for averaged, answer in ((3, errors.mean(axis=0)), (1, errors[0])):
        said = np.diag(disk_models.model_covariance(apart, averaged))
        np.testing.assert_allclose(said, answer.var(axis=0), rtol=0.1)
