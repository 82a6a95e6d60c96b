"""What a movie's analysis recovers of a simulated crystal whose columns change."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from latticework.analysis.movies.sites import SITE_REACH
from latticework.analysis.movies.transformations import NOTHING, Followed
from latticework.analysis.movies.transitions import raw_pairs


def true_states(truth: pd.DataFrame, followed: Followed) -> np.ndarray:
    """Number (sites, frames) of the true symbol at each site that was found, −1 where unknown.

    truth: a row for each column in each frame (frame, column, x_angstrom, y_angstrom, class; ""
    for a column without atoms), where nothing has drifted.
    """
    columns = truth.groupby("column")[["x_angstrom", "y_angstrom"]].mean()
    classes = truth.pivot(index="column", columns="frame", values="class").fillna("")
    number = {name: n for n, name in enumerate(followed.symbols)} | {"": 0, NOTHING: 0}
    codes = classes.map(lambda name: number.get(name, -1)).to_numpy()
    distance, owner = cKDTree(columns.to_numpy()).query(
        followed.sites[["x_angstrom", "y_angstrom"]].to_numpy()
    )
    return np.where((distance < SITE_REACH)[:, None], codes[owner], -1)


def confusion_table(followed: Followed, true: np.ndarray) -> pd.DataFrame:
    """How often each symbol is seen of each true state, by kind of site.

    Columns host, state, and one for each symbol: what `transition_table` takes.
    """
    rows = []
    known = (true >= 0) & (followed.seen >= 0)
    for host, members in followed.sites.groupby("host").groups.items():
        here, states, seen = known[members], true[members], followed.seen[members]
        for state in np.unique(states[here]):
            of_it = seen[here & (states == state)]
            counts = np.bincount(of_it, minlength=len(followed.symbols))
            named = dict(zip(followed.symbols, counts.tolist(), strict=True))
            rows.append({"host": host, "state": followed.symbols[state], **named})
    return pd.DataFrame(rows, columns=["host", "state", *followed.symbols])


def transition_scores(table: pd.DataFrame, followed: Followed, true: np.ndarray) -> pd.DataFrame:
    """The table of transitions beside `true_events` in `true_pairs`, `true_rate`, and errors.

    The truth is what happened at the sites that were found while they were seen, so that `error`
    and `error_raw` are those of reading and not of the chance of few events.
    """
    seen = np.where(followed.seen >= 0, true, -1)
    rows = []
    for row in table.to_dict("records"):
        members = np.flatnonzero(followed.sites["host"] == row["host"])
        pairs = raw_pairs(seen[members], len(followed.symbols))
        i, j = (followed.symbols.index(row[key]) for key in ("from", "to"))
        events, exposure = int(pairs[i, j]), int(pairs[i].sum())
        rate = events / exposure if exposure else np.nan
        error = {
            name: row[key] / rate - 1 if rate > 0 else np.nan
            for name, key in (("error_raw", "rate_raw"), ("error", "rate"))
        }
        true_side = {"true_events": events, "true_pairs": exposure, "true_rate": rate}
        rows.append({**row, **true_side, **error})
    return pd.DataFrame(rows)


def pooled(scores: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Rates of several movies together, and their errors; `by` names what is not to be pooled.

    Of tables of `transition_scores`, one below the other.
    """
    keys = [*by, "host", "from", "to"]
    numbers = [
        "events_raw",
        "frame_pairs_raw",
        "events",
        "frame_pairs",
        "true_events",
        "true_pairs",
    ]
    sums = scores.groupby(keys, sort=False)[numbers].sum()
    true = sums["true_events"] / sums["true_pairs"]
    raw = sums["events_raw"] / sums["frame_pairs_raw"]
    corrected = sums["events"] / sums["frame_pairs"]
    rates = {"rate_raw": raw, "rate": corrected, "true_rate": true}
    errors = {"error_raw": raw / true - 1, "error": corrected / true - 1}
    return sums.assign(**rates, **errors)[true > 0].reset_index()
