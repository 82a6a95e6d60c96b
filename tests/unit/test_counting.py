"""Counts of atoms in columns: scored against maps made by hand, bounded against Gauss."""

import numpy as np
import pandas as pd
import pytest
import torch
from grown import grow_particle
from scipy.stats import norm

from latticework.config.evaluation_atoms import Evaluation
from latticework.config.inference import Images
from latticework.evaluation.counting import (
    calibration_error,
    calibration_errors,
    confusion,
    counted_columns,
    error_rates,
    reliability,
)
from latticework.imaging.labels import render_labels
from latticework.limits.counting import (
    chosen_columns,
    chosen_particles,
    count_bounds,
    with_height,
)
from latticework.limits.images import Microscope
from latticework.seeds import stream
from latticework.structures import targets

EVALUATION = Evaluation(radius=0.8, doses=[1e3], defocus=[0])
INFERENCE = Images(epsilon=0.9, threshold=0.3)


@pytest.fixture(scope="module")
def particle():
    return grow_particle(
        stream(1, "heights", 0),
        box=24.0,
        radius=(6, 6),
        zone_axes=["110"],
        tilt=(0, 0),
        classes="height",
        tallest=6,
    )


def label_map(atoms, classes):
    positions = torch.from_numpy(targets(atoms).positions[None, :, :2]).float()
    return render_labels(
        positions, torch.from_numpy(classes)[None], (96, 96), torch.tensor([0.25]), 0.5, 7, box=24.0
    )[0].numpy()


def test_a_perfect_map_is_counted_without_error(particle):
    truth = targets(particle).classes
    counts = counted_columns(label_map(particle, truth), 0.25, particle, EVALUATION, INFERENCE)
    np.testing.assert_array_equal(counts["counted"], truth)
    shares = counts[[f"p_{k}" for k in range(1, 7)]]
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    # Neighbours are 2.5 Å away: their tails in a segment are small.
    assert shares.to_numpy()[np.arange(len(truth)), truth - 1].min() > 0.8


def test_a_missed_column_counts_as_missed(particle):
    truth = targets(particle).classes
    seen = truth.copy()
    seen[4] = 0
    counts = counted_columns(label_map(particle, seen), 0.25, particle, EVALUATION, INFERENCE)
    assert counts["counted"][4] == 0
    assert (counts["counted"].drop(index=4) == np.delete(truth, 4)).all()


def test_a_column_beyond_the_border_is_where_the_periodic_image_shows_it(particle):
    moved = particle.copy()
    moved.positions[:, 1] += 26.0 - targets(particle).positions[:, 1].max()
    y, truth = targets(moved).positions[:, 1], targets(moved).classes
    counts = counted_columns(label_map(moved, truth), 0.25, moved, EVALUATION, INFERENCE)
    # Those on the border itself are halved.
    whole = np.abs(y - 24.0) > 0.8
    assert (y[whole] > 24.0).any()
    np.testing.assert_array_equal(counts["counted"][whole], truth[whole])


def table(truth, counted, **shares):
    return pd.DataFrame(
        {"dose": 1e3, "group": "aligned", "truth": truth, "counted": counted, **shares}
    )


def test_error_rates_add_up():
    rates = error_rates(table([3, 3, 3, 5, 5, 6, 2, 2], [3, 3, 4, 3, 5, 2, 0, 2])).iloc[0]
    assert rates["columns"] == 8
    assert rates["exact"] == 4 / 8
    assert rates["off_by_1"] == rates["off_by_2"] == rates["off_by_3_or_more"] == 1 / 8
    assert rates["missed"] == 1 / 8
    assert rates["within_1"] == 5 / 8


def test_confusion_counts_every_column():
    found = confusion(table([1, 1, 2], [1, 2, 2]))
    assert found["columns"].sum() == 3
    assert found.set_index(["truth", "counted"])["columns"].to_dict() == {
        (1, 1): 1,
        (1, 2): 1,
        (2, 2): 1,
    }


