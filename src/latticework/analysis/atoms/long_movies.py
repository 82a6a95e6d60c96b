"""Movies that do not fit into memory → atoms, a block of frames after the other."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from latticework.analysis.atoms.fields import Fields
from latticework.analysis.atoms.reading import Prediction, predicted, scale_of
from latticework.config.inference import Images
from latticework.datasets.arrangement import WHOLE, Arrangement
from latticework.datasets.formats import is_zarr
from latticework.datasets.movies import Movie, MovieFrame, open_movie
from latticework.datasets.read import PictureError, specimen_of
from latticework.inference import familiarity
from latticework.learning import weights

# Bytes of a movie's frames in single precision, above which it is read in blocks; and of a block.
LONG, BLOCK = 1 << 29, 1 << 26
# A smaller file holds no long movie, however well it is compressed.
SMALLEST_FILE = LONG >> 6


def long_movie(path: Path) -> Movie | None:
    """The movie of a file or a folder, if its frames are too many to be in memory at once.

    Raises PictureError as `open_movie`.
    """
    folder = path.is_dir() and not is_zarr(path)
    if not folder and not (path.is_file() and path.stat().st_size > SMALLEST_FILE):
        return None
    movie = open_movie(path)
    if len(movie) == 1:
        return None
    first = next(iter(movie.frames("skip"))).image
    size = 0 if first is None else first.nbytes
    return movie if len(movie) * size > LONG else None


def predict_movie(
    movie: Movie,
    weights_path: Path,
    settings: Images,
    *,
    pixel_size: float | None = None,
    scale_region: Sequence[int] | None = None,
    arrangement: Arrangement = WHOLE,
    first: int = 0,
    progress: bool = True,
) -> Iterator[tuple[int, Prediction]]:
    """Blocks of frames, from the number `first` on: how many frames are done, and their atoms.

    The scale is measured on the movie's first block, and is that of all. Frames that cannot be read
    have no atoms and a warning. Other parameters, and what is raised, as for `predict_files`.
    """
    network, card = weights.load(weights_path)
    known = familiarity.load(weights_path)
    scale = None
    with tqdm(
        total=len(movie), initial=first, desc="frames", unit="frame", disable=not progress
    ) as bar:
        for start, fields in blocks(movie, arrangement):
            if scale is None:
                scale = scale_of(
                    fields,
                    network,
                    card,
                    settings,
                    known,
                    pixel_size=pixel_size,
                    scale_region=scale_region,
                )
            if start < first:
                continue
            found = predicted(
                fields, scale, network, card, settings, known, first=start, progress=False
            )
            bar.update(len(fields.images))
            yield start + len(fields.images), found


def blocks(movie: Movie, arrangement: Arrangement) -> Iterator[tuple[int, Fields]]:
    """The number of the first frame of each block, and its frames as fields.

    Raises PictureError where no frame of the first block can be read.
    """
    start, count, shape = 0, 0, None
    waiting: list[MovieFrame] = []
    for frame in movie.frames("skip"):
        if not count and frame.image is not None:
            count = max(1, BLOCK // frame.image.nbytes)
        waiting.append(frame)
        if len(waiting) == count or frame.number == len(movie) - 1:
            fields = _fields(waiting, movie, arrangement, shape)
            yield start, fields
            start, waiting, shape = start + len(waiting), [], fields.images.shape[1:]


def _fields(
    frames: Sequence[MovieFrame],
    movie: Movie,
    arrangement: Arrangement,
    shape: tuple[int, int, int] | None,
) -> Fields:
    """Frames as fields; `shape` is that of an image (1, ny, nx), if it is known."""
    images, masks, warnings, notes = [], [], [], []
    for frame in frames:
        image, mask, said = None, None, (frame.problem,)
        if frame.image is not None:
            signal, notes = arrangement.applied({"data": frame.image, "axes": []}, movie.path)
            try:
                image, mask, said = specimen_of(signal["data"][None], Path(frame.name))
            except PictureError as error:
                said = (str(error),)
            shape = shape or signal["data"][None].shape
        images.append(image)
        masks.append(mask)
        warnings += [f"frame {frame.number}: {line}" for line in said]
    if shape is None:
        raise PictureError(f"{movie.path}: {warnings[0]}")
    for number, (image, mask) in enumerate(zip(images, masks, strict=True)):
        if image is None:
            images[number] = np.zeros(shape, dtype=np.float32)
            masks[number] = np.ones(shape, dtype=bool)
        elif mask is None:
            masks[number] = np.zeros(shape, dtype=bool)
    unseen = np.stack(masks)
    return Fields(
        np.stack(images),
        movie.sampling,
        unseen if unseen.any() else None,
        tuple(notes),
        tuple(warnings),
        movie.path,
    )
