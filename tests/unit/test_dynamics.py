"""Sites, occupancy and events of movies against known truths; drift against imposed shifts."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from latticework.analysis.movies.drift import DriftTracker
from latticework.analysis.movies.hidden_markov import (
    ITERATIONS,
    LEVELS,
    emissions,
    hidden_states,
)
from latticework.analysis.movies.rates import (
    compare_rates,
    rate_interval,
    rate_table,
    raw_events,
    site_table,
)
from latticework.analysis.movies.sites import find_sites, observe, settled
from latticework.evaluation.movies import movie_score, true_sites

# How a network of moderate quality answers: mostly sure, with a tail of doubt.
EMISSION = np.array(
    [
        [0.93, 0.03, 0.02, 0.01, 0.005, 0.003, 0.001, 0.001],
        [0.02, 0.02, 0.04, 0.05, 0.08, 0.15, 0.24, 0.4],
    ]
)
EDGES = np.array([0.0, *LEVELS, 1.0])


def chain(rng, sites, frames, appear, vanish):
    """Occupancy (sites, frames) of Markov chains in their steady state."""
    states = np.zeros((sites, frames), bool)
    states[:, 0] = rng.random(sites) < appear / (appear + vanish)
    for t in range(1, frames):
        switch = rng.random(sites) < np.where(states[:, t - 1], vanish, appear)
        states[:, t] = states[:, t - 1] ^ switch
    return states


def seen(rng, states):
    """Probabilities that a network with EMISSION would give."""
    odds = np.cumsum(EMISSION, axis=1)[states.astype(int)]
    level = (rng.random(states.shape)[..., None] > odds).sum(axis=-1)
    return (EDGES[level] + EDGES[level + 1]) / 2


@pytest.fixture
def film():
    rng = np.random.default_rng(4)
    states = np.concatenate([np.ones((30, 200), bool), chain(rng, 25, 200, 0.03, 0.05)])
    return states, seen(rng, states)


def test_the_model_corrects_the_rate(film):
    states, observed = film
    true = (states[:, 1:] ^ states[:, :-1]).sum()
    hidden = hidden_states(observed, EMISSION)
    rates = rate_table(observed, hidden).set_index("kind")
    assert rates.at["raw", "events"] > 2 * true
    assert rates.at["corrected", "events"] == pytest.approx(true, rel=0.2)
    assert rates.at["corrected", "low"] < true / 199 < rates.at["corrected", "high"]


def test_the_model_s_occupancy_is_the_truth(film):
    states, observed = film
    hidden = hidden_states(observed, EMISSION)
    error = hidden.occupied.mean(axis=1) - states.mean(axis=1)
    assert np.sqrt(np.mean(error**2)) < 0.02
    assert hidden.false_negative == pytest.approx(EMISSION[1, :4].sum())
    assert hidden.false_positive == pytest.approx(EMISSION[0, 4:].sum())


def all_paths(levels, switch, start):
    """Posteriors of one site by the sum over all paths.

    `levels` (frames,); `switch`: probabilities to appear and to vanish; `start`: to be occupied.
    Returns the probability of being occupied in each frame (frames,), and of each pair of states
    in a frame and the next (frames − 1, 2, 2).
    """
    frames = len(levels)
    step = np.array([[1 - switch[0], switch[0]], [switch[1], 1 - switch[1]]])
    occupied, pairs, total = np.zeros(frames), np.zeros((frames - 1, 2, 2)), 0.0
    for path in itertools.product((0, 1), repeat=frames):
        odds = (1 - start, start)[path[0]] * EMISSION[path[0], levels[0]]
        for t in range(1, frames):
            odds *= step[path[t - 1], path[t]] * EMISSION[path[t], levels[t]]
        total += odds
        occupied += odds * np.array(path)
        for t in range(frames - 1):
            pairs[t, path[t], path[t + 1]] += odds
    return occupied / total, pairs / total


def fitted_by_paths(observed):
    """The whole fit of `hidden_states`, Baum and Welch's with its prior, by sums over paths."""
    levels = np.digitize(observed, LEVELS)
    switch, start = np.full((len(observed), 2), 0.1), np.full(len(observed), 0.5)
    for _ in range(ITERATIONS):
        found = [all_paths(*site) for site in zip(levels, switch, start, strict=True)]
        sums = np.array([pairs.sum(axis=0) for _, pairs in found])
        left = np.stack([sums[:, 0, 1], sums[:, 1, 0]], axis=1)
        leaving = left + np.stack([sums[:, 0, 0], sums[:, 1, 1]], axis=1)
        pooled = left.sum(axis=0) / leaving.sum(axis=0)
        switch = np.clip((left + 2 * pooled) / (leaving + 2), 1e-4, 0.9999)
        start = np.clip([occupied[0] for occupied, _ in found], 1e-3, 1 - 1e-3)
    return [all_paths(*site) for site in zip(levels, switch, start, strict=True)]


@pytest.mark.parametrize(
    "observed",
    [
        [[0.6, 0.05, 0.8]],
        [[0.95, 0.01, 0.01, 0.4, 0.99], [0.01, 0.2, 0.6, 0.01, 0.01]],
        [[0.99, 0.99, 0.99, 0.99], [0.01, 0.01, 0.01, 0.01], [0.4, 0.6, 0.4, 0.6]],
    ],
)
def test_posteriors_of_short_chains_are_sums_over_all_their_paths(observed):
    """Three frames have eight paths, each of a probability that can be written down."""
    observed = np.array(observed)
    hidden = hidden_states(observed, EMISSION)
    for site, (occupied, pairs) in enumerate(fitted_by_paths(observed)):
        np.testing.assert_allclose(hidden.occupied[site], occupied, atol=1e-12)
        np.testing.assert_allclose(hidden.appeared[site], pairs[:, 0, 1], atol=1e-12)
        np.testing.assert_allclose(hidden.vanished[site], pairs[:, 1, 0], atol=1e-12)


