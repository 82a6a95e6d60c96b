"""Read a picture or movie of any vendor's format, and refuse what is not one, with a reason."""

import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from latticework.datasets import not_specimen
from latticework.datasets.arrangement import WHOLE, Arrangement
from latticework.datasets.containers import choose, plane, signal_axes
from latticework.datasets.formats import (
    check_path,
    check_size,
    known_formats,
    read_scans,
    read_signals,
)
from latticework.datasets.hdf5 import PictureError, read_dataset
from latticework.datasets.units import to_angstrom

__all__ = ["Picture", "PictureError", "known_formats", "read_picture", "to_angstrom"]

SMALLEST_SIDE = 32
# An atom is some 1 Å: no picture that resolves or even shows one lies outside this range.
PLAUSIBLE_SAMPLING = (0.005, 5.0)
# ITU-R BT.601
LUMINANCE = (0.299, 0.587, 0.114)
# Single precision keeps seven digits, and squares of what lies between 10^-15 and 10^15.
SINGLE, DIGITS = 1e15, 1e-3
# Between a file and the array in it.
INSIDE = "::"


@dataclass(frozen=True)
class Picture:
    """What is read of a file.

    Parameters
    ----------
    image
        float32 (frames, ny, nx), finite; what shows no specimen is filled with its likes.
    sampling
        Å/px by the file's metadata, or None if they say nothing plausible.
    metadata
        A few plain values.
    path
        The file.
    mask
        bool (frames, ny, nx), true where no specimen shows; None where all of it does.
    notes
        What was assumed, a line each.
    warnings
        What shows no specimen, a line each.
    """

    image: np.ndarray
    sampling: float | None
    metadata: dict[str, str | int | float] = field(default_factory=dict)
    path: Path = Path()
    mask: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_picture(
    path: str | Path,
    *,
    image: str | None = None,
    arrangement: Arrangement = WHOLE,
    whole: bool = False,
) -> Picture:
    """Read a picture (or movie) by rosettasciio, or a scanning probe's by our own readers.

    Colour becomes luminance, and intensities that single precision cannot hold are scaled. What
    shows no specimen is found (`not_specimen`) and filled. A pixel size outside 0.005 to 5 Å gives
    a warning and counts as unknown; a TIFF's dots per inch are none. Nothing in the file is
    unpickled.

    Parameters
    ----------
    path
        A file; FILE.h5::NAME is an array in it.
    image
        Which of several pictures in the file, by its name or its number from 1. Without it: the
        one of most bits and most pixels that is neither complex nor reciprocal. Of a scanning
        probe's file a channel and a direction, "Current backward"; without it the topography, or
        the current where the tip's height was kept constant, forward.
    arrangement
        Which axis is which, and which part to read, where the file does not say it.
    whole
        Take every pixel for specimen, as for a mask.

    Raises PictureError, naming the file, if it is missing, of unknown format, truncated, not a
    picture (1-D, a spectrum image, 4-D, complex), smaller than 32 px, or shows no specimen at all.
    """
    path, signal, notes = opened(path, image)
    signal, arranged = arrangement.applied(signal, path)
    frames, scaled = frames_of(signal, path)
    check_values(frames, path)
    mask, found = None, ()
    if not whole:
        frames, mask, found = specimen_of(frames, path)
    return Picture(
        image=frames,
        sampling=sampling_of(signal, path),
        metadata=_metadata(signal),
        path=path,
        mask=mask,
        notes=tuple(notes + arranged + scaled),
        warnings=found,
    )


def opened(path: str | Path, image: str | None) -> tuple[Path, dict, list[str]]:
    """A file's picture as rosettasciio's dictionary, and a line on the choice where there was one.

    Raises PictureError as `read_picture`.
    """
    path = Path(path).expanduser()
    if image is not None and path.is_file() and (scans := read_scans(path, image)):
        return path, scans[0], []
    path, signals = open_signals(path)
    return path, *choose(signals, path, image)


def open_signals(path: str | Path, lazy: bool = False) -> tuple[Path, list[dict]]:
    """What a file holds, as rosettasciio's dictionaries. Raises PictureError as `read_picture`."""
    path = Path(path).expanduser()
    inside = ""
    if INSIDE in path.as_posix() and not path.exists():
        before, inside = path.as_posix().split(INSIDE, 1)
        path = Path(before)
    check_path(path)
    signals = read_dataset(path, inside, lazy) if inside else read_signals(path, lazy)
    for signal in signals:
        check_size(path, [plane(signal)])
    return path, signals


