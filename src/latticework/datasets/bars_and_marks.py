"""Bars, margins, scale bars and labels: areas of one value, which no camera records by chance."""

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from latticework.datasets.frames import (
    LEAST_AREA,
    Region,
    components,
    filtered,
    place,
    some,
    spans_of,
    spread_of,
    within,
)

# An area is constant if it varies by less than this share of what 3 × 3 px vary by elsewhere.
FLAT = 0.05
# px: the length of a run of one value in a burnt-in line or letter.
RUN = 15
# Burnt-in marks are few; more areas of one extreme value are clipped specimen.
MOST_MARKS, LARGEST_MARKS = 40, 0.1
# −log of the probability that an area of one value is so by chance, as in a picture of few counts.
CHANCE = 40.0


def bars(values: np.ndarray, known: np.ndarray) -> Iterator[Region]:
    """Bars and margins: areas of one value along a border that do not come about by chance."""
    tolerance, flat = _flat(values, known)
    for area in _level_areas(flat, values, tolerance):
        if area.sum() < 0.005 * values.size:
            break
        value = float(np.median(values[area]))
        equal = float(np.mean(np.abs(values[~known] - value) <= tolerance))
        if _touches_border(area) and _not_by_chance(area, equal):
            whole = _with_what_it_encloses(area)
            yield Region("a bar or margin of one value", place(whole), whole)


def marks(values: np.ndarray, known: np.ndarray) -> Iterator[Region]:
    """Burnt-in scale bars and letters: few areas of an extreme value, with sharp edges."""
    sound = values[~known]
    if sound.size:
        tolerance, _ = _flat(values, known)
        for extreme in (float(sound.max()), float(sound.min())):
            yield from _marks_of(extreme, values, known, tolerance, spread_of(sound))


def _flat(values: np.ndarray, known: np.ndarray) -> tuple[float, np.ndarray]:
    """By how much values may differ that count as one, and the pixels of windows that have one."""
    spans = spans_of(values, (3, 3))
    varied = spans[~known & (spans > 0)]
    tolerance = FLAT * float(np.median(some(varied))) if varied.size else 0.0
    return tolerance, within(spans <= tolerance, (3, 3)) & ~known


def _not_by_chance(area: np.ndarray, equal: float) -> bool:
    """Whether an area is of one value although only a share of all pixels has it, as where few
    electrons were counted: by the largest square in it, or by the lines of the border in it."""
    side = 2 * int(ndimage.distance_transform_cdt(area, "chessboard").max()) - 1
    lines = area.all(axis=1).sum() * area.shape[1] + area.all(axis=0).sum() * area.shape[0]
    return bool(-np.log(min(equal, 1 - 1e-12)) * max(side**2, lines) > CHANCE)


def _level_areas(flat: np.ndarray, values: np.ndarray, tolerance: float) -> Iterator[np.ndarray]:
    """Connected flat areas in which all pixels have nearly one value; slopes are none."""
    for area in components(flat):
        level = np.abs(values - np.median(values[area])) <= 2 * tolerance
        # Writing on a bar may be flat as well.
        if np.mean(level[area]) > 0.8:
            yield area & level


def _touches_border(area: np.ndarray) -> bool:
    """Whether an area lies along a border, not only at one point of it."""
    return max(edge.sum() for edge in (area[0], area[-1], area[:, 0], area[:, -1])) >= RUN


def _with_what_it_encloses(area: np.ndarray) -> np.ndarray:
    """An area and the writing in it: what it encloses, also against the border of the frame, and
    is smaller than it."""
    whole = area.copy()
    # Writing may touch the frame's own border.
    around = np.pad(~area, 1)
    labels, count = ndimage.label(around[1:-1, 1:-1])
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    small = np.flatnonzero(sizes < 0.1 * area.sum())
    whole |= np.isin(labels, small[small > 0])
    return whole


def _marks_of(
    extreme: float, values: np.ndarray, known: np.ndarray, tolerance: float, spread: float
) -> Iterator[Region]:
    level = (np.abs(values - extreme) <= tolerance) & ~known
    if level.sum() < LEAST_AREA:
        return
    cores = np.zeros_like(level)
    for size in ((3, 3), (1, RUN), (RUN, 1)):
        cores |= within(filtered(level, size, np.minimum), size)
    areas = components(ndimage.binary_propagation(cores, mask=level), MOST_MARKS)
    sharp = [a for a in areas if _jumps(values, a, known, extreme, spread)]
    found = [a for a in sharp if _elongated(a) or a.sum() > 4 * LEAST_AREA]
    if not found or sum(a.sum() for a in sharp) > LARGEST_MARKS * values.size:
        return
    mask = np.any(found, axis=0)
    equal = int(level.sum()) - int(mask.sum())
    if equal < 0.005 * values.size:
        # The letters beside a bar have its value, in strokes too thin to be found by.
        mask |= level & _beside(found)
    mask = ndimage.binary_dilation(mask, np.ones((3, 3)), iterations=2) & ~known
    yield Region("a scale bar or label", place(mask), mask)


def _jumps(
    values: np.ndarray, area: np.ndarray, known: np.ndarray, extreme: float, spread: float
) -> bool:
    """Whether values leave an area's at once, as clipped specimen's do not."""
    near = ndimage.binary_dilation(area, np.ones((3, 3)), iterations=1)
    ring = ndimage.binary_dilation(near, np.ones((3, 3)), iterations=1) & ~near & ~known
    return bool(ring.any()) and abs(np.median(values[ring]) - extreme) > spread


def _elongated(area: np.ndarray) -> bool:
    """Whether an area is a solid bar, three times as long as it is wide."""
    rows, columns = np.nonzero(area.any(axis=1))[0], np.nonzero(area.any(axis=0))[0]
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    solid = area.sum() > 0.7 * height * width
    return bool(solid and max(height, width) >= max(RUN, 3 * min(height, width)))


def _beside(bars: list[np.ndarray]) -> np.ndarray:
    """The neighbourhood of bars in which their labels stand."""
    mask = np.zeros_like(bars[0])
    for bar in bars:
        rows, columns = np.nonzero(bar.any(axis=1))[0], np.nonzero(bar.any(axis=0))[0]
        reach = max(20, (np.ptp(columns) + 1) // 2)
        mask[
            max(rows[0] - reach, 0) : rows[-1] + reach + 1,
            max(columns[0] - reach, 0) : columns[-1] + reach + 1,
        ] = True
    return mask