def test_different_rates_are_told_apart_and_equal_ones_are_not():
    rng = np.random.default_rng(0)
    slow, fast, other = (rng.poisson(rate, 150) for rate in (0.3, 1.2, 0.3))
    assert compare_rates(slow, fast) < 0.01
    assert compare_rates(slow, other) > 0.05


def test_interval_is_poisson_s():
    # 10 events: the textbook interval is 4.80 to 18.39.
    low, high = rate_interval(10, 1)
    assert (low, high) == pytest.approx((4.795, 18.390), abs=1e-3)
    assert rate_interval(0, 100)[0] == 0


def detections(sites, states, rng, drift=None):
    rows = []
    for t in range(states.shape[1]):
        here = sites[states[:, t]] + rng.normal(0, 0.1, (states[:, t].sum(), 2))
        shift = 0 if drift is None else drift[t]
        rows += [(t, *p, 0.9) for p in here + shift]
    return pd.DataFrame(rows, columns=["frame", "x_angstrom", "y_angstrom", "probability"])


def grid(n):
    return 2.5 * np.stack(np.meshgrid(np.arange(n), np.arange(n)), axis=-1).reshape(-1, 2) + 10.0


def test_sites_are_found_where_columns_come_and_go():
    rng = np.random.default_rng(1)
    sites = grid(6)
    states = np.ones((36, 40), bool)
    states[:6] = rng.random((6, 40)) < 0.4
    table = detections(sites, states, rng)
    # One false detection in one frame is no site.
    table.loc[len(table)] = (3, 40.0, 40.0, 0.9)
    found = find_sites(table, 40)
    assert len(found) == 36
    order = np.lexsort((found / 2.5).round().T)
    np.testing.assert_allclose(found[order], sites, atol=0.1)
    observed = observe(table, found[order], np.arange(40))
    np.testing.assert_array_equal(observed >= 0.5, states)


def test_what_is_left_of_the_drift_is_taken_off():
    rng = np.random.default_rng(2)
    sites, drift = grid(5), rng.normal(0, 0.25, (30, 2))
    table = detections(sites, np.ones((25, 30), bool), rng, drift)
    still = settled(table, sites)
    off = still.groupby("frame")[["x_angstrom", "y_angstrom"]].mean() - sites.mean(axis=0)
    assert np.abs(off.to_numpy()).max() < 0.1


def test_events_of_a_short_sequence():
    occupied = np.array([[0, 1, 1, 0, 1]], bool)
    appeared, vanished = raw_events(occupied)
    assert appeared.astype(int).tolist() == [[1, 0, 0, 1]]
    assert vanished.astype(int).tolist() == [[0, 0, 1, 0]]


def lattice_truth(states, keys):
    rows = [
        (t, i, j, 1.4425 * i, 2.04 * j)
        for t in range(states.shape[1])
        for (i, j), there in zip(keys, states[:, t], strict=True)
        if there
    ]
    return pd.DataFrame(rows, columns=["frame", "i", "j", "x_angstrom", "y_angstrom"])


def test_emissions_of_a_perfect_and_of_a_blind_network():
    keys = [(i, j) for i in range(6) for j in range(6) if (i + j) % 2 == 0]
    truth = lattice_truth(np.ones((len(keys), 3), bool), keys)
    perfect = truth.assign(probability=0.99)
    empty, occupied = emissions(perfect, truth)
    assert empty[0] > 0.9
    assert occupied[-1] > 0.9
    empty, occupied = emissions(perfect.iloc[:0], truth)
    assert occupied[0] > 0.9


def test_scores_of_a_movie_that_was_read_perfectly():
    rng = np.random.default_rng(3)
    keys = [(i, j) for i in range(8) for j in range(8) if (i + j) % 2 == 0]
    states = np.ones((len(keys), 50), bool)
    states[:5] = chain(rng, 5, 50, 0.2, 0.2)
    truth = lattice_truth(states, keys)
    sites, events = true_sites(truth, 50)
    assert events.sum() == (states[:, 1:] ^ states[:, :-1]).sum()
    positions = sites[["x_angstrom", "y_angstrom"]].to_numpy()
    observed = np.where(states, 0.99, 0.0)
    hidden = hidden_states(observed, np.array([[0.99] + [0.01 / 7] * 7, [0.01 / 7] * 7 + [0.99]]))
    table = site_table(positions, observed, hidden)
    score = movie_score(table, rate_table(observed, hidden), truth, 50)
    assert score["occupancy_rms"] < 0.01
    assert score["corrected_error"] == pytest.approx(0, abs=0.02)


def test_drift_is_found_to_a_tenth_of_a_pixel():
    rng = np.random.default_rng(5)
    scene = ndimage.gaussian_filter(rng.normal(size=(160, 160)), 2.5)
    drift = np.cumsum(rng.normal(0, 0.8, (12, 2)), axis=0)
    drift -= drift[0]
    tracker = DriftTracker(1.0)
    for shift in drift:
        frame = ndimage.shift(scene, shift[::-1], order=3, mode="nearest")[20:140, 20:140]
        found = tracker.shift(frame + rng.normal(0, 0.02, frame.shape))
        np.testing.assert_allclose(found, shift, atol=0.15)