def open_lazily(path: str | Path, image: str | None = None) -> dict:
    """The picture or stack of a file as rosettasciio's dictionary, its data still on disk.

    Formats that hold one picture a file are read at once. Raises PictureError as `read_picture`,
    but says nothing of the data's values.
    """
    try:
        path, signals = open_signals(path, lazy=True)
    except PictureError:
        return opened(path, image)[1]
    return choose(signals, path, image)[0]


def frames_of(signal: dict, path: Path) -> tuple[np.ndarray, list[str]]:
    """The data as float32 (frames, ny, nx), and a line on what was done to the intensities."""
    data = np.asarray(signal["data"])
    if data.dtype.names:
        if not {"R", "G", "B"} <= set(data.dtype.names):
            raise PictureError(f"{path}: has fields {data.dtype.names}, which is no picture")
        data = sum(w * data[c].astype(np.float32) for w, c in zip(LUMINANCE, "RGB", strict=True))
    elif _coloured(data):
        data = data[..., :3] @ np.array(LUMINANCE, dtype=np.float32)
    if np.iscomplexobj(data):
        raise PictureError(f"{path}: has complex values; give a picture, such as its intensity")
    if data.dtype.kind not in "biuf":
        raise PictureError(f"{path}: holds {data.dtype} values, which is no picture")
    shape = " × ".join(map(str, data.shape)) or "a single number"
    if data.size == 0:
        raise PictureError(f"{path}: is empty ({shape}); a picture has at least one frame")
    long = [i for i, n in enumerate(data.shape) if n > 1]
    if len(long) < 2:
        raise PictureError(f"{path}: is 1-D ({shape}); a picture has two dimensions")
    if len(long) > 3:
        raise PictureError(
            f"{path}: is {len(long)}-D ({shape}); give a picture (2-D) or a movie of them (3-D)"
        )
    if len(long) == 3:
        of_picture = signal_axes(signal)
        if len(of_picture) == 1:
            raise PictureError(f"{path}: is a map of spectra ({shape}), not a movie of pictures")
        # Three axes that the file does not tell apart: the first counts the frames.
        frames = next((i for i in long if i not in of_picture), long[0])
        data = np.moveaxis(data, frames, 0)
    data = data.reshape([n for n in data.shape if n > 1])
    data = data if data.ndim == 3 else data[None]
    if min(data.shape[1:]) < SMALLEST_SIDE:
        raise PictureError(
            f"{path}: is {data.shape[1]} × {data.shape[2]} px; at least {SMALLEST_SIDE} × "
            f"{SMALLEST_SIDE} are needed"
        )
    return single_precision(data)


def _coloured(data: np.ndarray) -> bool:
    """Whether the last axis of an image or a movie counts its colours."""
    colours = data.ndim in (3, 4) and data.shape[-1] in (3, 4)
    return colours and min(data.shape[-3:-1]) >= SMALLEST_SIDE


