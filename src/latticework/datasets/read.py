"""Read a picture or movie of any vendor's format, and refuse what is not one, with a reason."""

import logging
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import numpy as np
import rsciio
import tifffile

from latticework.datasets import stm

# rosettasciio's readers for pictures. Left out: spectra, point lists, and readers that can run
# code from a file (zarr stores and Panta Rhei archives may hold pickles).
READERS = (
    "DigitalMicrograph",
    "EMD",
    "TIA",
    "TIFF",
    "MRC",
    "MRCZ",
    "Image",
    "HSPY",
    "Blockfile",
    "TVIPS",
    "Semper",
    "Delmic",
    "NeXus",
    "Hamamatsu",
    "JEOL",
    "Ripple",
    "numpy",
)
SMALLEST_SIDE = 32
# An atom is some 1 Å: no picture that resolves or even shows one lies outside this range.
PLAUSIBLE_SAMPLING = (0.005, 5.0)
ANGSTROM = {
    "m": 1e10,
    "cm": 1e8,
    "mm": 1e7,
    "um": 1e4,
    "micron": 1e4,
    "microns": 1e4,
    "nm": 10.0,
    "a": 1.0,
    "ang": 1.0,
    "angstrom": 1.0,
    "angstroms": 1.0,
    "pm": 0.01,
}
# ITU-R BT.601
LUMINANCE = (0.299, 0.587, 0.114)


class PictureError(ValueError):
    """A file is not a picture that can be read. The message names the file and the reason."""


@dataclass(frozen=True)
class Picture:
    """image: float32 (frames, ny, nx), finite; sampling: Å/px by the file's metadata, or None if
    they say nothing plausible; metadata: a few plain values; path: the file."""

    image: np.ndarray
    sampling: float | None
    metadata: dict[str, str | int | float] = field(default_factory=dict)
    path: Path = Path()


def known_formats() -> tuple[str, ...]:
    """File name endings that can be read, lower case, without the dot."""
    endings = (e.lower() for name in READERS for e in _plugin(name)["file_extensions"])
    return tuple(sorted({*endings, *stm.ENDINGS}))


def read_picture(
    path: str | Path, channel: str | None = None, direction: str = "forward"
) -> Picture:
    """Read a picture (or movie) by rosettasciio, or by our readers of tunnelling images.

    Colour becomes luminance. Of several pictures in one file the first is taken, with a warning.
    A pixel size outside 0.005 to 5 Å gives a warning and counts as unknown; a TIFF's dots per
    inch are none. Nothing in the file is unpickled. `channel` and `direction` ("forward" or
    "backward") choose one of the pictures of a scanning probe's file; without a channel it is the
    topography, or the current where the tip's height was kept constant.

    Raises PictureError, naming the file, if it is missing, of unknown format, truncated, not a
    picture (1-D, a spectrum image, 4-D, complex), smaller than 32 px, constant, or has a NaN or
    an infinity.
    """
    path = Path(path).expanduser()
    signals = _read(path, channel=channel, direction=direction)
    pictures = [s for s in signals if len(_signal_axes(s)) == 2] or signals
    signal = pictures[0]
    if len(pictures) > 1:
        warnings.warn(f"{path}: has {len(pictures)} pictures; the first is read", stacklevel=2)
    image = frames_of(signal, path)
    check_values(image, path)
    return Picture(
        image=image,
        sampling=sampling_of(signal, path),
        metadata=_metadata(signal),
        path=path,
    )


def to_angstrom(value: float, unit: str | None) -> float | None:
    """A length in Å, or None if the unit is no length (reciprocal, pixels, none)."""
    plain = (unit or "").strip().lower().replace("µ", "u").replace("μ", "u").replace("å", "a")
    factor = ANGSTROM.get(plain)
    return None if factor is None else float(value) * factor


def _plugin(name: str) -> dict:
    return next(p for p in rsciio.IO_PLUGINS if p["name"] == name)


def open_lazily(path: Path) -> dict:
    """The first picture or stack of a file as rosettasciio's dictionary, its data still on disk.

    Formats that hold one picture a file are read at once. Raises PictureError as `read_picture`,
    but says nothing of the data's values.
    """
    try:
        signals = _read(path, lazy=True)
    except PictureError:
        signals = _read(path)
    pictures = [s for s in signals if len(_signal_axes(s)) == 2] or signals
    return pictures[0]


def _read(
    path: Path, lazy: bool = False, channel: str | None = None, direction: str = "forward"
) -> list[dict]:
    if not path.is_file():
        raise PictureError(f"{path}: there is no such file")
    if path.stat().st_size == 0:
        raise PictureError(f"{path}: the file is empty")
    if probed := _scanning_probe(path, channel, direction):
        return probed
    ending = path.suffix.lower().lstrip(".")
    readers = [
        name for name in READERS if ending in (e.lower() for e in _plugin(name)["file_extensions"])
    ]
    if not readers:
        raise PictureError(
            f"{path}: the format '.{ending}' is not known; known are {', '.join(known_formats())}"
        )
    reasons = []
    for name in readers:
        try:
            with _lost_frames_raise():
                signals = import_module(_plugin(name)["api"]).file_reader(str(path), lazy=lazy)
                # Arrays may still lie in the file: fetch them, so that a truncated one fails here.
                for signal in () if lazy else signals:
                    signal["data"] = np.asarray(signal["data"])
        # Readers raise whatever a broken file makes them stumble over.
        except Exception as error:
            reasons.append(f"{name}: {error or type(error).__name__}")
            continue
        if signals:
            return signals
        reasons.append(f"{name}: nothing in it")
    if ending in ("tif", "tiff") and _is_planar_colour(path):
        raise PictureError(
            f"{path}: is a colour picture in separate planes; if it is a series of pictures, save "
            "it as one (tifffile: photometric='minisblack')"
        )
    raise PictureError(
        f"{path}: cannot be read as .{ending}; it is truncated, damaged, or something else "
        f"({'; '.join(reasons)})"
    )


