"""Movies, one frame at a time: a folder of vendors' files, nested folders, or a stack.

Nothing but the frame that is asked for is in memory, so that a movie of 20,000 frames needs no
more of it than one of 20.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tifffile

from latticework.datasets.read import (
    PictureError,
    check_values,
    frames_of,
    known_formats,
    open_lazily,
    sampling_of,
)

TIFF = (".tif", ".tiff")


@dataclass(frozen=True)
class MovieFrame:
    """number: in the movie, from 0; name: of its file, and where in it; image: float32 (ny, nx),
    or None where it could not be read, and then problem says why."""

    number: int
    name: str
    image: np.ndarray | None
    problem: str = ""


@dataclass(frozen=True)
class Movie:
    """A movie on disk. sources: for each frame its name and how to read it; sampling: Å/px by
    the first file's metadata, or None."""

    path: Path
    sources: list[tuple[str, Callable[[], np.ndarray]]]
    sampling: float | None

    def __len__(self) -> int:
        return len(self.sources)

    def frames(self, unreadable: Literal["error", "skip"] = "error") -> Iterator[MovieFrame]:
        """The frames in order, each read when it is asked for.

        A frame that cannot be read, is constant, has NaN, or another size than the first that can
        be read is a PictureError that names it; with "skip" it comes without an image and with
        its problem in words.
        """
        shape = None
        for number, (name, read) in enumerate(self.sources):
            try:
                image = read()
                check_values(image, Path(name))
                if shape is not None and image.shape != shape:
                    raise PictureError(
                        f"{name}: expected a frame of {shape[0]} × {shape[1]} px as the first, "
                        f"found {image.shape[0]} × {image.shape[1]}"
                    )
            except PictureError as error:
                if unreadable == "error":
                    raise PictureError(f"frame {number} of {self.path}: {error}") from error
                yield MovieFrame(number, name, None, str(error))
                continue
            shape = image.shape
            yield MovieFrame(number, name, image)


def open_movie(path: str | Path) -> Movie:
    """A movie of a file, or of all pictures in a folder and the folders in it.

    Files come in the order of their paths, numbers in names counting as numbers (frame_10 after
    frame_9); other files than pictures are left out. Raises PictureError where there is no file
    or no picture, or where the first file cannot be read.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        known = {f".{ending}" for ending in known_formats()}
        files = [p for p in path.rglob("*") if p.suffix.lower() in known and p.is_file()]
        files = sorted((p for p in files if p.name[0] != "."), key=lambda p: _natural(path, p))
        if not files:
            raise PictureError(f"{path}: no file in it, or below it, is a picture")
    else:
        files = [path]
    if len(files) == 1:
        return _stack(files[0], path)
    # What comes in single files is taken to be one frame a file: opening each to count its frames
    # would read a long movie twice. A file with more is named when its turn comes.
    first = open_lazily(files[0])
    return Movie(
        path,
        [(str(p.relative_to(path)), _reader_of_file(p)) for p in files],
        sampling_of(first, files[0]),
    )


def _natural(root: Path, path: Path) -> list:
    parts = re.split(r"(\d+)", str(path.relative_to(root)))
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts]


def _reader_of_file(path: Path) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        signal = open_lazily(path)
        try:
            data = np.asarray(signal["data"])
        except Exception as error:
            raise PictureError(
                f"{path}: cannot be read: {error or type(error).__name__}"
            ) from error
        frames, _ = frames_of({**signal, "data": data}, path)
        if len(frames) != 1:
            raise PictureError(
                f"{path}: has {len(frames)} frames; a movie is one stack, or files of one frame"
            )
        return frames[0]

    return read


def _stack(path: Path, shown: Path) -> Movie:
    """The frames of one file."""
    if path.suffix.lower() in TIFF and path.is_file():
        tiff = tifffile.TiffFile(path)
        # rosettasciio would take all of a TIFF at once.
        if len(tiff.pages) > 1:
            count = len(tiff.pages)
            readers = [_reader_of_page(tiff, path, n) for n in range(count)]
            return Movie(shown, _named(path, readers), _tiff_sampling(path))
        tiff.close()
    signal = open_lazily(path)
    data = signal["data"]
    long = [axis for axis, n in enumerate(data.shape) if n > 1]
    colour = data.dtype.names or (data.ndim == 3 and data.shape[-1] in (3, 4))
    if len(long) != 3 or colour:
        return Movie(shown, [(path.name, _reader_of_file(path))], sampling_of(signal, path))
    readers = [_reader_of_slice(signal, path, long[0], n) for n in range(data.shape[long[0]])]
    return Movie(shown, _named(path, readers), sampling_of(signal, path))


def _named(path: Path, readers: list) -> list[tuple[str, Callable[[], np.ndarray]]]:
    return [(f"{path.name}[{n}]", read) for n, read in enumerate(readers)]


def _tiff_sampling(path: Path) -> float | None:
    """Å/px of an ImageJ TIFF, or None: other TIFFs say dots per inch."""
    with tifffile.TiffFile(path) as tiff:
        page, imagej = tiff.pages[0], tiff.imagej_metadata or {}
        resolution = page.tags.get("XResolution")
        if not imagej.get("unit") or resolution is None:
            return None
        pixels, length = resolution.value
        axis = {"scale": length / pixels, "units": imagej["unit"]}
        return sampling_of({"data": np.empty(page.shape), "axes": [axis, axis]}, path)


def _reader_of_page(tiff: tifffile.TiffFile, path: Path, number: int) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        try:
            data = tiff.pages[number].asarray()
        # What a damaged page makes tifffile stumble over depends on where it is damaged.
        except Exception as error:
            raise PictureError(
                f"{path}: its page {number} cannot be read: {error or type(error).__name__}"
            ) from error
        return frames_of({"data": data, "axes": []}, path)[0][0]

    return read


def _reader_of_slice(signal: dict, path: Path, axis: int, number: int) -> Callable[[], np.ndarray]:
    def read() -> np.ndarray:
        try:
            # Arrays that still lie on disk know slices, not much else.
            data = np.asarray(signal["data"][(*[slice(None)] * axis, number)])
        except Exception as error:
            raise PictureError(
                f"{path}: its frame {number} cannot be read: {error or type(error).__name__}"
            ) from error
        return frames_of({"data": data, "axes": []}, path)[0][0]

    return read