def single_precision(data: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Numbers as float32, and a line where they had to be moved or scaled to fit into it."""
    if data.dtype.kind == "b" or data.dtype.itemsize <= 2:
        return np.ascontiguousarray(data, dtype=np.float32), []
    sound = data if data.dtype.kind != "f" else data[np.isfinite(data)]
    if not sound.size:
        return np.full(data.shape, np.nan, dtype=np.float32), []
    low, high = float(sound.min()), float(sound.max())
    size, span = max(abs(low), abs(high)), high - low
    fits = size == 0 or (1 / SINGLE <= size <= SINGLE and span >= DIGITS * size)
    if fits or span == 0 or not np.isfinite(span):
        return np.ascontiguousarray(data, dtype=np.float32), []
    moved = (data.astype(float) - low) / span * 1000
    said = f"intensities from {low:.6g} to {high:.6g} were scaled to 0 to 1000"
    return np.ascontiguousarray(moved, dtype=np.float32), [said]


def check_values(image: np.ndarray, path: Path) -> None:
    """Raise PictureError for frames (n, ny, nx) none of which has two values that differ."""
    finite = np.isfinite(image)
    if not finite.any():
        raise PictureError(f"{path}: all pixels are NaN or infinite")
    values = image[finite] if not finite.all() else image
    if values.min() == values.max():
        raise PictureError(f"{path}: is constant, every pixel is {values.min():g}")


def specimen_of(
    image: np.ndarray, path: Path
) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """Frames (n, ny, nx) with what is not specimen filled, its mask, and a line on each kind.

    The mask is None where all is specimen. Raises PictureError where next to nothing is.
    """
    generator = np.random.default_rng(0)
    masks, said = [], {}
    image = image.copy()
    for number, frame in enumerate(image):
        regions = not_specimen.find(frame)
        mask = not_specimen.union(regions, frame.shape)
        if blank(frame, mask):
            mask[:] = True
            image[number] = 0
            regions = []
            said.setdefault("nothing but one value, or hardly anything else", []).append(number)
        elif mask.any():
            image[number] = not_specimen.filled(frame, mask, generator)
        masks.append(mask)
        for region in regions:
            said.setdefault(str(region), []).append(number)
    if not any(mask.any() for mask in masks):
        return image, None, ()
    if all(mask.all() for mask in masks):
        raise PictureError(f"{path}: shows no specimen: {'; '.join(said)}")
    return (
        image,
        np.array(masks),
        tuple(
            f"{_frames(numbers, len(image))}not specimen: {what}; masked"
            for what, numbers in said.items()
        ),
    )


def blank(frame: np.ndarray, mask: np.ndarray) -> bool:
    """Whether nothing to speak of is left of a frame (ny, nx) outside of its mask."""
    if mask.mean() > 1 - not_specimen.LEAST_SPECIMEN:
        return True
    sound = frame[~mask]
    return bool(sound.min() == sound.max())


def _frames(numbers: list[int], count: int) -> str:
    """The frames that a line is about, in front of it; nothing for a single picture."""
    if count == 1:
        return ""
    if len(numbers) == 1:
        return f"frame {numbers[0]}: "
    shown = ", ".join(map(str, numbers[:6])) + (", …" if len(numbers) > 6 else "")
    return f"{len(numbers)} of {count} frames ({shown}): "


def sampling_of(signal: dict, path: Path) -> float | None:
    """Å/px, the mean of both axes, or None where the file names no plausible one."""
    axes = [signal["axes"][i] for i in signal_axes(signal)[-2:] if i < len(signal["axes"])]
    unit = _imagej_unit(signal)
    sizes = [
        to_angstrom(axis.get("scale", 1.0), None if u in (None, "") else str(u))
        for axis in axes
        for u in [axis.get("units") or (unit if axis.get("scale") != 1.0 else None)]
    ]
    if len(sizes) != 2 or None in sizes:
        return None
    lowest, highest = PLAUSIBLE_SAMPLING
    if not all(np.isfinite(s) and lowest <= s <= highest for s in sizes):
        warnings.warn(
            f"{path}: its pixel size by metadata, {sizes[0]:.4g} Å, is outside {lowest} to "
            f"{highest} Å and is not used",
            stacklevel=3,
        )
        return None
    if max(sizes) > 1.01 * min(sizes):
        warnings.warn(
            f"{path}: its pixels are not square by metadata, {sizes[0]:.4g} × {sizes[1]:.4g} Å; "
            "the pixel size is not used",
            stacklevel=3,
        )
        return None
    return sum(sizes) / 2


def _imagej_unit(signal: dict) -> str | None:
    """The unit of an ImageJ TIFF's resolution, which rosettasciio reads the number of only."""
    description = (signal.get("original_metadata") or {}).get("ImageDescription")
    if not isinstance(description, str) or not description.startswith("ImageJ="):
        return None
    found = re.search(r"^unit=(\S+)\s*$", description, re.MULTILINE)
    return found[1] if found else None


def _metadata(signal: dict) -> dict[str, str | int | float]:
    """Title, date and instrument, flat."""
    metadata = signal.get("metadata") or {}
    microscope = (metadata.get("Acquisition_instrument") or {}).get("TEM") or {}
    found = {**(metadata.get("General") or {}), **microscope}
    return {k: v for k, v in found.items() if isinstance(v, str | int | float) and v != ""}
