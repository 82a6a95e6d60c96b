"""Which reader a file needs, by its content first and by its ending second; what else would help.

rosettasciio reads vendors' files. Left out of its readers are those of spectra and point lists, and
those that can run code from a file (archives that may hold pickles).
"""

import json
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import rsciio
import tifffile

from latticework.datasets import emi, stm
from latticework.datasets.hdf5 import (
    PictureError,
    datasets_of,
    is_velox,
    only_dataset,
    readers_by_groups,
)

READERS = (
    "DigitalMicrograph",
    "EMD",
    "TIA",
    "TIFF",
    "MRC",
    "MRCZ",
    "Image",
    "HSPY",
    "ZSPY",
    "Blockfile",
    "TVIPS",
    "QuantumDetector",
    "EMPAD",
    "Arina",
    "Topspin",
    "Semper",
    "Delmic",
    "NeXus",
    "Hamamatsu",
    "JEOL",
    "Ripple",
    "numpy",
)
# Bytes at the start of a file → its reader.
SIGNATURES = (
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (0, b"\x89PNG", "Image"),
    (0, b"\xff\xd8\xff", "Image"),
    (0, b"GIF8", "Image"),
    (0, b"BM", "Image"),
    (0, b"\x93NUMPY", "numpy"),
    (0, b"\0\0\0\x03", "DigitalMicrograph"),
    (0, b"\0\0\0\x04", "DigitalMicrograph"),
    (0, b"II\x97\x01", "TIA"),
    (0, b"MQ1,", "QuantumDetector"),
    (208, b"MAP ", "MRC"),
)
# What else people have, and what would help.
OTHERWISE = {
    "npz": "an archive of arrays: load it with numpy and save the picture as .npy",
    "prz": "a Panta Rhei archive, which may run code when it is read: export it as .tif or .hspy",
    "mat": "a Matlab file: save the picture as .tif, or with -v7.3 and give FILE.mat::NAME",
    "raw": "numbers without their shape: save them as .npy or .tif (of an EMPAD give the .xml)",
    "pdf": "a document: export the picture from where it was made",
    "csv": "a table of numbers: load it with numpy and save the picture as .npy",
    "txt": "a text: load it with numpy and save the picture as .npy",
    "zip": "an archive: unpack it",
    "gz": "an archive: unpack it",
    "bcf": "spectra of Bruker: export the picture as .tif",
    "emi": "the header of a .ser file, which has to lie beside it",
}
# A larger picture would not fit into memory, several times over, on most computers.
LARGEST_FRAME = 2e8


def plugin(name: str) -> dict[str, Any]:
    """What rosettasciio says of a reader."""
    return next(p for p in rsciio.IO_PLUGINS if p["name"] == name)


def known_formats() -> tuple[str, ...]:
    """File name endings that can be read, lower case, without the dot."""
    endings = (e.lower() for name in READERS for e in plugin(name)["file_extensions"])
    return tuple(sorted({*endings, *stm.ENDINGS}))


def check_path(path: Path) -> None:
    """Raise PictureError, saying what a path is, where it is no file with something in it."""
    try:
        what = path.stat()
    except FileNotFoundError:
        raise PictureError(f"{path}: there is no such file") from None
    except OSError as error:
        # A loop of links, a file of another user's, a name that is too long.
        raise PictureError(f"{path}: cannot be opened: {error.strerror}") from error
    kinds = (
        (stat.S_ISDIR, "is a folder; give a file in it (predict also reads a folder of frames)"),
        (stat.S_ISFIFO, "is a pipe; save what comes out of it as a file first"),
        (stat.S_ISCHR, "is a device, not a file"),
        (stat.S_ISBLK, "is a device, not a file"),
        (stat.S_ISSOCK, "is a socket, not a file"),
    )
    for test, said in kinds:
        if test(what.st_mode) and not is_zarr(path):
            raise PictureError(f"{path}: {said}")
    if what.st_size == 0:
        raise PictureError(f"{path}: the file is empty, which is no picture")
    if not os.access(path, os.R_OK):
        raise PictureError(f"{path}: may not be read by you (permission denied)")


def is_zarr(path: Path) -> bool:
    """Whether a folder is a store of zarr's, as HyperSpy writes it with the ending .zspy."""
    return path.is_dir() and (path / ".zgroup").is_file()


def readers_of(path: Path) -> list[str]:
    """Names of the readers that may know a file, those of its content before those of its name."""
    ending = path.suffix.lower().lstrip(".")
    named = [n for n in READERS if ending in (e.lower() for e in plugin(n)["file_extensions"])]
    return list(dict.fromkeys([*_by_content(path), *named]))


def _by_content(path: Path) -> list[str]:
    if path.is_dir():
        return ["ZSPY"]
    with path.open("rb") as file:
        start = file.read(212)
    found = [name for at, sign, name in SIGNATURES if start[at : at + len(sign)] == sign]
    return found or (readers_by_groups(path) if h5py.is_hdf5(path) else [])


def read_scans(path: Path, image: str | None = None) -> list[dict[str, Any]]:
    """The picture of a scanning probe's file, in a list; an empty one for any other file.

    `image` is a channel and a direction, "Current backward". Raises PictureError for a file that is
    damaged or has no such channel.
    """
    words = image.split() if image else []
    direction = words.pop() if words[-1:] in (["forward"], ["backward"]) else "forward"
    try:
        return stm.signals(path, " ".join(words) or None, direction)
    # A damaged file makes its reader stumble over anything.
    except Exception as error:
        raise PictureError(f"{path}: cannot be read: {error or type(error).__name__}") from error


