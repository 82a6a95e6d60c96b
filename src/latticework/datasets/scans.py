"""Read diffraction patterns of any vendor's format: one, a stack, or a scan of them (4D-STEM)."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latticework.datasets.read import SMALLEST_SIDE, PictureError, open_lazily
from latticework.datasets.units import reciprocal_angstrom

# 1/Å: the range of pixels at which disks can be told apart.
PLAUSIBLE_STEP = (1e-4, 0.5)
# Above this share of pixels at one common maximum, the detector is considered saturated.
SATURATED = 1e-4


@dataclass(frozen=True)
class Patterns:
    """Patterns on disk: data (scan…, ky, kx), perhaps lazy; step: 1/Å a pixel by the file's
    metadata, or None."""

    path: Path
    data: Any
    step: float | None

    @property
    def scan(self) -> tuple[int, ...]:
        """The scan's shape; () of a single pattern."""
        return tuple(self.data.shape[:-2])

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a pattern."""
        return tuple(self.data.shape[-2:])

    def __len__(self) -> int:
        return int(np.prod(self.scan))

    def blocks(self, size: int) -> Iterator[tuple[list[tuple[int, ...]], np.ndarray]]:
        """Places in the scan and patterns (n, ky, kx), n ≤ size, read when asked for.

        A block lies in one row of the scan: files keep neighbours together, and what is compressed
        in one piece is read once.
        """
        if not self.scan:
            yield [()], np.asarray(self.data)[None]
            return
        *rows, columns = self.scan
        for row in np.ndindex(*rows):
            for first in range(0, columns, size):
                part = slice(first, min(first + size, columns))
                places = [(*row, column) for column in range(part.start, part.stop)]
                yield places, np.asarray(self.data[(*row, part)])

    def batches(self, size: int) -> Iterator[tuple[list[tuple[int, ...]], np.ndarray]]:
        """Places and patterns (n, ky, kx), n ≤ size and over the ends of rows, float32, checked.

        Raises PictureError, with its place, for a pattern that has a NaN, an infinity or no signal.
        """
        places = list(np.ndindex(*self.scan))
        for start in range(0, len(places), size):
            chosen = places[start : start + size]
            read = np.stack([np.asarray(self.data[place]) for place in chosen])
            for place, pattern in zip(chosen, read, strict=True):
                check_pattern(pattern, f"{self.path}{list(place) if place else ''}")
            yield chosen, read.astype(np.float32)


def check_pattern(pattern: np.ndarray, name: str) -> None:
    """Raise PictureError for a pattern (ky, kx) that has a NaN, an infinity, or no signal."""
    bad = pattern.size - np.count_nonzero(np.isfinite(pattern))
    if bad:
        raise PictureError(f"{name}: {bad} of {pattern.size} pixels are NaN or infinite")
    if pattern.min() == pattern.max():
        raise PictureError(f"{name}: is constant, every pixel is {pattern.min():g}")


def saturated_share(pattern: np.ndarray) -> float:
    """Share of a pattern's pixels that are at its largest value, where these look cut off, or 0.

    One pixel is always the brightest, but no diffraction pattern has a plateau of more than 1e-4
    of its pixels at its maximum.
    """
    top = pattern.max()
    share = float(np.mean(pattern == top))
    if share * pattern.size < 2 or share <= SATURATED:
        return 0.0
    whole = np.issubdtype(pattern.dtype, np.integer) or np.array_equal(pattern, np.round(pattern))
    # A few counts coincide by chance; hundreds of them do not.
    return share if not whole or top > 100 else 0.0


def rows_and_columns(scan: Sequence[int]) -> tuple[int, int]:
    """Shape (y, x) of a map of a scan: of a line one row, of a single pattern one position."""
    if len(scan) > 2:
        raise PictureError(f"a scan of {len(scan)} dimensions; expected a line or a plane")
    return tuple([1] * (2 - len(scan)) + list(scan))


def read_patterns(path: str | Path) -> Patterns:
    """Open a pattern (2-D), a stack (3-D) or a scan (4-D) by rosettasciio, lazily where it can.

    Raises PictureError, naming the file, for what is missing, of unknown format, truncated, of
    another number of dimensions, complex, or smaller than 32 px.
    """
    path = Path(path).expanduser()
    signal = open_lazily(path)
    data = signal["data"]
    shape = " × ".join(map(str, np.shape(data)))
    if np.ndim(data) not in (2, 3, 4):
        raise PictureError(f"{path}: is {shape}; expected a pattern, a stack or a scan of them")
    if data.dtype.kind not in "biuf":
        raise PictureError(f"{path}: holds {data.dtype} values, which are no intensities")
    if min(data.shape[-2:]) < SMALLEST_SIDE:
        raise PictureError(
            f"{path}: patterns are {data.shape[-2]} × {data.shape[-1]} px; expected at least "
            f"{SMALLEST_SIDE} × {SMALLEST_SIDE}"
        )
    axes = signal["axes"][-2:]
    steps = [reciprocal_angstrom(a.get("scale", 1.0), str(a.get("units") or "")) for a in axes]
    step = None
    if len(steps) == 2 and None not in steps:
        low, high = PLAUSIBLE_STEP
        if all(low <= s <= high for s in steps) and max(steps) <= 1.01 * min(steps):
            step = sum(steps) / 2
        else:
            warnings.warn(
                f"{path}: its pixel by metadata, {steps[0]:.4g} × {steps[1]:.4g} 1/Å, is not "
                f"square or outside {low} to {high} 1/Å and is not used",
                stacklevel=2,
            )
    return Patterns(path, data, step)
