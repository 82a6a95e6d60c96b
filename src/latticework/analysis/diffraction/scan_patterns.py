"""What patterns of a scan can be measured: faults, hot pixels, the direct beam, their mean."""

from collections.abc import Iterator

import numpy as np

from latticework.analysis.diffraction.strain_map import (
    BLANK,
    MEASURED,
    NOT_FINITE,
    SATURATED,
)
from latticework.datasets.pattern_faults import hot_pixels, repaired
from latticework.datasets.read import PictureError
from latticework.datasets.scans import Patterns, saturated_share
from latticework.inference.scan_calibration import disk

AVERAGED = 64  # patterns, evenly over the scan, whose mean shows the lattice
DIFFRACTED = 3e-3  # share beyond the direct beam, at least, over the vacuum probe's own
OTHER_RADIUS = 0.15  # relative: a probe of another camera length


def faults(patterns: np.ndarray) -> np.ndarray:
    """For each of patterns (n, ky, kx) the index of the reason why it cannot be measured, or 0."""
    reason = np.zeros(len(patterns), np.uint8)
    for number, pattern in enumerate(patterns):
        finite = np.isfinite(pattern)
        if finite.mean() < 0.5:
            reason[number] = NOT_FINITE
        elif np.ptp(pattern[finite]) == 0 or pattern[finite].sum() <= 0:
            reason[number] = BLANK
        elif saturated_share(pattern) > 0.05:
            # Of a few saturated disks the edges are still there.
            reason[number] = SATURATED
    return reason


def beam_reach(probe: np.ndarray) -> float:
    """Radius in px that holds 99 % of a vacuum probe (ky, kx), at most three of its disk's.

    The disk's own would miss the rings of a bullseye.
    """
    (x, y), radius = disk(probe)
    rows, columns = np.indices(probe.shape)
    away = np.hypot(columns - x, rows - y).ravel()
    order = np.argsort(away)
    held = np.cumsum(probe.ravel()[order])
    return float(min(away[order][np.searchsorted(held, 0.99 * held[-1])], 3 * radius)) + 1


def diffracted(pattern: np.ndarray, beam: np.ndarray, reach: float) -> float:
    """Share of a pattern's intensity beyond its direct beam, a place (x, y) and a radius in px."""
    y, x = np.indices(pattern.shape)
    inside = np.hypot(x - beam[0], y - beam[1]) <= reach
    return 1 - float(pattern[inside].sum() / pattern.sum())


def read_batches(patterns: Patterns, size: int) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Numbers, patterns (n, ky, kx) float32 and what is wrong with them, as `faults`.

    Hot pixels are NaN, as pixels without a value: no disk is fitted to them.
    """
    start = 0
    for places, block in patterns.blocks(size):
        read = hot_unknown(block)
        yield slice(start, start + len(places)), read, faults(read)
        start += len(places)


def hot_unknown(patterns: np.ndarray) -> np.ndarray:
    """Patterns (n, ky, kx) as float32, their hot pixels NaN."""
    read = patterns.astype(np.float32)
    for pattern in read:
        pattern[hot_pixels(np.nan_to_num(pattern))] = np.nan
    return read


def average(patterns: Patterns, count: int = AVERAGED) -> np.ndarray:
    """Mean (ky, kx) of up to `count` usable patterns, evenly over the scan, each of equal weight.

    Raises PictureError where none can be used.
    """
    places = list(np.ndindex(*patterns.scan))
    chosen = np.unique(np.linspace(0, len(places) - 1, count).round().astype(int))
    total, used = np.zeros(patterns.shape), 0
    for number in chosen:
        pattern = hot_unknown(np.asarray(patterns.data[places[number]])[None])
        if faults(pattern)[0] == MEASURED:
            whole, _ = repaired(pattern[0])
            total += whole / whole.sum()
            used += 1
    if not used:
        raise PictureError(f"{patterns.path}: none of {len(chosen)} patterns can be measured")
    return total / used


def probe_warnings(mean: np.ndarray, probe: np.ndarray) -> list[str]:
    """What to say where the direct beam of a mean pattern (ky, kx) has not the probe's radius."""
    try:
        (_, seen), (_, given) = disk(mean), disk(probe)
    except PictureError:
        return []
    if abs(seen / given - 1) < OTHER_RADIUS:
        return []
    return [
        f"the direct beam has a radius of {seen:.1f} px, the vacuum probe one of {given:.1f} px: "
        "is the probe of this camera length and binning?"
    ]
