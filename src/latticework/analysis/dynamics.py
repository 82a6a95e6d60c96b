"""Surface dynamics from a movie (Madsen 2018, §4.2, Fig. 10): sites, occupancy, events, rates.

A site is a place where a column is seen in some of the frames. An event is a site occupied in
one frame and empty in the next, or the reverse. A column that a network misses once makes two
events that never were, so beside the raw numbers there are those of a hidden Markov model, whose
hidden state is the site's true occupancy and whose observation is the network's probability.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import ndimage, stats
from scipy.spatial import cKDTree

from latticework.analysis.localisation import thin_out

# Å: of the smoothed density of detections; of two sites; of a detection from its site.
SITE_SIGMA, SITE_SEPARATION, SITE_REACH = 0.35, 1.2, 0.9
DENSITY_PIXEL = 0.1
SEEN = 0.5
# Observations are the network's probability in classes: these are their borders.
LEVELS = np.array([0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97])
ITERATIONS = 60
BLOCKS = 12


def find_sites(detections: pd.DataFrame, n_frames: int, least: float = 0.03) -> np.ndarray:
    """Sites (n, 2) in Å, drift taken off, at which a column is seen in some of the frames.

    detections: columns x_angstrom, y_angstrom, probability of all frames. least: fraction of the
    frames (and two at least) in which a site must have a column of probability 0.5 or more.

    The maxima of the detections' density, smoothed with 0.35 Å, each then put at the mean of the
    detections around it.
    """
    seen = detections[detections["probability"] >= SEEN]
    points = seen[["x_angstrom", "y_angstrom"]].to_numpy(dtype=float)
    if len(points) == 0:
        return np.empty((0, 2))
    origin = points.min(axis=0) - 2.0
    size = np.ceil((np.ptp(points, axis=0) + 4.0) / DENSITY_PIXEL).astype(int)
    density = np.zeros(size[::-1])
    column, row = ((points - origin) / DENSITY_PIXEL).round().astype(int).T
    np.add.at(density, (row, column), 1.0)
    density = ndimage.gaussian_filter(density, SITE_SIGMA / DENSITY_PIXEL, mode="constant")
    reach = 2 * round(SITE_SEPARATION / DENSITY_PIXEL / 2) + 1
    peaks = np.argwhere((density == ndimage.maximum_filter(density, reach)) & (density > 0))
    height = density[tuple(peaks.T)]
    # Equal maxima side by side are one site.
    peaks = peaks[thin_out(peaks * DENSITY_PIXEL, height, SITE_SEPARATION)]
    sites = peaks[:, ::-1] * DENSITY_PIXEL + origin
    distance, owner = cKDTree(sites).query(points)
    near = distance <= SITE_REACH
    counts = np.bincount(owner[near], minlength=len(sites))
    sums = [np.bincount(owner[near], points[near, axis], len(sites)) for axis in (0, 1)]
    kept = counts >= max(2, least * n_frames)
    return (np.stack(sums, axis=1) / np.maximum(counts, 1)[:, None])[kept]


def settled(detections: pd.DataFrame, sites: np.ndarray) -> pd.DataFrame:
    """Detections with what drift is left in each frame taken off: their median way from sites."""
    if len(sites) == 0 or len(detections) == 0:
        return detections
    axes = ["x_angstrom", "y_angstrom"]
    distance, owner = cKDTree(sites).query(detections[axes].to_numpy())
    off = pd.DataFrame(detections[axes].to_numpy() - sites[owner], detections.index, axes)
    sure = (distance <= SITE_REACH) & (detections["probability"] >= SEEN)
    left = off[sure].groupby(detections["frame"][sure]).median()
    moved = detections.copy()
    moved[axes] -= left.reindex(detections["frame"]).fillna(0.0).to_numpy()
    return moved


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


def observe(detections: pd.DataFrame, sites: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Highest probability (sites, frames) of a column at each site in each frame, 0 for none.

    frames: numbers of those that could be read; others are not looked for.
    """
    observed = np.zeros((len(sites), len(frames)))
    if len(sites) == 0 or len(detections) == 0:
        return observed
    place = pd.Series(np.arange(len(frames)), index=frames)
    known = detections[detections["frame"].isin(frames)]
    distance, owner = cKDTree(sites).query(known[["x_angstrom", "y_angstrom"]].to_numpy())
    near = distance <= SITE_REACH
    where = owner[near], place.loc[known["frame"]].to_numpy()[near]
    np.maximum.at(observed, where, known["probability"].to_numpy()[near])
    return observed


