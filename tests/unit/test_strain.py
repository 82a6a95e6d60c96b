"""Lattices of Bragg peaks, and the strain between them: signs, axes, errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latticework.analysis.diffraction.lattice import (
    design_matrix,
    find_lattice,
    fit_lattice,
    reduced,
)
from latticework.analysis.diffraction.strain import strain, strain_covariance

# Of a silicon crystal along [011], in px: origin, u, v.
LATTICE = np.array([[128.4, 127.9], [8.3, 11.7], [-8.3, 11.7]])
SMALL = st.floats(-0.03, 0.03)


def indices(most: int = 4) -> np.ndarray:
    line = np.arange(-most, most + 1)
    return np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)


def peaks(lattice: np.ndarray) -> np.ndarray:
    return design_matrix(indices()) @ lattice


def stretched(deformation: np.ndarray) -> np.ndarray:
    """The lattice of a crystal whose atoms are moved from r to F r."""
    vectors = LATTICE[1:] @ np.linalg.inv(deformation)
    return np.vstack([LATTICE[:1], vectors])


@settings(max_examples=50, deadline=None)
@given(SMALL, SMALL, SMALL, SMALL)
def test_an_imposed_deformation_comes_back(xx, yy, xy, turn):
    deformation = np.array([[1 + xx, xy - turn], [xy + turn, 1 + yy]])
    points = peaks(stretched(deformation))
    fit = fit_lattice(points, np.ones(len(points)), LATTICE, near=0.45)
    found = strain(fit.lattice[1:], LATTICE[1:])
    np.testing.assert_allclose(found, [xx, yy, xy, turn], atol=1e-9)


def test_a_stretched_crystal_has_shorter_reciprocal_vectors():
    """Drawn in docs/strain.md: atoms further apart along x, disks closer together along x."""
    points = peaks(stretched(np.diag([1.02, 1.0])))
    assert np.ptp(points[:, 0]) < np.ptp(peaks(LATTICE)[:, 0])
    np.testing.assert_allclose(np.ptp(points[:, 1]), np.ptp(peaks(LATTICE)[:, 1]))


def test_a_pattern_that_is_turned_clockwise_is_a_positive_rotation():
    angle = 0.01
    # y runs down: from x towards y is clockwise as a picture is seen.
    turned = LATTICE[1:] @ np.array(
        [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    )
    assert turned[0, 1] > LATTICE[1, 1]
    assert strain(turned, LATTICE[1:])[3] == pytest.approx(np.sin(angle))


def test_axes_of_the_strain_are_turned_from_the_detector_s():
    vectors = stretched(np.diag([1.02, 1.0]))[1:]
    quarter = strain(vectors, LATTICE[1:], np.pi / 2)
    np.testing.assert_allclose(quarter, [0, 0.02, 0, 0], atol=1e-12)
    eighth = strain(vectors, LATTICE[1:], np.pi / 4)
    np.testing.assert_allclose(eighth, [0.01, 0.01, -0.01, 0], atol=1e-12)
    # x' = (x + y)/√2: dilation stays, whatever the axes.
    assert eighth[:2].sum() == pytest.approx(0.02)


def test_conventions_are_those_of_the_other_programs():
    """What py4DSTEM 0.14.18 and quantem 0.1.10 gave for the same imposed deformation.

    0.010 along rows, −0.006 along columns, a shear of 0.003 and a rotation of 0.001 from rows
    towards columns, which is −0.001 from x, the column, towards y.
    """
    yy, xx, xy, turn = 0.010, -0.006, 0.003, -0.001
    vectors = stretched(np.array([[1 + xx, xy - turn], [xy + turn, 1 + yy]]))[1:]
    quantem = strain(vectors, LATTICE[1:], convention="quantem")
    np.testing.assert_allclose(quantem, [-0.006, 0.010, 0.003, 0.001], atol=1e-12)
    other = strain(vectors, LATTICE[1:], convention="py4dstem")
    np.testing.assert_allclose(other, [0.009893, -0.006044, 0.002988, -0.000996], atol=2e-6)


def test_errors_are_those_of_repeated_measurements():
    rng = np.random.default_rng(1)
    points, weights = peaks(LATTICE), rng.uniform(0.5, 1, len(indices()))
    found, errors = [], []
    for _ in range(400):
        # A peak's variance is inverse to its weight.
        noise = rng.normal(0, 0.1, points.shape) / np.sqrt(weights)[:, None]
        fit = fit_lattice(points + noise, weights, LATTICE)
        found.append(strain(fit.lattice[1:], LATTICE[1:]))
        covariance = strain_covariance(fit.lattice[1:], fit.covariance[2:, 2:], LATTICE[1:])
        errors.append(np.sqrt(np.diag(covariance)))
    np.testing.assert_allclose(np.mean(errors, axis=0), np.std(found, axis=0), rtol=0.12)


@pytest.mark.parametrize("angle", [0, 20, 75])
@pytest.mark.parametrize("cell", [(14.3, 14.3, 109.5), (20, 20, 60), (17, 24, 90), (12, 30, 80)])
def test_a_lattice_is_found_without_clicks(angle, cell):
    rng = np.random.default_rng(7)
    a, b, between = cell
    t, s = np.radians(angle), np.radians(angle + between)
    vectors = np.array([[a * np.cos(t), a * np.sin(t)], [b * np.cos(s), b * np.sin(s)]])
    points = design_matrix(indices(5)) @ np.vstack([[100, 100], vectors])
    near = np.linalg.norm(points - 100, axis=1) < 75
    # Many peaks are missing, all are noisy, and some are none.
    points = points[near & (rng.random(len(points)) < 0.7)]
    points = np.concatenate(
        [points + rng.normal(0, 0.2, points.shape), rng.uniform(30, 170, (6, 2))]
    )
    weights = np.concatenate([rng.uniform(0.1, 1, len(points) - 6), np.full(6, 0.08)])
    found = find_lattice(points, weights, np.array([100.2, 99.9]))
    expected = reduced(vectors)
    assert abs(np.linalg.det(found[1:])) == pytest.approx(abs(np.linalg.det(vectors)), rel=0.02)
    np.testing.assert_allclose(
        np.sort(np.linalg.norm(found[1:], axis=1)),
        np.sort(np.linalg.norm(expected, axis=1)),
        rtol=0.02,
    )


def test_outliers_do_not_count():
    rng = np.random.default_rng(3)
    points = peaks(LATTICE) + rng.normal(0, 0.05, (81, 2))
    points[5] += 2
    fit = fit_lattice(points, np.ones(81), LATTICE)
    assert not fit.used[5]
    np.testing.assert_allclose(fit.lattice, LATTICE, atol=0.03)


@pytest.mark.parametrize("chosen", [slice(0, 4), np.flatnonzero(indices()[:, 1] == 0)])
def test_too_few_peaks_and_peaks_in_a_row_give_no_lattice(chosen):
    points = peaks(LATTICE)[chosen]
    assert fit_lattice(points, np.ones(len(points)), LATTICE) is None
