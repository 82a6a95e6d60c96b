"""Detect peaks with any method: parameters tuned on validation crystals, then frozen for the test.

Every method, a network's map or a correlation, is tuned by the same random search with the same
number of trials for the same quantity, so that none is compared at a disadvantage.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from latticework import shards
from latticework.analysis.diffraction.correlation import Peaks, Space
from latticework.evaluation import Evaluated
from latticework.evaluation.bragg import score_peaks
from latticework.seeds import stream


@dataclass(frozen=True)
class Detection:
    """What a tuned method found: a row a pattern in `scores`, (n, 3) peaks of each, `trials`."""

    scores: pd.DataFrame
    peaks: Peaks
    trials: pd.DataFrame


def draw_trials(space: Space, count: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Random values of all parameters, `count` times. Raises ValueError for an unknown scale.

    Optuna's random sampler would draw others, and every published score depends on these draws.
    """

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
        The evaluation's patterns, as `evaluation.patterns.make_patterns` makes them.
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


def peak_table(arrays: Mapping[str, Any]) -> pd.DataFrame:
    """Peaks in a file of details, one row each: pattern, qx, qy (1/Å), amplitude."""
    numbers = np.repeat(arrays["pattern"], [len(peaks) for peaks in arrays["peaks"]])
    columns = ["qx", "qy", "amplitude"]
    peaks = pd.DataFrame(np.concatenate([np.zeros((0, 3)), *arrays["peaks"]]), columns=columns)
    peaks.insert(0, "pattern", numbers)
    return peaks


def read_patterns(patterns: str | Path, table: str | Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """Arrays and table of the evaluation's patterns. Raises ShardError as `shards.read`."""
    return shards.read(patterns, "evaluation_patterns")[0], pd.read_csv(table)


def evaluated(detection: Detection) -> Evaluated:
    """A detection as tables: the scores, and in the details all peaks and the trials."""
    numbers = detection.scores["pattern"].to_numpy()
    return Evaluated(
        detection.scores,
        {
            "pattern": shards.Array(numbers, "1", ("scored pattern",)),
            "peaks": shards.Array(
                detection.peaks,
                "1/Å, 1/Å, amplitude",
                ("scored pattern", "peak", "qx, qy, amplitude"),
                ragged=True,
            ),
        },
        {"trials": json.loads(detection.trials.to_json(orient="records"))},
    )
