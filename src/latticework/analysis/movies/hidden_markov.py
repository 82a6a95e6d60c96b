"""A hidden Markov model of sites that are empty or occupied: what a network's errors hide."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from latticework.analysis.movies.chains import forward_backward
from latticework.analysis.movies.sites import SEEN, observe

# Observations are the network's probability in classes: these are their borders.
LEVELS = np.array([0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97])
ITERATIONS = 60


def emissions(detections: pd.DataFrame, truth: pd.DataFrame) -> np.ndarray:
    """Probability (2, levels) of each level of the network's answer at empty and occupied sites.

    Of a movie whose truth is known: a row for each column in each frame, with frame, i, j (which
    name the column, neighbours differing by one or two), x_angstrom, y_angstrom. Sites that a
    column could occupy, next to one that does, are the empty ones; the occupied ones are those
    with an empty neighbour, since the inside of a particle has no events and is easily seen.
    """
    counts = np.full((2, len(LEVELS) + 1), 0.5)
    plane = np.column_stack([truth["i"], truth["j"], np.ones(len(truth))])
    fit = np.linalg.lstsq(plane, truth[["x_angstrom", "y_angstrom"]].to_numpy(), rcond=None)[0]
    steps = [(1, 1), (1, -1), (-1, 1), (-1, -1), (2, 0), (-2, 0)]
    for frame, present in truth.groupby("frame"):
        occupied = set(zip(present["i"], present["j"], strict=True))
        beside = {(i + a, j + b) for i, j in occupied for a, b in steps} - occupied
        edge = {
            (i, j) for i, j in occupied if any((i + a, j + b) not in occupied for a, b in steps)
        }
        here = detections[detections["frame"] == frame]
        for state, keys in enumerate((beside, edge)):
            sites = np.array([(i, j, 1) for i, j in sorted(keys)]) @ fit
            seen = observe(here, sites, np.array([frame]))
            counts[state] += np.bincount(
                np.digitize(seen.ravel(), LEVELS), minlength=len(LEVELS) + 1
            )
    return counts / counts.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class HiddenStates:
    """What the hidden Markov model says of each site.

    occupied (sites, frames): probability; appeared, vanished (sites, frames − 1): expected
    number; emission (2, levels): probability of each level of the network's answer for an empty
    and an occupied site.
    """

    occupied: np.ndarray
    appeared: np.ndarray
    vanished: np.ndarray
    emission: np.ndarray

    @property
    def false_negative(self) -> float:
        """Probability that the network misses an occupied site."""
        return float(self.emission[1, : np.searchsorted(LEVELS, SEEN) + 1].sum())

    @property
    def false_positive(self) -> float:
        """Probability that the network sees a column at an empty site."""
        return float(self.emission[0, np.searchsorted(LEVELS, SEEN) + 1 :].sum())


def hidden_states(observed: np.ndarray, emission: np.ndarray) -> HiddenStates:
    """Two-state Markov chain a site, fitted to observed probabilities (sites, frames).

    emission: (2, levels), of empty and occupied sites. Each site has its own rates of appearing
    and vanishing (Baum-Welch), drawn towards those of all sites by a prior worth two frames, since
    some sites are in the bulk and some at a corner.
    """
    n_sites = len(observed)
    levels = np.digitize(observed, LEVELS)
    switch = np.full((n_sites, 2), 0.1)  # empty → occupied, occupied → empty
    start = np.full(n_sites, 0.5)
    for _ in range(ITERATIONS):
        states, pairs = _posteriors(emission[:, levels], switch, start)
        left = np.stack([pairs[:, :, 0, 1].sum(1), pairs[:, :, 1, 0].sum(1)], axis=1)
        stayed = np.stack([pairs[:, :, 0, 0].sum(1), pairs[:, :, 1, 1].sum(1)], axis=1)
        pooled = left.sum(axis=0) / np.maximum((left + stayed).sum(axis=0), 1e-9)
        switch = np.clip((left + 2 * pooled) / (left + stayed + 2), 1e-4, 0.9999)
        start = np.clip(states[:, 0, 1], 1e-3, 1 - 1e-3)
    states, pairs = _posteriors(emission[:, levels], switch, start)
    return HiddenStates(states[:, :, 1], pairs[:, :, 0, 1], pairs[:, :, 1, 0], emission)


def _posteriors(
    likelihood: np.ndarray, switch: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Posteriors of states (sites, frames, 2) and of pairs of them (sites, frames − 1, 2, 2).

    likelihood (2, sites, frames); switch (sites, 2); start (sites,): probability of occupied.
    """
    step = np.stack(
        [
            np.stack([1 - switch[:, 0], switch[:, 0]], axis=1),
            np.stack([switch[:, 1], 1 - switch[:, 1]], axis=1),
        ],
        axis=1,
    )
    first = np.stack([1 - start, start], axis=1)
    return forward_backward(likelihood, step, first)[:2]
