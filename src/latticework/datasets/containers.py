"""Several pictures in one file: their names, and which of them to read."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from latticework.datasets.hdf5 import PictureError
from latticework.datasets.units import reciprocal_angstrom


def name_of(signal: dict, number: int) -> str:
    """The name of a picture in a file: its title, or its number from 1."""
    title = ((signal.get("metadata") or {}).get("General") or {}).get("title")
    return str(title) if title else f"image {number}"


def choose(signals: Sequence[dict], path: Path, image: str | None) -> tuple[dict, list[str]]:
    """The picture to read of those in a file, and a line on the choice where there was one.

    Raises PictureError, naming those there are, for a name or number that is not there.
    """
    names = [name_of(signal, number) for number, signal in enumerate(signals, start=1)]
    if image is not None:
        chosen = [n for n, name in enumerate(names) if name.lower() == image.lower()]
        if image.isdigit() and 1 <= int(image) <= len(signals):
            chosen = [int(image) - 1]
        if len(chosen) != 1:
            listed = "; ".join(f"{n}: {describe(s)}" for n, s in enumerate(signals, start=1))
            wrong = "several images of that name" if chosen else "no such image"
            raise PictureError(f"{path}: --image {image}: {wrong}; there are {listed}")
        return signals[chosen[0]], []
    best = max(range(len(signals)), key=lambda number: (_worth(signals[number]), -number))
    if len(signals) == 1:
        return signals[0], []
    return signals[best], [
        f"image {best + 1} of {len(signals)}: {describe(signals[best])}; --image chooses another"
    ]


def describe(signal: dict) -> str:
    """A picture of a file in a few words: its name, size, type and pixel."""
    data, axes = signal["data"], signal["axes"]
    kind = "colour" if data.dtype.names else str(data.dtype)
    size = " × ".join(map(str, reversed(np.shape(data))))
    scales = [axes[i] for i in signal_axes(signal)[-1:] if i < len(axes)]
    unit = scales and scales[0].get("units")
    pixel = f", {float(scales[0].get('scale') or 1):.4g} {unit}/px" if unit else ""
    title = ((signal.get("metadata") or {}).get("General") or {}).get("title")
    named = f"'{title}', " if title else ""
    return f"{named}{size} px, {kind}{pixel}"


def _worth(signal: dict) -> tuple[bool, bool, bool, int, float]:
    """How well a signal serves as the picture: an image of the specimen, of many grey levels."""
    data = signal["data"]
    axes = [signal["axes"][i] for i in signal_axes(signal) if i < len(signal["axes"])]
    reciprocal = any(reciprocal_angstrom(1.0, str(a.get("units") or "")) for a in axes)
    numbers = data.dtype.kind in "biuf"
    return (
        len(signal_axes(signal)) == 2,
        numbers or bool(data.dtype.names),
        not reciprocal,
        min(data.dtype.itemsize, 2) if numbers else 0,
        float(np.prod(np.shape(data), dtype=float)),
    )


def plane(signal: dict) -> tuple[int, ...]:
    shape, axes = np.shape(signal["data"]), signal_axes(signal)[:2]
    return tuple(shape[i] for i in axes)


def signal_axes(signal: dict) -> list[int]:
    """Indices of the axes of one picture: those not navigated, of the axes longer than 1."""
    shape, axes = np.shape(signal["data"]), signal["axes"]
    long = [i for i, n in enumerate(shape) if n > 1]
    if len(long) <= 2:
        return long
    navigated = [bool(axes[i].get("navigate", False)) if i < len(axes) else False for i in long]
    return [i for i, nav in zip(long, navigated, strict=True) if not nav]