def raw_events(occupied: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Appearances and disappearances (sites, frames − 1) of a boolean occupancy (sites, frames)."""
    before, after = occupied[:, :-1], occupied[:, 1:]
    return ~before & after, before & ~after


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
        states, pairs = _forward_backward(emission[:, levels], switch, start)
        left = np.stack([pairs[:, :, 0, 1].sum(1), pairs[:, :, 1, 0].sum(1)], axis=1)
        stayed = np.stack([pairs[:, :, 0, 0].sum(1), pairs[:, :, 1, 1].sum(1)], axis=1)
        pooled = left.sum(axis=0) / np.maximum((left + stayed).sum(axis=0), 1e-9)
        switch = np.clip((left + 2 * pooled) / (left + stayed + 2), 1e-4, 0.9999)
        start = np.clip(states[:, 0, 1], 1e-3, 1 - 1e-3)
    states, pairs = _forward_backward(emission[:, levels], switch, start)
    return HiddenStates(states[:, :, 1], pairs[:, :, 0, 1], pairs[:, :, 1, 0], emission)


def _forward_backward(
    likelihood: np.ndarray, switch: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Posteriors of states (sites, frames, 2) and of pairs of them (sites, frames − 1, 2, 2).

    likelihood (2, sites, frames); switch (sites, 2); start (sites,): probability of occupied.
    """
    _, n_sites, n_frames = likelihood.shape
    step = np.stack(
        [
            np.stack([1 - switch[:, 0], switch[:, 0]], axis=1),
            np.stack([switch[:, 1], 1 - switch[:, 1]], axis=1),
        ],
        axis=1,
    )
    seen = np.moveaxis(likelihood, 0, -1)
    forward = np.empty((n_sites, n_frames, 2))
    current = np.stack([1 - start, start], axis=1) * seen[:, 0]
    forward[:, 0] = current / current.sum(axis=1, keepdims=True)
    for t in range(1, n_frames):
        current = np.einsum("si,sij->sj", forward[:, t - 1], step) * seen[:, t]
        forward[:, t] = current / current.sum(axis=1, keepdims=True)
    backward = np.ones((n_sites, 2))
    states = np.empty_like(forward)
    pairs = np.empty((n_sites, max(n_frames - 1, 0), 2, 2))
    states[:, -1] = forward[:, -1]
    for t in range(n_frames - 2, -1, -1):
        ahead = seen[:, t + 1] * backward
        joint = forward[:, t, :, None] * step * ahead[:, None, :]
        pairs[:, t] = joint / joint.sum(axis=(1, 2), keepdims=True)
        states[:, t] = pairs[:, t].sum(axis=2)
        backward = np.einsum("sij,sj->si", step, ahead)
        backward /= backward.sum(axis=1, keepdims=True)
    return states, pairs


def site_table(sites: np.ndarray, observed: np.ndarray, hidden: HiddenStates) -> pd.DataFrame:
    """One row a site: position, occupancy and events a frame pair, raw and corrected."""
    raw = observed >= SEEN
    appeared, vanished = raw_events(raw)
    pairs = max(observed.shape[1] - 1, 1)
    return pd.DataFrame(
        {
            "site": np.arange(len(sites)),
            "x_angstrom": sites[:, 0],
            "y_angstrom": sites[:, 1],
            "occupancy_raw": raw.mean(axis=1),
            "occupancy": hidden.occupied.mean(axis=1),
            "events_raw": (appeared | vanished).sum(axis=1) / pairs,
            "events": (hidden.appeared + hidden.vanished).sum(axis=1) / pairs,
            "appeared": hidden.appeared.sum(axis=1),
            "vanished": hidden.vanished.sum(axis=1),
        }
    )


def rate_interval(events: float, pairs: int, confidence: float = 0.95) -> tuple[float, float]:
    """Confidence interval of a rate from a Poisson number of events in so many frame pairs."""
    tail = (1 - confidence) / 2
    low = stats.chi2.ppf(tail, 2 * events) / 2 if events > 0 else 0.0
    high = stats.chi2.ppf(1 - tail, 2 * (events + 1)) / 2
    return low / pairs, high / pairs


def rate_table(observed: np.ndarray, hidden: HiddenStates) -> pd.DataFrame:
    """Events a frame pair of the whole particle, raw and corrected, with 95 % intervals."""
    pairs = max(observed.shape[1] - 1, 1)
    appeared, vanished = raw_events(observed >= SEEN)
    totals = {
        "raw": float((appeared | vanished).sum()),
        "corrected": float((hidden.appeared + hidden.vanished).sum()),
    }
    rows = []
    for kind, events in totals.items():
        low, high = rate_interval(events, pairs)
        rows.append(
            {
                "kind": kind,
                "events": events,
                "frame_pairs": pairs,
                "rate": events / pairs,
                "low": low,
                "high": high,
                "false_negative": hidden.false_negative,
                "false_positive": hidden.false_positive,
            }
        )
    return pd.DataFrame(rows)


def events_in_time(hidden: HiddenStates) -> np.ndarray:
    """Expected number of events (frames − 1,) between each frame and the next."""
    return (hidden.appeared + hidden.vanished).sum(axis=0)


def compare_rates(first: np.ndarray, second: np.ndarray) -> float:
    """p-value that two movies have the same rate of events.

    first, second: events between each frame and the next. Mann-Whitney's test, two-sided, on the
    sums of twelve blocks of frames each: a hop that empties one site and fills another is two
    events, so single events are not independent, and blocks nearly are.
    """
    blocks = [
        [part.mean() for part in np.array_split(events, min(BLOCKS, len(events)))]
        for events in (first, second)
    ]
    return float(stats.mannwhitneyu(*blocks).pvalue)
