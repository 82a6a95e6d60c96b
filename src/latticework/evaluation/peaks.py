"""Scores of a network's structure factors on the evaluation's patterns: SSIM and peaks."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from latticework.analysis.diffraction.bragg import bragg_peaks
from latticework.analysis.diffraction.correlation import MOST_PEAKS, Peaks, Space
from latticework.analysis.diffraction.similarity import ssim
from latticework.evaluation import Evaluated
from latticework.evaluation.peak_tuning import (
    Detection,
    evaluated,
    read_patterns,
    tuned_detection,
)
from latticework.hardware import best_device
from latticework.inference.structure_factors import predict_structure_factors
from latticework.learning import weights
from latticework.materials import Material
from latticework.seeds import torch_seed

SPACE: Space = {
    "threshold": ("loguniform", (5e-3, 0.5)),  # of the map's maximum
    "separation": ("choice", (1, 2, 3, 4)),  # px
}


def peaks_of(maps: torch.Tensor, step: float) -> Callable[[np.ndarray, Mapping[str, Any]], Peaks]:
    """A detector of peaks in maps (n, size, size), for `peak_tuning.tuned_detection`."""

    def detect(indices: np.ndarray, parameters: Mapping[str, Any]) -> Peaks:
        table = bragg_peaks(maps[indices], step, **parameters)
        values = table[["qx", "qy", "intensity"]].to_numpy(float)
        starts = np.searchsorted(table["pattern"], np.arange(1, len(indices)))
        return [peaks[:MOST_PEAKS] for peaks in np.split(values, starts)]

    return detect


def score_structure_factors(
    maps: torch.Tensor, arrays: Mapping[str, Any], table: pd.DataFrame, **how: Any
) -> Detection:
    """Peaks, accuracy and SSIM of structure factors (n, size, size) of all patterns.

    `arrays`, `table` and `how` are those of `tuned_detection`.
    """
    detect = peaks_of(maps, float(arrays["reciprocal_sampling"]))
    detection = tuned_detection(detect, SPACE, arrays, table, **how)
    detection.scores["ssim"] = [
        ssim(maps[i].numpy(), arrays["structure_factors"][i]) for i in detection.scores["pattern"]
    ]
    return detection


def evaluate_network(
    weights_path: Path,
    structures: Sequence[Path],
    simulations: Sequence[Path],
    prepared: Sequence[Path],
    *,
    material: Material | None,
    evaluation: Mapping[str, Any],
    inference: Mapping[str, Any],
    seed: int,
    study: str,
    name: str,
) -> Evaluated:
    """Scores of a network on the evaluation's patterns, which `prepared` (arrays, table) holds.

    `evaluation` has samples, precision, trials and radius, as the section of a study. Raises
    WeightsError and ShardError for files that cannot be used.
    """
    network, _ = weights.load(weights_path)
    arrays, table = read_patterns(*prepared)
    found = predict_structure_factors(
        network.to(best_device()),
        torch.from_numpy(arrays["pattern"]),
        torch.from_numpy(arrays["probe"]),
        samples=evaluation["samples"],
        seed=torch_seed(seed, f"{study}/{name}/evaluation"),
        precision=evaluation["precision"],
    )
    return evaluated(
        score_structure_factors(
            found,
            arrays,
            table,
            trials=evaluation["trials"],
            radius=evaluation["radius"],
            seed=seed,
            name=name,
        )
    )
