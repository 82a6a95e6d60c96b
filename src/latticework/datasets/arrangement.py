"""What a user says of an array: which axis is which, and which part of it to read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latticework.datasets.hdf5 import PictureError

FRAMES, ROWS, COLUMNS, COLOURS = "t", "y", "x", "c"


@dataclass(frozen=True)
class Arrangement:
    """How to read an array, where the file does not say it or all of it is not wanted.

    Parameters
    ----------
    axes
        A letter for each axis of the array, in its order: y and x of an image, t for frames, c for
        colours. None: as the file says.
    crop
        x0, y0, x1, y1 in px: the part to read, x1 and y1 excluded. None: all of it.
    """

    axes: str | None = None
    crop: Sequence[int] | None = None

    def applied(self, signal: dict, path: Path) -> tuple[dict, list[str]]:
        """The array in the order frames, rows, columns, colours, its part, and a line on each.

        `signal` is rosettasciio's dictionary; its data may still lie on disk. Raises PictureError
        for letters that do not fit the array, and for a part that is not in it.
        """
        said = []
        if self.axes is not None:
            signal = _in_order(signal, self.axes, path)
            said.append(f"axes {' '.join(self.axes)} by the user")
        if self.crop is not None:
            signal = _part(signal, self.crop, path)
            x0, y0, x1, y1 = self.crop
            said.append(
                f"columns {x0} to {x1 - 1} and rows {y0} to {y1 - 1} are read; positions count "
                "from the corner of this part"
            )
        return signal, said


WHOLE = Arrangement()


def _in_order(signal: dict, axes: str, path: Path) -> dict:
    """The array with its axes named by letters, as frames, rows, columns, colours."""
    shape = np.shape(signal["data"])
    known = FRAMES + ROWS + COLUMNS + COLOURS
    if len(set(axes)) != len(axes) or not {ROWS, COLUMNS} <= set(axes) <= set(known):
        raise PictureError(
            f"{path}: --axes {axes}: expected a letter for each axis, x and y, and t for frames or "
            "c for colours where there are such; tyx, say"
        )
    if len(axes) != len(shape):
        raise PictureError(
            f"{path}: --axes {axes}: names {len(axes)} axes, the array has {len(shape)} "
            f"({' × '.join(map(str, shape))})"
        )
    order = [axes.index(letter) for letter in known if letter in axes]
    described = signal["axes"]
    if len(described) == len(shape):
        described = [
            {**described[i], "navigate": axes[i] == FRAMES} for i in order if axes[i] != COLOURS
        ]
    else:
        described = []
    return {**signal, "data": signal["data"].transpose(order), "axes": described}


def _part(signal: dict, crop: Sequence[int], path: Path) -> dict:
    """The array with rows and columns of a part only; they are its last axes but for colours."""
    data = signal["data"]
    colour = data.dtype.names is None and data.ndim > 2 and data.shape[-1] in (3, 4)
    rows, columns = (-3, -2) if colour else (-2, -1)
    x0, y0, x1, y1 = crop
    if data.ndim < 2:
        raise PictureError(f"{path}: --crop: an array of {data.ndim} axes has no rows and columns")
    ny, nx = data.shape[rows], data.shape[columns]
    if not (0 <= x0 < x1 <= nx and 0 <= y0 < y1 <= ny):
        raise PictureError(
            f"{path}: --crop {x0} {y0} {x1} {y1}: expected left, top, right and bottom in px, "
            f"inside the image of {nx} × {ny} px"
        )
    where = (..., slice(y0, y1), slice(x0, x1), *([slice(None)] if colour else []))
    return {**signal, "data": data[where]}
