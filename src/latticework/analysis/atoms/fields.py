"""What a user gives as images → fields for a network: files, folders of frames, or arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latticework.datasets.arrangement import WHOLE, Arrangement
from latticework.datasets.formats import is_zarr
from latticework.datasets.movies import open_movie
from latticework.datasets.read import (
    Picture,
    PictureError,
    check_values,
    frames_of,
    read_picture,
    specimen_of,
)
from latticework.inference.scale import TOLERANCE


@dataclass(frozen=True)
class Fields:
    """Fields of image files for a network.

    Parameters
    ----------
    images
        (n, series, ny, nx).
    sampling
        The files' pixel in Å, or None.
    mask
        bool (n, series, ny, nx) where no specimen shows, or None.
    notes, warnings
        What was assumed, and what shows no specimen.
    path
        Where the first is from, for messages.
    """

    images: np.ndarray
    sampling: float | None
    mask: np.ndarray | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    path: Path = Path()


def expected_frames(card: Mapping[str, Any]) -> str:
    """What a network reads, in words."""
    together, imaging = card["network"]["frames"], card["imaging"]
    if together == 1:
        return f"{card['study']} reads one file, an image or a movie"
    steps = ", ".join(f"{step:g} + Δ" for step in imaging["series"])
    limits = imaging["defocus"]
    return (
        f"{card['study']} reads {together} aligned images of one field, one stack or {together} "
        f"files, of defocus {steps} Å in this order, with one Δ between {limits['low']:g} and "
        f"{limits['high']:g} Å (positive is underfocus)"
    )


def picture_of(array: np.ndarray, arrangement: Arrangement = WHOLE) -> Picture:
    """An image (ny, nx) or a movie (frames, ny, nx) in memory, as if it had been read of a file.

    Raises PictureError as `read_picture`.
    """
    nowhere = Path("the array")
    signal, arranged = arrangement.applied({"data": array, "axes": []}, nowhere)
    frames, notes = frames_of(signal, nowhere)
    check_values(frames, nowhere)
    frames, mask, warnings = specimen_of(frames, nowhere)
    return Picture(
        frames,
        None,
        path=nowhere,
        mask=mask,
        notes=tuple(arranged + notes),
        warnings=tuple(warnings),
    )


def folder_of(path: Path, arrangement: Arrangement = WHOLE) -> Picture:
    """The frames of a folder, one a file in the order of their names, as if they were one movie.

    Raises PictureError, naming the file, for a frame that cannot be read or has another size.
    """
    movie = open_movie(path)
    frames = np.stack([frame.image for frame in movie.frames()])
    signal, arranged = arrangement.applied({"data": frames, "axes": []}, path)
    frames, mask, warnings = specimen_of(signal["data"], path)
    note = f"{len(frames)} frames of the folder, in the order of their names"
    return Picture(frames, movie.sampling, {}, path, mask, (note, *arranged), warnings)


def picture_from(
    item: Path | np.ndarray, image: str | None, arrangement: Arrangement = WHOLE
) -> Picture:
    """What an image is given as: an array, a file, or a folder of frames."""
    if isinstance(item, np.ndarray):
        return picture_of(item, arrangement)
    if item.is_dir() and not is_zarr(item):
        return folder_of(item, arrangement)
    return read_picture(item, image=image, arrangement=arrangement)


def fields_of(
    images: Sequence[Path | np.ndarray],
    card: Mapping[str, Any],
    image: str | None = None,
    arrangement: Arrangement = WHOLE,
) -> Fields:
    """Fields of images for a network, which are files, folders of frames, or arrays.

    Every frame of a movie is a field; all frames of a focal series together are one. `image` says
    which picture of a file that has several, `arrangement` how its array is read. Raises
    PictureError, also for files that are no series, and where their pixel sizes differ.
    """
    read = [picture_from(item, image, arrangement) for item in images]
    sizes = sorted({f"{p.image.shape[2]} × {p.image.shape[1]} px" for p in read})
    count = sum(len(p.image) for p in read)
    together = card["network"]["frames"]
    notes = tuple(note for picture in read for note in picture.notes)
    warnings = tuple(line for picture in read for line in picture.warnings)
    if together == 1 and len(read) == 1:
        mask = None if read[0].mask is None else read[0].mask[:, None]
        return Fields(read[0].image[:, None], read[0].sampling, mask, notes, warnings, read[0].path)
    if count != together or len(sizes) > 1:
        raise PictureError(
            f"{expected_frames(card)}; found {count} image(s) of {', '.join(sizes)} in "
            f"{len(read)} file(s)"
        )
    known = [(p.sampling, p.path) for p in read if p.sampling is not None]
    if known and max(known)[0] > (1 + TOLERANCE) * min(known)[0]:
        said = ", ".join(f"{path.name} {sampling:.4f} Å" for sampling, path in known)
        raise PictureError(f"the images of a series have one pixel size; found {said}")
    masks = [np.zeros(p.image.shape, dtype=bool) if p.mask is None else p.mask for p in read]
    mask = np.concatenate(masks)
    return Fields(
        np.concatenate([p.image for p in read])[None],
        known[0][0] if known else None,
        mask[None] if mask.any() else None,
        notes,
        warnings,
        read[0].path,
    )
