"""Occupancies and rates of events, raw and corrected for the errors of the network."""

import numpy as np
import pandas as pd
from scipy import stats

from latticework.analysis.movies.hidden_markov import HiddenStates
from latticework.analysis.movies.sites import SEEN

BLOCKS = 12


def raw_events(occupied: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Appearances and disappearances (sites, frames − 1) of a boolean occupancy (sites, frames)."""
    before, after = occupied[:, :-1], occupied[:, 1:]
    return ~before & after, before & ~after


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
