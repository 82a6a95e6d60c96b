"""What disk detection by template correlation has in common, whoever wrote it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter, median_filter

# A parameter's range: equally likely values, or (low, high) on a linear or logarithmic scale.
Space = Mapping[str, tuple[str, Sequence[Any]]]
# Of each pattern (n, 3): qx, qy in 1/Å and the amplitude.
Peaks = list[np.ndarray]
# The strongest are kept: a method that finds more than these finds noise.
MOST_PEAKS = 1000

# To be tuned for every implementation; lengths that follow the probe's size are in its radii.
SPACE: Space = {
    "hot_pixels": ("choice", (0.0, 2.0, 4.0, 10.0)),  # as `without_hot_pixels`; 0: not removed
    "threshold": ("loguniform", (1e-4, 0.3)),  # of the correlation's maximum
    "spacing": ("uniform", (0.0, 2.5)),  # between peaks, radii
    "edge": ("uniform", (0.0, 1.5)),  # ignored at the border, radii
    "corr_power": ("choice", (1.0, 0.9, 0.75, 0.5, 0.25)),  # 1: cross, towards 0: phase
    "smoothing": ("choice", (0.0, 0.5, 1.0, 2.0)),  # Gaussian σ, px
}
NEIGHBOURS = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)

# From a pattern, its probe (size, size), the pixel in 1/Å and parameters to peaks (n, 3).
Detector = Callable[[np.ndarray, np.ndarray, float, Mapping[str, Any]], np.ndarray]


def without_hot_pixels(pattern: np.ndarray, ratio: float) -> np.ndarray:
    """A pattern with the median of 3 × 3 px wherever a pixel exceeds `ratio` times each neighbour.

    What is done to a real pattern before any correlation; `ratio` 0 leaves it as it is.
    """
    if not ratio:
        return pattern
    hot = pattern > ratio * maximum_filter(pattern, footprint=NEIGHBOURS)
    return np.where(hot, median_filter(pattern, 3), pattern)


def on_patterns(
    detect: Detector, arrays: Mapping[str, Any]
) -> Callable[[np.ndarray, Mapping[str, Any]], Peaks]:
    """A detector of many of the evaluation's patterns, for `peak_tuning.tuned_detection`."""
    step = float(arrays["reciprocal_sampling"])

    def on_indices(indices: np.ndarray, parameters: Mapping[str, Any]) -> Peaks:
        return [
            detect(
                without_hot_pixels(arrays["pattern"][i], parameters["hot_pixels"]),
                arrays["probe"][i],
                step,
                parameters,
            )
            for i in indices
        ]

    return on_indices


def amplitudes(peaks: np.ndarray, size: int, step: float) -> np.ndarray:
    """Rows, columns (px) and heights (n, 3) of a correlation as qx, qy (1/Å) and amplitude.

    A correlation's height is a disk's intensity; the amplitude is its square root, as in the paper.
    """
    q = (peaks[:, 1::-1] - size // 2) * step
    return np.column_stack([q, np.sqrt(np.clip(peaks[:, 2], 0, None))])
