"""Diffraction patterns that cannot be read, and pixels of the others that no electrons explain."""

import numpy as np
from scipy import ndimage

# Share of a pattern's pixels that may have no value and be replaced by their neighbours'.
MOST_MISSING = 0.05
# A pixel above this many times the brightest of its neighbours is hot: disks are wider than one.
HOT = 5.0


def problem_of(pattern: np.ndarray) -> str:
    """Why a pattern (ky, kx) cannot be read, in words; empty if it can."""
    finite = np.isfinite(pattern)
    missing = 1 - finite.mean()
    if missing > MOST_MISSING:
        return f"{missing:.0%} of its pixels are NaN or infinite"
    values = pattern[finite] if missing else pattern
    low, high = values.min(), values.max()
    if low == high:
        return f"it is constant, every pixel is {low:g}"
    return "" if high > 0 else "it has no intensity"


def repaired(pattern: np.ndarray) -> tuple[np.ndarray, int]:
    """A pattern (ky, kx) as float32 with missing and hot pixels replaced, and their number.

    Values too large for single precision are scaled: only ratios matter.
    """
    values = np.asarray(pattern)
    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    if largest > 1e15:
        values = values / float(largest)
    values = values.astype(np.float32)
    wrong = ~np.isfinite(values)
    values[wrong] = 0
    wrong |= hot_pixels(values)
    count = int(wrong.sum())
    if count:
        around = ndimage.median_filter(np.where(wrong, np.float32(0), values), 3, mode="nearest")
        values[wrong] = around[wrong]
    return values, count


def hot_pixels(pattern: np.ndarray) -> np.ndarray:
    """Single pixels (ky, kx) that stand high above all of their neighbours."""
    ring = np.ones((3, 3), dtype=bool)
    ring[1, 1] = False
    around = ndimage.maximum_filter(pattern, footprint=ring, mode="nearest")
    sound = np.maximum(around, 0)
    # Single electrons are no hot pixels: a hot one is also bright for the whole pattern.
    bright = pattern > 0.3 * np.partition(pattern.ravel(), -4)[-4]
    typical = float(np.abs(pattern).mean())
    return bright & (pattern > HOT * sound) & (pattern > 20 * typical)
