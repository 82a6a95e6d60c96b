import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.stats import norm

from latticework.limits.fisher import (
    detection_bound,
    fisher_information,
    joint_position_bounds,
    position_bound,
    rayleigh_fraction,
)

SAMPLING = 0.2


def blob(x0, y0, contrast, sigma=0.5, extent=6.0):
    """Mean image of a Gaussian atom on vacuum, and its derivatives by x0 and y0 (1/Å)."""
    axis = np.arange(-extent, extent + SAMPLING / 2, SAMPLING)
    x, y = np.meshgrid(axis - x0, axis - y0)
    peak = contrast * np.exp(-(x**2 + y**2) / (2 * sigma**2))
    return 1 + peak, x / sigma**2 * peak, y / sigma**2 * peak


@pytest.mark.parametrize("contrast", [0.01, -0.01])
def test_weak_gaussian_blob_has_the_analytic_bound(contrast):
    mean, dx, dy = blob(0.03, -0.05, contrast)
    dose = 1e4
    # F = dose ∫ (∂I/∂x)² dA = dose π contrast² / 2, whatever the blob's width.
    expected = 1 / np.sqrt(dose * np.pi * contrast**2 / 2)
    bound = position_bound(dx, dy, mean, dose * SAMPLING**2)
    assert bound == pytest.approx([expected, expected], rel=0.01)


def test_bound_falls_with_the_square_root_of_dose():
    mean, dx, dy = blob(0, 0, 0.3)
    low, high = (position_bound(dx, dy, mean, dose) for dose in (1.0, 100.0))
    assert low == pytest.approx(10 * high)


def test_maximum_likelihood_reaches_the_bound():
    rng = np.random.default_rng(5)
    dose = 2000 * SAMPLING**2
    mean, dx, dy = blob(0.0, 0.0, 0.5, extent=2.0)

    def estimate(counts):
        # The sum of squared deviance residuals is the Poisson likelihood, so least squares of
        # them is maximum likelihood.
        def misfit(position):
            model = dose * blob(*position, 0.5, extent=2.0)[0]
            deviance = 2 * (model - counts + counts * np.log(np.maximum(counts, 1e-300) / model))
            return (np.sign(model - counts) * np.sqrt(np.maximum(deviance, 0))).ravel()

        return least_squares(misfit, [0.0, 0.0]).x

    errors = np.array([estimate(rng.poisson(dose * mean)) for _ in range(400)])
    bound = position_bound(dx, dy, mean, dose)
    assert errors.std(axis=0) == pytest.approx(bound, rel=0.1)
    assert np.abs(errors.mean(axis=0)).max() < 3 * bound.max() / np.sqrt(400)


def test_unknown_neighbours_only_raise_the_bound():
    near, far = [], []
    for gap, bounds in ((0.4, near), (8.0, far)):
        left, lx, ly = blob(-gap / 2, 0.0, 0.2)
        right, rx, ry = blob(gap / 2, 0.0, 0.2)
        mean = left + right - 1
        bounds.append(joint_position_bounds([lx, ly, rx, ry], mean, 100.0))
        bounds.append(position_bound(lx, ly, mean, 100.0))
    assert near[0][0, 0] > 1.1 * near[1][0]
    assert (near[0][0] >= near[1] * (1 - 1e-12)).all()
    assert far[0][0] == pytest.approx(far[1], rel=1e-6)
    assert near[0][0] == pytest.approx(near[0][1])


def test_the_detectors_transfer_function_costs_no_information():
    """A filter after the counting, MTF of eq. 5, leaves the general Gaussian Fisher information."""
    axis = np.arange(10)
    x, y = np.meshgrid(axis - 4.3, axis - 5.1)
    peak = 0.4 * np.exp(-(x**2 + y**2) / 4)
    mean, derivatives = 1 + peak, np.stack([x / 2 * peak, y / 2 * peak])
    q = np.fft.fftfreq(10) / 0.5
    mtf = 0.9 / (1 + (np.hypot(q[:, None], q) / 0.5) ** 2.5) + 0.1
    impulses = np.eye(100).reshape(100, 10, 10)
    filtering = np.fft.ifft2(np.fft.fft2(impulses) * mtf).real.reshape(100, 100).T
    assert np.linalg.cond(filtering) < 20

    dose = 50.0
    covariance = filtering @ np.diag(dose * mean.ravel()) @ filtering.T
    slopes = dose * derivatives.reshape(2, -1) @ filtering.T
    filtered = slopes @ np.linalg.solve(covariance, slopes.T)
    assert filtered == pytest.approx(fisher_information(derivatives, mean, dose))


def test_a_position_that_leaves_no_trace_has_no_bound():
    mean, dx, dy = blob(0, 0, 0.2)
    assert np.isinf(position_bound(dx, 0 * dy, mean, 10.0)).all()
    assert np.isinf(joint_position_bounds([dx, dy, dx, dy], mean, 10.0)).all()


def test_detection_is_the_errors_of_the_best_test():
    rng = np.random.default_rng(1)
    dose = 300.0 * SAMPLING**2
    present, _, _ = blob(0, 0, 0.3, extent=2.0)
    absent = np.ones_like(present)
    detectability = detection_bound(present, absent, dose)
    assert 1.5 < detectability < 6
    weight = np.log(present / absent)
    offset = dose * (present - absent).sum()
    # Likelihood-ratio test, as often with as without the atom.
    missed = (rng.poisson(dose * present, (4000, *present.shape)) * weight).sum((1, 2)) < offset
    false = (rng.poisson(dose * absent, (4000, *absent.shape)) * weight).sum((1, 2)) > offset
    assert (missed.mean() + false.mean()) / 2 == pytest.approx(
        norm.cdf(-detectability / 2), abs=0.01
    )
    assert detection_bound(absent, absent, dose) == 0.0


def test_rayleigh_fraction():
    sigma = 0.5 / np.sqrt(-2 * np.log(0.02))
    assert sigma == pytest.approx(0.179, abs=5e-4)
    assert rayleigh_fraction(sigma, 0.5) == pytest.approx(0.98)
    assert rayleigh_fraction(np.array([0.0, np.inf]), 0.5).tolist() == [1.0, 0.0]
    errors = np.random.default_rng(0).normal(0, 0.4, (20000, 2))
    assert np.mean(np.hypot(*errors.T) < 0.5) == pytest.approx(
        rayleigh_fraction(0.4, 0.5), abs=0.01
    )


@pytest.mark.parametrize(
    ("derivatives", "mean", "dose", "message"),
    [
        (np.ones((2, 3, 3)), np.zeros((3, 3)), 1.0, "positive in every pixel"),
        (np.ones((2, 3, 3)), np.ones((3, 3)), 0.0, "dose_per_pixel"),
        (np.ones((2, 3, 4)), np.ones((3, 3)), 1.0, "differ"),
        (np.ones((3, 3, 3)), np.ones((3, 3)), 1.0, "pairs"),
    ],
)
def test_bad_input_is_named(derivatives, mean, dose, message):
    with pytest.raises(ValueError, match=message):
        joint_position_bounds(derivatives, mean, dose)


def test_images_of_different_shape_are_refused():
    with pytest.raises(ValueError, match="shape"):
        detection_bound(np.ones((2, 3)), np.ones((3, 2)), 1.0)
