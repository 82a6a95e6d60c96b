"""What a network's maps of the evaluation's patterns are worth: SSIM and peaks."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from latticework.analysis.bragg import bragg_peaks
from latticework.analysis.peak_detection import (
    MOST_PEAKS,
    Detection,
    Peaks,
    Space,
    tuned_detection,
)
from latticework.analysis.similarity import ssim

SPACE: Space = {
    "threshold": ("loguniform", (5e-3, 0.5)),  # of the map's maximum
    "separation": ("choice", (1, 2, 3, 4)),  # px
}


def peaks_of(maps: torch.Tensor, step: float) -> Callable[[np.ndarray, Mapping[str, Any]], Peaks]:
    """A detector of peaks in maps (n, size, size), for `peak_detection.tuned_detection`."""

    def detect(indices: np.ndarray, parameters: Mapping[str, Any]) -> Peaks:
        table = bragg_peaks(maps[indices], step, **parameters)
        values = table[["qx", "qy", "intensity"]].to_numpy(float)
        starts = np.searchsorted(table["pattern"], np.arange(1, len(indices)))
        return [peaks[:MOST_PEAKS] for peaks in np.split(values, starts)]

    return detect


def judge_maps(
    maps: torch.Tensor, arrays: Mapping[str, Any], table: pd.DataFrame, **how: Any
) -> Detection:
    """Peaks, accuracy and SSIM of predicted maps (n, size, size) of all the evaluation's patterns.

    `arrays`, `table` and `how` are those of `tuned_detection`.
    """
    detect = peaks_of(maps, float(arrays["reciprocal_sampling"]))
    detection = tuned_detection(detect, SPACE, arrays, table, **how)
    detection.scores["ssim"] = [
        ssim(maps[i].numpy(), arrays["structure_factors"][i]) for i in detection.scores["pattern"]
    ]
    return detection
