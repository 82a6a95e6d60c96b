"""Bragg peaks of maps: where they were drawn, and how far they were made to spread."""

import numpy as np
import pytest
import torch

from latticework.analysis.diffraction.bragg import bragg_peaks, monte_carlo_peaks
from latticework.simulation.structure_factors import draw_peaks

SIZE, STEP = 96, 0.0217


def lattice(turn=0.3, spacing=0.21):
    """Positions (n, 2) 1/Å of a turned square lattice inside the map."""
    index = np.stack(np.meshgrid(np.arange(-6, 7), np.arange(-6, 7)), axis=-1).reshape(-1, 2)
    rotation = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    points = spacing * index @ np.transpose(rotation)
    return points[np.abs(points).max(axis=1) < (SIZE / 2 - 2) * STEP]


def drawn(positions, values):
    return torch.from_numpy(draw_peaks(positions, values, SIZE, STEP, 1.0))


def test_peaks_are_found_where_they_were_drawn():
    positions = lattice()
    values = np.random.default_rng(0).uniform(1, 9, len(positions))
    found = bragg_peaks(drawn(positions, values)[None], STEP)
    assert len(found) == len(positions)
    distances = np.linalg.norm(found[["qx", "qy"]].to_numpy()[:, None] - positions, axis=-1)
    nearest = distances.argmin(axis=1)
    assert len(set(nearest)) == len(positions)
    assert distances.min(axis=1).max() < 0.1 * STEP
    np.testing.assert_allclose(found["intensity"], values[nearest], rtol=0.06)
    assert found["intensity"].is_monotonic_decreasing


def test_each_map_has_its_own_peaks():
    first, second = np.array([[0.2, 0.1]]), np.array([[-0.3, 0.4], [0.1, -0.2]])
    maps = torch.stack([drawn(first, np.ones(1)), drawn(second, np.array([1.0, 2.0]))])
    found = bragg_peaks(maps, STEP)
    assert found["pattern"].tolist() == [0, 1, 1]
    np.testing.assert_allclose(found[["qx", "qy"]], [*first, *second[::-1]], atol=0.1 * STEP)


@pytest.mark.parametrize("picture", [torch.zeros(1, 16, 16), -torch.ones(1, 16, 16)])
def test_a_map_of_nothing_has_no_peaks(picture):
    found = bragg_peaks(picture, STEP)
    assert len(found) == 0
    assert list(found) == ["pattern", "qx", "qy", "intensity"]


def test_maps_that_are_not_numbers_are_refused():
    maps = torch.zeros(1, 16, 16)
    maps[0, 3, 3] = torch.nan
    with pytest.raises(ValueError, match="finite"):
        bragg_peaks(maps, STEP)


def test_a_threshold_leaves_out_faint_peaks():
    maps = drawn(np.array([[0.0, 0.0], [0.5, 0.5]]), np.array([1.0, 0.05]))[None]
    assert len(bragg_peaks(maps, STEP, threshold=0.02)) == 2
    assert len(bragg_peaks(maps, STEP, threshold=0.1)) == 1


def test_the_spread_of_predictions_is_the_peaks_own():
    """One peak that stands still, one that moves by half a pixel, one that flickers."""
    still, moving, flickering = [0.0, 0.0], [0.4, -0.3], [-0.35, 0.3]
    sigma, samples, rng = 0.4 * STEP, 200, np.random.default_rng(0)
    maps = torch.stack(
        [
            drawn(
                np.array([still, moving + rng.normal(0, sigma, 2), flickering]),
                np.array([5.0, 4.0, rng.normal(3.0, 0.3)]),
            )
            for _ in range(samples)
        ]
    )
    found = monte_carlo_peaks(maps, STEP)
    assert len(found) == 3
    np.testing.assert_allclose(found[["qx", "qy"]], [still, moving, flickering], atol=0.1 * STEP)
    assert found["sigma"][1] == pytest.approx(sigma, rel=0.15)
    assert found["sigma"][[0, 2]].max() < 0.01 * sigma
    assert found["sigma_intensity"][2] == pytest.approx(0.3, rel=0.15)
    assert found["sigma_intensity"][0] < 1e-3


def test_one_prediction_has_no_spread():
    with pytest.raises(ValueError, match="at least two"):
        monte_carlo_peaks(torch.zeros(1, 16, 16), STEP)


def test_predictions_of_nothing_have_no_peaks():
    found = monte_carlo_peaks(torch.zeros(3, 16, 16), STEP)
    assert len(found) == 0
    assert {"sigma", "sigma_intensity"} <= set(found)
