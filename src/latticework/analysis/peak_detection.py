"""Detect peaks with any method: parameters tuned on validation crystals, then frozen for the test.

Every method, a network's map or a correlation, is tuned by the same random search with the same
number of trials for the same quantity, so that none is compared at a disadvantage.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from latticework import shards
from latticework.analysis.diffraction_scores import score_peaks
from latticework.seeds import stream

# A parameter's range: equally likely values, or (low, high) on a linear or logarithmic scale.
Space = Mapping[str, tuple[str, Sequence[Any]]]
Peaks = list[np.ndarray]
# The strongest are kept: a method that finds more than these finds noise.
MOST_PEAKS = 1000


@dataclass(frozen=True)
class Detection:
    """What a tuned method found: a row a pattern in `scores`, (n, 3) peaks of each, `trials`."""

    scores: pd.DataFrame
    peaks: Peaks
    trials: pd.DataFrame


def draw_trials(space: Space, count: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Random values of all parameters, `count` times. Raises ValueError for an unknown scale."""

    def value(scale: str, values: Sequence[Any]) -> Any:
        if scale == "choice":
            return values[int(rng.integers(len(values)))]
        if scale == "uniform":
            return float(rng.uniform(*values))
        if scale == "loguniform":
            return float(np.exp(rng.uniform(*np.log(values))))
        raise ValueError(f"a scale must be choice, uniform or loguniform, not {scale!r}")

    return [{name: value(*how) for name, how in space.items()} for _ in range(count)]


def tuned_detection(
    detect: Callable[[np.ndarray, Mapping[str, Any]], Peaks],
    space: Space,
    arrays: Mapping[str, Any],
    table: pd.DataFrame,
    *,
    trials: int,
    radius: float,
    seed: int,
    name: str,
) -> Detection:
    """Tune a method for the mean accuracy on the validation's patterns, and run it on the others.

    Parameters
    ----------
    detect
        From indices of patterns and parameters to each pattern's peaks (n, 3): qx, qy in 1/Å,
        amplitude.
    space
        Parameters to draw.
    arrays, table
        The evaluation's patterns, as `evaluation_patterns.make_patterns` makes them.
    trials
        Random draws of the parameters; of equally good ones the first is taken.
    radius
        Of a match, 1/Å.
    """

    def scores(indices: np.ndarray, parameters: Mapping[str, Any]) -> tuple[Peaks, pd.DataFrame]:
        found = detect(indices, parameters)
        truth = [arrays["peaks"][i] for i in indices]
        return found, score_peaks(found, truth, arrays["centre"][indices], radius)

    validation = np.flatnonzero(table["subset"] == "validation")
    judged = np.flatnonzero(table["subset"] != "validation")
    drawn = draw_trials(space, trials, stream(seed, "tuning of peak detection"))
    accuracy = [
        scores(validation, parameters)[1]["accuracy"].mean()
        for parameters in tqdm(drawn, desc=f"{name} tuning", unit="trial")
    ]
    best = int(np.nanargmax(accuracy)) if np.isfinite(accuracy).any() else 0
    found, result = scores(judged, drawn[best])
    known = table.iloc[judged].reset_index(drop=True)
    result = pd.concat([known.assign(method=name), result], axis=1)
    tried = pd.DataFrame(drawn).assign(
        accuracy=accuracy, chosen=np.arange(trials) == best, method=name
    )
    return Detection(result, found, tried)


def peak_table(detection: Detection) -> pd.DataFrame:
    """Peaks of all patterns, one row each: pattern, qx, qy (1/Å), amplitude."""
    numbers = detection.scores["pattern"].repeat([len(p) for p in detection.peaks])
    columns = ["qx", "qy", "amplitude"]
    peaks = pd.DataFrame(np.concatenate([np.zeros((0, 3)), *detection.peaks]), columns=columns)
    return pd.concat([numbers.reset_index(drop=True), peaks], axis=1)


def read_patterns(patterns: str | Path, table: str | Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """Arrays and table of the evaluation's patterns. Raises ShardError as `shards.read`."""
    return shards.read(patterns, "evaluation_patterns")[0], pd.read_csv(table)


def write_detection(detection: Detection, paths: Any) -> None:
    """Write a detection's tables to `paths.scores`, `paths.peaks` and `paths.tuning`."""
    shards.write_csv(paths.scores, detection.scores)
    shards.write_csv(paths.peaks, peak_table(detection))
    shards.write_csv(paths.tuning, detection.trials)