def _scanning_probe(path: Path, channel: str | None, direction: str) -> list[dict]:
    """The picture of a scanning probe's file as a list of one, or an empty one for any other."""
    try:
        found = stm.signals(path, channel, direction)
    # A damaged file makes its reader stumble over anything.
    except Exception as error:
        raise PictureError(f"{path}: cannot be read: {error or type(error).__name__}") from error
    if not found and channel is not None:
        raise PictureError(f"{path}: has no channels to choose from; leave the channel out")
    return found


def _is_planar_colour(path: Path) -> bool:
    """Whether a TIFF keeps its colours in separate planes, as tifffile writes three frames."""
    try:
        with tifffile.TiffFile(path) as file:
            first = file.pages.first
            return (
                first.samplesperpixel > 1 and first.planarconfig == tifffile.PLANARCONFIG.SEPARATE
            )
    # A damaged file makes it stumble over anything.
    except Exception:
        return False


@contextmanager
def _lost_frames_raise() -> Iterator[None]:
    """Raise EOFError where tifffile would only log that pages lie beyond the end of the file: of
    a truncated movie it returns the first frame as if there were no more."""
    messages = []
    handler = logging.Handler()
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = logging.getLogger("tifffile")
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates
    lost = [m for m in messages if "invalid" in m and "offset" in m]
    if lost:
        raise EOFError(lost[0])


def _signal_axes(signal: dict) -> list[int]:
    """Indices of the axes of one picture: those not navigated, of the axes longer than 1."""
    shape, axes = np.shape(signal["data"]), signal["axes"]
    long = [i for i, n in enumerate(shape) if n > 1]
    if len(long) <= 2:
        return long
    navigated = [bool(axes[i].get("navigate", False)) if i < len(axes) else False for i in long]
    return [i for i, nav in zip(long, navigated, strict=True) if not nav]


def frames_of(signal: dict, path: Path) -> np.ndarray:
    """The data as float32 (frames, ny, nx)."""
    data = np.asarray(signal["data"])
    if data.dtype.names:
        if not {"R", "G", "B"} <= set(data.dtype.names):
            raise PictureError(f"{path}: has fields {data.dtype.names}, which is no picture")
        data = sum(w * data[c].astype(np.float32) for w, c in zip(LUMINANCE, "RGB", strict=True))
    elif data.ndim == 3 and data.shape[-1] in (3, 4) and min(data.shape[:2]) >= SMALLEST_SIDE:
        data = data[..., :3] @ np.array(LUMINANCE, dtype=np.float32)
    if np.iscomplexobj(data):
        raise PictureError(f"{path}: has complex values; give a picture, such as its intensity")
    if data.dtype.kind not in "biuf":
        raise PictureError(f"{path}: holds {data.dtype} values, which is no picture")
    long = [i for i, n in enumerate(data.shape) if n > 1]
    shape = " × ".join(map(str, data.shape)) or "a single number"
    if len(long) < 2:
        raise PictureError(f"{path}: is 1-D ({shape}); a picture has two dimensions")
    if len(long) > 3:
        raise PictureError(
            f"{path}: is {len(long)}-D ({shape}); give a picture (2-D) or a movie of them (3-D)"
        )
    if len(long) == 3:
        of_picture = _signal_axes(signal)
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
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(data, dtype=np.float32)


def check_values(image: np.ndarray, path: Path) -> None:
    bad = image.size - np.count_nonzero(np.isfinite(image))
    if bad:
        how_many = "all" if bad == image.size else f"{bad} of {image.size}"
        raise PictureError(f"{path}: {how_many} pixels are NaN or infinite")
    if image.min() == image.max():
        raise PictureError(f"{path}: is constant, every pixel is {image.min():g}")


def sampling_of(signal: dict, path: Path) -> float | None:
    """Å/px, the mean of both axes, or None where the file names no plausible one."""
    axes = [signal["axes"][i] for i in _signal_axes(signal)[-2:] if i < len(signal["axes"])]
    unit = _imagej_unit(signal)
    sizes = [
        to_angstrom(axis.get("scale", 1.0), None if u in (None, "") else str(u))
        for axis in axes
        for u in [axis.get("units") or (unit if axis.get("scale") != 1.0 else None)]
    ]
    if len(sizes) != 2 or None in sizes:
        return None
    lowest, highest = PLAUSIBLE_SAMPLING
    if not all(math.isfinite(s) and lowest <= s <= highest for s in sizes):
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
    # ImageJ writes µ as an escape.
    return found[1].replace("\\u00B5", "µ") if found else None


def _metadata(signal: dict) -> dict[str, str | int | float]:
    """Title, date and instrument, flat."""
    metadata = signal.get("metadata") or {}
    microscope = (metadata.get("Acquisition_instrument") or {}).get("TEM") or {}
    found = {**(metadata.get("General") or {}), **microscope}
    return {k: v for k, v in found.items() if isinstance(v, str | int | float) and v != ""}
