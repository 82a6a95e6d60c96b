"""What a movie's analysis recovers of a simulated movie's truth: occupancies and event rates."""

from typing import Any

import numpy as np
import pandas as pd

from latticework.analysis.movies.sites import SITE_REACH
from latticework.evaluation.matching import match


def true_sites(truth: pd.DataFrame, n_frames: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Columns that were ever there (x_angstrom, y_angstrom, occupancy), and events in time.

    truth: a row for each column in each frame: frame, i, j (which name the column), x_angstrom,
    y_angstrom. Events: number of columns (n_frames − 1,) that appear or vanish between a frame
    and the next.
    """
    present = pd.crosstab([truth["i"], truth["j"]], truth["frame"]).clip(upper=1)
    present = present.reindex(columns=range(n_frames), fill_value=0)
    sites = truth.groupby(["i", "j"])[["x_angstrom", "y_angstrom"]].mean()
    sites["occupancy"] = present.mean(axis=1)
    events = np.abs(np.diff(present.to_numpy(), axis=1)).sum(axis=0)
    return sites.reset_index(), events


def movie_score(
    sites: pd.DataFrame, rates: pd.DataFrame, truth: pd.DataFrame, n_frames: int
) -> dict[str, Any]:
    """Occupancy error over all true and all found sites, and rates beside the true one.

    A true site that was not found has a found occupancy of 0, a false one a true occupancy of 0.
    """
    true, events = true_sites(truth, n_frames)
    i_found, i_true, _ = match(
        sites[["x_angstrom", "y_angstrom"]].to_numpy(),
        true[["x_angstrom", "y_angstrom"]].to_numpy(),
        SITE_REACH,
    )
    scored: dict[str, Any] = {"true_sites": len(true), "found_sites": len(sites)}
    for name in ("occupancy_raw", "occupancy"):
        found = np.zeros(len(true))
        found[i_true] = sites[name].to_numpy()[i_found]
        alone = np.setdiff1d(np.arange(len(sites)), i_found)
        errors = np.concatenate([found - true["occupancy"], sites[name].to_numpy()[alone]])
        scored[f"{name}_rms"] = float(np.sqrt(np.mean(errors**2)))
    scored["true_rate"] = float(events.mean())
    for row in rates.itertuples():
        scored[f"{row.kind}_rate"] = row.rate
        scored[f"{row.kind}_error"] = row.rate / events.mean() - 1 if events.any() else np.nan
    return scored
