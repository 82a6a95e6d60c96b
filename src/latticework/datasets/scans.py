"""Read diffraction patterns of any vendor's format: one, a stack, or a scan of them (4D-STEM)."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from latticework.datasets.pattern_faults import problem_of, repaired
from latticework.datasets.read import SMALLEST_SIDE, PictureError, open_lazily
from latticework.datasets.units import reciprocal_angstrom, to_milliradian

# 1/Å: the range of pixels at which disks can be told apart.
PLAUSIBLE_STEP = (1e-4, 0.5)
# Above this share of pixels at one common maximum, the detector is considered saturated.
SATURATED = 1e-4


@dataclass(frozen=True)
class Patterns:
    """Patterns on disk: data (scan…, ky, kx), perhaps lazy; step: 1/Å a pixel by the file's
    metadata, or None; angle: mrad a pixel, where they say that instead."""

    path: Path
    data: Any
    step: float | None
    angle: float | None = None

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

    def part(self, region: Sequence[int]) -> "Patterns":
        """Those at the positions x0, y0, x1, y1 (ends excluded) of a scan.

        Raises PictureError for a region that is not in the scan.
        """
        x0, y0, x1, y1 = region
        rows, columns = rows_and_columns(self.scan)
        if not (0 <= x0 < x1 <= columns and 0 <= y0 < y1 <= rows):
            raise PictureError(
                f"{self.path}: no positions {tuple(region)} (x0, y0, x1, y1); the scan has "
                f"{columns} × {rows}"
            )
        place = (slice(y0, y1), slice(x0, x1))
        return replace(self, data=self.data[place[-len(self.scan) :] if self.scan else ()])

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

        Raises PictureError, with its place, for a pattern that cannot be read (`problem_of`).
        """
        for places, read, problems in self.checked(size):
            for place, problem in zip(places, problems, strict=True):
                if problem:
                    raise PictureError(f"{self.path}{list(place) if place else ''}: {problem}")
            yield places, read

    def checked(
        self, size: int, first: int = 0
    ) -> Iterator[tuple[list[tuple[int, ...]], np.ndarray, list[str]]]:
        """As `batches`, and for each pattern the problem with it, in words, or nothing.

        From the pattern number `first` on. Missing and hot pixels are replaced by their neighbours;
        a pattern with a problem is zero.
        """
        places = list(np.ndindex(*self.scan))
        for start in range(first, len(places), size):
            chosen = places[start : start + size]
            raw = [np.asarray(self.data[place]) for place in chosen]
            problems = [problem_of(pattern) for pattern in raw]
            read = np.zeros((len(raw), *self.shape), dtype=np.float32)
            for number, (pattern, problem) in enumerate(zip(raw, problems, strict=True)):
                if not problem:
                    read[number], _ = repaired(pattern)
            yield chosen, read, problems

    def mean(self, count: int = 16) -> np.ndarray:
        """Mean (ky, kx) of up to `count` patterns that can be read, evenly over the scan.

        Raises PictureError, with the first one's problem, where none can.
        """
        places = list(np.ndindex(*self.scan))
        chosen = np.unique(np.linspace(0, len(places) - 1, count).round().astype(int))
        raw = [np.asarray(self.data[places[number]]) for number in chosen]
        problems = [problem_of(pattern) for pattern in raw]
        usable = [repaired(p)[0] for p, problem in zip(raw, problems, strict=True) if not problem]
        if not usable:
            raise PictureError(f"{self.path}: none of its patterns can be read: {problems[0]}")
        return np.mean(usable, axis=0)


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


def read_patterns(path: str | Path, image: str | None = None) -> Patterns:
    """Open a pattern (2-D), a stack (3-D) or a scan (4-D) by rosettasciio, lazily where it can.

    `image` says which of several arrays in the file, by its name or its number from 1.

    Raises PictureError, naming the file, for what is missing, of unknown format, truncated, of
    another number of dimensions, complex, or smaller than 32 px.
    """
    path = Path(path).expanduser()
    signal = open_lazily(path, image)
    data = signal["data"]
    shape = " × ".join(map(str, np.shape(data)))
    if np.ndim(data) not in (2, 3, 4):
        raise PictureError(f"{path}: is {shape}; expected a pattern, a stack or a scan of them")
    if data.dtype.kind not in "biuf":
        raise PictureError(f"{path}: holds {data.dtype} values, which are no intensities")
    if 0 in data.shape:
        raise PictureError(f"{path}: is empty ({shape}); expected at least one pattern")
    if min(data.shape[-2:]) < SMALLEST_SIDE:
        raise PictureError(
            f"{path}: patterns are {data.shape[-2]} × {data.shape[-1]} px; expected at least "
            f"{SMALLEST_SIDE} × {SMALLEST_SIDE}"
        )
    axes = [(a.get("scale", 1.0), str(a.get("units") or "")) for a in signal["axes"][-2:]]
    step = _pixel([reciprocal_angstrom(*axis) for axis in axes])
    angle = _pixel([to_milliradian(*axis) for axis in axes])
    if step is not None and not PLAUSIBLE_STEP[0] <= step <= PLAUSIBLE_STEP[1]:
        low, high = PLAUSIBLE_STEP
        warnings.warn(
            f"{path}: its pixel by metadata, {step:.4g} 1/Å, is outside {low} to {high} 1/Å and is "
            "not used",
            stacklevel=2,
        )
        step = None
    return Patterns(path, data, step, angle)


def _pixel(sizes: list[float | None]) -> float | None:
    """The pixel of both axes, or None where one is unknown or they differ."""
    if len(sizes) != 2 or None in sizes:
        return None
    if not (np.all(np.isfinite(sizes)) and min(sizes) > 0 and max(sizes) <= 1.01 * min(sizes)):
        warnings.warn(
            f"the pixel by metadata, {sizes[0]:.4g} × {sizes[1]:.4g}, is not square and not used",
            stacklevel=3,
        )
        return None
    return sum(sizes) / 2
