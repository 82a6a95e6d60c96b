"""What the search for what is not specimen is made of: fast filters, robust measures, places."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

# px: the least area that is looked at.
LEAST_AREA = 30
# Values that tell a median well enough.
ENOUGH = 200_000


@dataclass(frozen=True)
class Region:
    """Pixels (ny, nx) that show no specimen, what they are, and where, in words."""

    kind: str
    where: str
    mask: np.ndarray

    def __str__(self) -> str:
        return f"{self.kind}, {self.where}"


def some(values: np.ndarray) -> np.ndarray:
    """Enough of many values for a median."""
    return values.ravel()[:: 1 + values.size // ENOUGH]


def spread_of(values: np.ndarray) -> float:
    """Robust standard deviation; of values most of which are equal, that of the others."""
    values = some(values)
    deviation = np.abs(values - np.median(values))
    spread = 1.4826 * float(np.median(deviation))
    return spread if spread > 0 else float(deviation.mean())


def place(mask: np.ndarray) -> str:
    """Where a mask lies: a band at an edge, or a box of columns and rows, and its share."""
    ny, nx = mask.shape
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    share = mask.mean()
    size = f"{share:.1%} of the picture" if share >= 1e-3 else f"{mask.sum()} px"
    y0, y1, x0, x1 = rows[0], rows[-1], columns[0], columns[-1]
    if x0 == 0 and x1 == nx - 1 and (y0 > 0 or y1 < ny - 1):
        edge = "at the bottom, " if y1 == ny - 1 else "at the top, " if y0 == 0 else ""
        return f"{edge}{_range('row', y0, y1)}, {size}"
    if y0 == 0 and y1 == ny - 1 and (x0 > 0 or x1 < nx - 1):
        edge = "on the right, " if x1 == nx - 1 else "on the left, " if x0 == 0 else ""
        return f"{edge}{_range('column', x0, x1)}, {size}"
    return f"{_range('column', x0, x1)} and {_range('row', y0, y1)}, {size}"


def _range(what: str, first: int, last: int) -> str:
    return f"{what} {first}" if first == last else f"{what}s {first} to {last}"


def components(mask: np.ndarray, most: int | None = None) -> Iterator[np.ndarray]:
    """Connected parts of a mask that are large enough, the largest first, diagonals included;
    none where there are more than `most`."""
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    boxes = ndimage.find_objects(labels)
    chosen = [label for label in np.argsort(-sizes) if sizes[label] >= LEAST_AREA]
    for label in chosen if most is None or len(chosen) <= most else ():
        part, box = np.zeros_like(mask), boxes[label]
        part[box] = labels[box] == label + 1
        yield part


def filtered(values: np.ndarray, size: tuple[int, int], pick: np.ufunc) -> np.ndarray:
    """Largest or smallest value (np.maximum, np.minimum) of the window of an odd number of (rows,
    columns) about each pixel; the border repeats itself. In a few passes over the whole array."""
    for axis, width in enumerate(size):
        reach = width // 2
        padded = np.pad(values, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], "edge")
        padded = np.moveaxis(padded, axis, 0)
        covered = 1
        while covered < width:
            step = min(covered, width - covered)
            padded = pick(padded[:-step], padded[step:])
            covered += step
        values = np.moveaxis(padded, 0, axis)
    return values


def spans_of(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Largest minus smallest value of the window (rows, columns) about each pixel."""
    return filtered(values, size, np.maximum) - filtered(values, size, np.minimum)


def within(core: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """All pixels of the windows about the pixels of a core.

    Windows that reach beyond the border do not count: the border repeats itself in them.
    """
    y, x = size[0] // 2, size[1] // 2
    middle = (slice(y, core.shape[0] - y), slice(x, core.shape[1] - x))
    inside = np.zeros_like(core)
    inside[middle] = core[middle]
    return filtered(inside, size, np.maximum) if inside.any() else inside
