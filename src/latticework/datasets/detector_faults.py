"""Faults of detectors and files: dead lines, hits, dead pixels, repeated rows, seams."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy import ndimage

from latticework.datasets.frames import Region, place, some, spread_of

# Outliers, over a robust standard deviation; a hit's largest area in px; lines' largest share.
OUTLIER, LARGEST_HIT, LARGEST_SHARE = 10.0, 60, 0.05
# px: the shortest line; values of a line that tell its median well enough.
SHORTEST, ENOUGH_OF_A_LINE = 15, 400


def _both_ways(
    values: np.ndarray, known: np.ndarray, find_rows: Callable, names: tuple[str, str]
) -> Iterator[Region]:
    """What a function finds along rows, and along columns."""
    for turned, name in zip((False, True), names, strict=True):
        picture, mask = (values.T, known.T) if turned else (values, known)
        for kind, rows in find_rows(picture, mask):
            found = rows.T if turned else rows
            yield Region(kind.format(name), place(found), found)


def repeated(values: np.ndarray, known: np.ndarray) -> Iterator[Region]:
    """Rows that repeat the one before them, where reading out stopped: eight of them or more."""

    def rows(picture: np.ndarray, mask: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        same = np.all((np.diff(picture, axis=0) == 0) | mask[1:], axis=1) & ~mask[1:].all(axis=1)
        # A picture that was enlarged by repeating its pixels is whole.
        if same.mean() > 0.5:
            return
        labels, count = ndimage.label(same)
        for label in range(1, count + 1):
            run = np.flatnonzero(labels == label)
            if len(run) >= 8:
                found = np.zeros_like(mask)
                found[run + 1] = True
                yield "{} that repeat one another", found & ~mask

    yield from _both_ways(values, known, rows, ("rows", "columns"))


def lines(values: np.ndarray, known: np.ndarray) -> Iterator[Region]:
    """Dead or bright lines, one or two pixels wide, whole or from a border to the middle."""

    def rows(picture: np.ndarray, mask: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        width, found = picture.shape[1], np.zeros_like(mask)
        for parts in (1, 2):
            for part in range(parts):
                columns = slice(part * width // parts, (part + 1) * width // parts)
                # Fringes of the specimen may look like a line for half of the way.
                masked = mask[:, columns] | found[:, columns]
                for row in _odd_rows(picture[:, columns], masked, least=parts**2):
                    found[row, columns] = True
        if found.any() and found.any(axis=1).mean() <= LARGEST_SHARE:
            yield "a dead or bright {}", found & ~mask

    yield from _both_ways(values, known, rows, ("row", "column"))


def _odd_rows(picture: np.ndarray, mask: np.ndarray, least: float) -> list[int]:
    """Rows that lie above or below their neighbours everywhere, by `least` times the noise."""
    reach, every = 2, 1 + picture.shape[1] // ENOUGH_OF_A_LINE
    picture, mask = picture[:, ::every], mask[:, ::every]
    if picture.shape[0] < 8 * reach or picture.shape[1] < SHORTEST:
        return []
    padded = np.pad(picture, ((reach, reach), (0, 0)), mode="reflect")
    around = 0.5 * (padded[: -2 * reach] + padded[2 * reach :])
    difference = np.where(mask, np.nan, picture - around)
    usable = np.mean(~mask, axis=1) > 0.5
    offset = np.zeros(len(picture))
    median = np.nanmedian if mask.any() else np.median
    offset[usable] = median(difference[usable], axis=1)
    # On the two sides of an edge, or of a seam, the picture differs; of a line it does not.
    step = np.where(mask, np.nan, padded[2 * reach :] - padded[: -2 * reach])
    edge = np.zeros(len(picture))
    edge[usable] = median(step[usable], axis=1)
    offset[np.abs(edge) > np.abs(offset)] = 0
    # A line also has to be as wide as the noise: exact pictures have offsets of any small size.
    noise = spread_of(difference[usable][np.isfinite(difference[usable])])
    limit = max(OUTLIER * spread_of(offset[usable]), least * noise)
    if limit == 0:
        return []
    odd, shadow = [], np.zeros(len(picture), dtype=bool)
    for row in np.argsort(-np.abs(offset)):
        if abs(offset[row]) <= limit:
            break
        # What lies two rows beside a line differs from its surroundings by half of the line.
        if not shadow[row]:
            odd.append(int(row))
            shadow[[r for r in (row - reach, row + reach) if 0 <= r < len(picture)]] = True
    return odd


def hits(values: np.ndarray, known: np.ndarray) -> Iterator[Region]:
    """Single pixels and small clusters that stand out from their neighbours: hits, dead pixels."""
    reach = 4
    padded = np.pad(values, reach, mode="reflect")
    ny, nx = values.shape
    sides = [
        padded[reach + y : reach + y + ny, reach + x : reach + x + nx]
        for y, x in ((-reach, 0), (reach, 0), (0, -reach), (0, reach))
    ]
    # Of four neighbours the middle two: one of them may be a hit as well.
    middle = sum(sides) - np.maximum.reduce(sides) - np.minimum.reduce(sides)
    residual = values - 0.5 * middle
    size = np.abs(residual)
    sound = size[~known]
    limit = max(OUTLIER * spread_of(residual[~known]), 3 * float(np.percentile(some(sound), 99.5)))
    outside = (size > limit) & ~known
    if limit == 0 or not outside.any() or outside.mean() > 0.01:
        return
    labels, _ = ndimage.label(outside, np.ones((3, 3)))
    mask = np.zeros_like(outside)
    for label, box in enumerate(ndimage.find_objects(labels), start=1):
        window = tuple(
            slice(max(s.start - 2, 0), min(s.stop + 2, n))
            for s, n in zip(box, outside.shape, strict=True)
        )
        cluster = labels[window] == label
        if cluster.sum() > LARGEST_HIT:
            continue
        ring = ndimage.binary_dilation(cluster, np.ones((3, 3))) & ~cluster
        # An atom is blurred by the microscope; a hit ends from one pixel to the next.
        if np.median(size[window][ring]) < 0.3 * size[window][cluster].max():
            mask[window] |= cluster | (ring & (size[window] > 0.4 * limit))
    if mask.any():
        number = ndimage.label(mask, np.ones((3, 3)))[1]
        kind = "a hit or dead pixel" if number == 1 else f"{number} hits or dead pixels"
        yield Region(kind, place(mask), mask)


def seams(values: np.ndarray, known: np.ndarray) -> Iterator[Region]:
    """Where a frame is put together of two that do not fit: rows on both sides of the seam."""

    def rows(picture: np.ndarray, mask: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        sound = ~(mask[1:] | mask[:-1])
        usable = sound.mean(axis=1) > 0.5
        if usable.sum() < 16:
            return
        step = np.where(sound, np.abs(np.diff(picture, axis=0)), 0)[usable]
        change = step.sum(axis=1) / sound[usable].sum(axis=1)
        typical = float(np.median(change))
        limit = max(typical + OUTLIER * spread_of(change), 1.3 * typical)
        torn = np.flatnonzero(usable)[change > limit]
        # A seam is one step; an edge of the specimen is several.
        if not 0 < len(torn) <= 3:
            return
        found = np.zeros_like(mask)
        for seam in torn:
            found[max(seam - 1, 0) : seam + 3] = True
        yield "a seam between {} that do not fit", found & ~mask

    yield from _both_ways(values, known, rows, ("rows", "columns"))