def test_honest_probabilities_are_reliable_and_boasting_ones_are_not():
    rng = np.random.default_rng(0)
    p = rng.uniform(0, 1, 20000)
    truth = np.where(rng.random(20000) < p, 1, 2)
    honest = table(truth, np.where(p > 0.5, 1, 2), p_1=p, p_2=1 - p)
    assert calibration_error(reliability(honest))["aligned"] < 0.01
    sharp = p**3 / (p**3 + (1 - p) ** 3)
    boasting = table(truth, np.where(p > 0.5, 1, 2), p_1=sharp, p_2=1 - sharp)
    assert calibration_error(reliability(boasting))["aligned"] > 0.1


def test_one_atom_more_or_less(particle):
    column = chosen_columns(particle, 3)[1]
    height = (particle.arrays["column"] == column).sum()
    for change in (-1, 1):
        changed = with_height(particle, column, change)
        members = changed.positions[changed.arrays["column"] == column]
        assert len(members) == height + change
        steps = np.diff(np.sort(members[:, 2]))
        np.testing.assert_allclose(steps, 4.08 / np.sqrt(2), atol=1e-9)


def test_the_bound_of_phase_objects_is_gauss_s(particle):
    """Waves whose phase is the column's number of atoms: d′ can be written down."""
    box, size, step, dose = 24.0, 96, 0.02, 1e4

    def wave(atoms):
        column = atoms.arrays["column"]
        phase = step * np.bincount(column)[chosen_columns(particle, 1)[0]]
        wave = np.ones((size, size), np.complex64)
        wave[40:50, 40:50] *= 1 + phase
        return wave

    bounds = count_bounds(
        wave,
        [particle],
        Microscope(
            energy=3e5,
            cs=0.0,
            focal_spread=1e-6,
            sampling=box / size,
            band_limit=2.0,
            series=[0.0, 0.0],
        ),
        doses=[dose],
        defocus=0.0,
        columns=1,
    ).iloc[0]
    height = bounds["height"]
    per_pixel = dose / 2 * (box / size) ** 2
    intensity = {k: (1 + step * (height + k)) ** 2 for k in (-1, 0, 1)}
    expected = {
        k: np.sqrt(
            2
            * 100
            * per_pixel
            * (intensity[k] - intensity[0]) ** 2
            / (0.5 * (intensity[k] + intensity[0]))
        )
        for k in (-1, 1)
    }
    # The band limit rounds the square's corners off.
    assert bounds["less"] == pytest.approx(expected[-1], rel=0.1)
    assert bounds["more"] == pytest.approx(expected[1], rel=0.1)
    assert bounds["error"] == pytest.approx(
        norm.cdf(-bounds["less"] / 2) + norm.cdf(-bounds["more"] / 2)
    )


def test_particles_of_the_bound_are_half_aligned_and_half_tilted(particle):
    structures = [particle.copy() for _ in range(6)]
    for atoms, tilt in zip(structures, (0, 1.0, 0, 2.0, 3.0, 0), strict=True):
        atoms.info["tilt_degrees"] = tilt
    chosen = chosen_particles(structures, 4)
    assert [atoms.info["tilt_degrees"] for atoms in chosen] == [0, 0, 1.0, 2.0]


def test_calibration_errors_stand_beside_those_without():
    stated = table([1, 1, 2, 2], [1, 1, 2, 0], p_1=[0.9, 0.9, 0.1, 0], p_2=[0.1, 0.1, 0.9, 0])
    modest = table([1, 1, 2, 2], [1, 1, 2, 0], p_1=[0.6, 0.6, 0.4, 0], p_2=[0.4, 0.4, 0.6, 0])
    row = calibration_errors(stated, modest).iloc[0]
    assert row["columns"] == 3
    assert row["error"] == pytest.approx(0.1)
    assert row["error_uncalibrated"] == pytest.approx(0.4)
    assert row["exact"] == row["exact_uncalibrated"] == 1