def read_signals(path: Path, lazy: bool) -> list[dict[str, Any]]:
    """What a file holds, as rosettasciio's dictionaries; with `lazy` their data stay on disk.

    Raises PictureError that says what is wrong and what would help.
    """
    if path.is_file() and (scans := read_scans(path)):
        return scans
    readers = readers_of(path)
    ending = path.suffix.lower().lstrip(".")
    if not readers and not h5py.is_hdf5(path):
        if ending in OTHERWISE:
            raise PictureError(f"{path}: is {OTHERWISE[ending]}")
        raise PictureError(
            f"{path}: the format '.{ending}' is not known; known are {', '.join(known_formats())}"
        )
    reasons = []
    for name in readers:
        try:
            with _lost_frames_raise():
                signals = _read_by(name, path, lazy)
        except MemoryError as error:
            raise PictureError(f"{path}: is too large for the memory ({error})") from error
        except PictureError:
            raise
        except ModuleNotFoundError as error:
            reasons.append(f"{name} needs the Python package {error.name or error}")
            continue
        # Readers raise whatever a broken file makes them stumble over.
        except Exception as error:
            reasons.append(f"{name}: {error or type(error).__name__}")
            continue
        if signals:
            return signals
        reasons.append(f"{name}: nothing in it")
    # What a known program wrote and its reader cannot read is damaged.
    unknown = path.is_file() and h5py.is_hdf5(path) and not readers_by_groups(path)
    if unknown and (held := datasets_of(path)):
        return only_dataset(path, held, lazy)
    if ending in ("tif", "tiff") and _is_planar_colour(path):
        raise PictureError(
            f"{path}: is a colour picture in separate planes; if it is a series of pictures, save "
            "it as one (tifffile: photometric='minisblack')"
        )
    help_ = f"; it may be {OTHERWISE[ending]}" if ending in OTHERWISE else ""
    raise PictureError(
        f"{path}: cannot be read as .{ending} picture; it is truncated, damaged, or something else "
        f"({'; '.join(reasons)}){help_}"
    )


def _read_by(name: str, path: Path, lazy: bool) -> list[dict[str, Any]]:
    reader = import_module(plugin(name)["api"]).file_reader
    options: dict[str, Any] = {"lazy": lazy}
    if name == "TIA" and path.suffix.lower() == ".emi" and not emi.has_series(path):
        return emi.signals(path)
    if name == "ZSPY":
        _refuse_pickles(path)
        options["mode"] = "r"
    if name == "EMD" and is_velox(path):
        # Spectra beside the picture would need another package, and time.
        options["select_type"] = "images"
    if name == "Image":
        return [_opaque(signal, path) for signal in _images(path)]
    if name == "TIFF" and not lazy:
        # A header may claim any size: this is found before memory is asked for.
        check_size(path, (page.shape for page in _pages(path)))
    signals = reader(str(path), **options)
    for signal in () if lazy else signals:
        # Arrays may still lie in the file: fetch them, so that a truncated one fails here.
        signal["data"] = np.asarray(signal["data"])
    return signals


def check_size(path: Path, shapes: Any) -> None:
    """Raise PictureError for a picture with more pixels than can be worked with."""
    for shape in shapes:
        if np.prod(shape[:2], dtype=float) > LARGEST_FRAME:
            raise PictureError(
                f"{path}: has {shape[0]} × {shape[1]} px by its header; more than "
                f"{LARGEST_FRAME:.0e} px are too large to be read at once: crop it first"
            )


def _pages(path: Path) -> Iterator[Any]:
    with tifffile.TiffFile(path) as file:
        yield file.pages.first


def _images(path: Path) -> list[dict[str, Any]]:
    """Pictures of everyday formats. rosettasciio's reader does not know grey with transparency."""
    from imageio import v3

    check_size(path, [v3.improps(path).shape])
    data = np.asarray(v3.imread(path))
    axes = [{"scale": 1.0, "units": None, "navigate": False} for _ in data.shape[:2]]
    return [{"data": data, "axes": axes, "metadata": {}, "original_metadata": {}}]


def _opaque(signal: dict[str, Any], path: Path) -> dict[str, Any]:
    """A picture without its transparency, its colours as named fields."""
    data = signal["data"]
    if data.ndim == 3 and data.shape[-1] in (2, 4):
        data = data[..., :-1]
    if data.ndim == 3 and data.shape[-1] == 1:
        data = data[..., 0]
    return {**signal, "data": data}


def _refuse_pickles(path: Path) -> None:
    """Raise PictureError where an array of a zarr store would be unpickled."""
    for described in path.rglob(".zarray"):
        codecs = json.loads(described.read_text(encoding="utf-8"))
        used = [codecs.get("compressor") or {}, *(codecs.get("filters") or [])]
        if any(codec.get("id") == "pickle" for codec in used):
            raise PictureError(f"{path}: holds pickled objects, which are not read")


def _is_planar_colour(path: Path) -> bool:
    """Whether a TIFF keeps its colours in separate planes, as tifffile writes three frames."""
    try:
        with _lost_frames_raise(), tifffile.TiffFile(path) as file:
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
