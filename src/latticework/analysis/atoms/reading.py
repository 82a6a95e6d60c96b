"""Files of images → atoms, with a network: what the command `latticework predict` does, and what
another program may do in its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latticework import materials
from latticework.analysis.atoms.familiar import signs_of
from latticework.analysis.atoms.network_scale import checked_lattice
from latticework.analysis.atoms.scale_choice import chosen_lattice
from latticework.analysis.atoms.table import LOWEST_PROBABILITY, read_map
from latticework.analysis.atoms.two_brightnesses import by_brightness
from latticework.config.inference import Images
from latticework.datasets.formats import is_zarr
from latticework.datasets.movies import open_movie
from latticework.datasets.not_specimen import wide
from latticework.datasets.read import (
    Picture,
    PictureError,
    check_values,
    frames_of,
    read_picture,
    specimen_of,
)
from latticework.inference import familiarity
from latticework.inference.class_maps import predict_fields, working_sampling
from latticework.inference.resampling import check_pixels
from latticework.inference.scale import TOLERANCE, ScaleError, choose_sampling
from latticework.inference.zone_axis import material_sampling, material_scales
from latticework.learning import weights

# px: a smaller region holds no reflections.
SMALLEST_REGION = 64


@dataclass(frozen=True)
class Prediction:
    """What was found in images.

    Parameters
    ----------
    atoms
        The table.
    frames
        All images (n, ny, nx); what shows no specimen is filled.
    sampling, sampling_source
        Their pixel in Å, and who says so: user, lattice or metadata.
    warnings
        What makes this doubtful.
    notes
        What was assumed, a line each.
    mask
        bool (n, ny, nx), true where no specimen shows; None where all of it does.
    card
        Of the network.
    scores
        Of each field, how far it is from what the network knows; above 0 there is a warning. Empty
        where the weights have no familiarity.
    """

    atoms: pd.DataFrame
    frames: np.ndarray
    sampling: float
    sampling_source: str
    warnings: list[str]
    notes: tuple[str, ...] = ()
    mask: np.ndarray | None = None
    card: Mapping[str, Any] = field(default_factory=dict)
    scores: tuple[float, ...] = ()

    @property
    def fields(self) -> np.ndarray:
        """The image of each field (n, ny, nx): of a focal series the first."""
        return self.frames[:: self.card["network"]["frames"]]


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


def picture_of(array: np.ndarray) -> Picture:
    """An image (ny, nx) or a movie (frames, ny, nx) in memory, as if it had been read of a file.

    Raises PictureError as `read_picture`.
    """
    nowhere = Path("the array")
    frames, notes = frames_of({"data": array}, nowhere)
    check_values(frames, nowhere)
    frames, mask, warnings = specimen_of(frames, nowhere)
    return Picture(
        frames, None, path=nowhere, mask=mask, notes=tuple(notes), warnings=tuple(warnings)
    )


def folder_of(path: Path) -> Picture:
    """The frames of a folder, one a file in the order of their names, as if they were one movie.

    Raises PictureError, naming the file, for a frame that cannot be read or has another size.
    """
    movie = open_movie(path)
    frames = np.stack([frame.image for frame in movie.frames()])
    frames, mask, warnings = specimen_of(frames, path)
    note = f"{len(frames)} frames of the folder, in the order of their names"
    return Picture(frames, movie.sampling, {}, path, mask, (note,), warnings)


def picture_from(item: Path | np.ndarray, image: str | None) -> Picture:
    """What an image is given as: an array, a file, or a folder of frames."""
    if isinstance(item, np.ndarray):
        return picture_of(item)
    if item.is_dir() and not is_zarr(item):
        return folder_of(item)
    return read_picture(item, image=image)


def fields_of(
    images: Sequence[Path | np.ndarray], card: Mapping[str, Any], image: str | None = None
) -> Fields:
    """Fields of images for a network, which are files, folders of frames, or arrays.

    Every frame of a movie is a field; all frames of a focal series together are one. `image` says
    which picture of a file that has several. Raises PictureError, also for files that are no
    series, and where their pixel sizes differ.
    """
    read = [picture_from(item, image) for item in images]
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


def check_region(region: Sequence[int], shape: tuple[int, int]) -> None:
    """Raise ScaleError for a region x0, y0, x1, y1 in px that is not in an image (ny, nx)."""
    x0, y0, x1, y1 = region
    ny, nx = shape
    wide, high = x1 - x0 >= SMALLEST_REGION, y1 - y0 >= SMALLEST_REGION
    if not (x0 >= 0 and y0 >= 0 and wide and high and x1 <= nx and y1 <= ny):
        raise ScaleError(
            f"--scale-region {x0} {y0} {x1} {y1}: expected left, top, right and bottom in px, at "
            f"least {SMALLEST_REGION} px apart, inside the image of {nx} × {ny} px"
        )


def predict_files(
    images: Sequence[Path | np.ndarray],
    weights_path: Path,
    settings: Images,
    *,
    pixel_size: float | None = None,
    scale_region: Sequence[int] | None = None,
    image: str | None = None,
    progress: bool = True,
) -> Prediction:
    """Atoms of an image, a movie or a focal series, by the functions that the rules use.

    Parameters
    ----------
    images
        Files of one field or movie, or an array in place of a file.
    weights_path
        Weights of a network that reads images.
    settings
        How the network reads them, and the lowest probability of an atom.
    pixel_size
        The user's word on the pixel, Å.
    scale_region
        x0, y0, x1, y1 in px: where to measure the lattice.
    image
        Which of several pictures in a file, by its name or its number from 1.

    Raises PictureError, ScaleError or WeightsError for input that cannot be used.
    """
    network, card = weights.load(weights_path)
    material = materials.load(card["material"])
    read = fields_of(images, card, image)
    shape = read.images.shape[-2:]
    if scale_region is not None:
        check_region(scale_region, shape)
    frames = read.images.reshape(-1, *shape)
    notes = list(read.notes)
    known = familiarity.load(weights_path)
    if pixel_size is None:
        lattice, said = chosen_lattice(
            material_scales(frames, material, scale_region),
            read.sampling,
            network,
            card,
            read.images[0],
            tile=settings.tile,
            overlap=settings.overlap,
            epsilon=settings.epsilon,
        )
        lattice, found = checked_lattice(
            lattice,
            read.sampling,
            network,
            card,
            read.images[0],
            material,
            epsilon=settings.epsilon,
            known=known,
        )
        notes += said + found
    else:
        lattice = material_sampling(frames, material, scale_region)
    sampling, source, warnings = choose_sampling(lattice, read.sampling, pixel_size)
    check_pixels(shape, sampling, working_sampling(card), material, read.path)
    if warnings and lattice is not None and scale_region is None:
        warnings[0] += "; where several crystals show, --scale-region says which to measure"
    maps = predict_fields(
        network,
        card,
        [(images, sampling) for images in read.images],
        tile=settings.tile,
        overlap=settings.overlap,
        symmetries=settings.symmetries,
        progress=progress,
    )
    tables, scores = [], []
    warnings += read.warnings
    with familiarity.watched(network) as features:
        for number, probabilities in enumerate(maps):
            unseen = None if read.mask is None else wide(read.mask[number].any(axis=0))
            table, doubts = read_map(
                probabilities,
                working_sampling(card),
                shape,
                sampling,
                card,
                material,
                epsilon=settings.epsilon,
                threshold=min(LOWEST_PROBABILITY, settings.threshold),
                frame=number,
                unseen=unseen,
            )
            table = by_brightness(table, read.images[number, 0], sampling, material)
            where = f"frame {number}: " if len(read.images) > 1 else ""
            if known is not None:
                found = signs_of(
                    features, probabilities, read.images[number], sampling, card, table
                )
                scores.append(known.score(found))
                doubts = [*filter(None, [known.warning(scores[-1])]), *doubts]
            features.clear()
            warnings += [where + note for note in doubts]
            tables.append(table[table["probability"] >= settings.threshold])
    return Prediction(
        pd.concat(tables, ignore_index=True),
        frames,
        sampling,
        source,
        warnings,
        tuple(notes),
        None if read.mask is None else read.mask.reshape(-1, *shape),
        card,
        tuple(scores),
    )
