"""Files of images → atoms, with a network: what the command `latticework predict` does, and what
another program may do in its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from latticework import materials
from latticework.analysis.atoms.cross_sections import by_cross_section
from latticework.analysis.atoms.familiar import signs_of
from latticework.analysis.atoms.fields import Fields, fields_of
from latticework.analysis.atoms.network_scale import checked_lattice
from latticework.analysis.atoms.planes import on_planes
from latticework.analysis.atoms.scale_choice import chosen_lattice
from latticework.analysis.atoms.table import LOWEST_PROBABILITY, in_picture, read_map
from latticework.config.inference import Images
from latticework.datasets.arrangement import WHOLE, Arrangement
from latticework.datasets.not_specimen import wide
from latticework.imaging.levelling import level
from latticework.inference import familiarity
from latticework.inference.class_maps import predict_fields, working_sampling
from latticework.inference.resampling import check_pixels
from latticework.inference.scale import ScaleError, choose_sampling
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

    @property
    def shown(self) -> np.ndarray:
        """The first image (ny, nx) as one looks at it: a scan that the network reads levelled is
        levelled."""
        first = self.frames[0]
        if not self.card.get("imaging", {}).get("levelling"):
            return first
        return level(torch.from_numpy(np.array(first, dtype=np.float32))).numpy()


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
    arrangement: Arrangement = WHOLE,
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
    arrangement
        Which axis is which, and which part to read, where the file does not say it.

    Raises PictureError, ScaleError or WeightsError for input that cannot be used.
    """
    network, card = weights.load(weights_path)
    read = fields_of(images, card, image, arrangement)
    known = familiarity.load(weights_path)
    scale = scale_of(
        read, network, card, settings, known, pixel_size=pixel_size, scale_region=scale_region
    )
    return predicted(read, scale, network, card, settings, known, progress=progress)


@dataclass(frozen=True)
class Scale:
    """The pixel of images in Å, who says so, and what was assumed and is doubtful about it."""

    sampling: float
    source: str
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def scale_of(
    read: Fields,
    network: nn.Module,
    card: Mapping[str, Any],
    settings: Images,
    known: familiarity.Familiarity | None,
    *,
    pixel_size: float | None = None,
    scale_region: Sequence[int] | None = None,
) -> Scale:
    """The scale of fields; parameters as for `predict_files` and `predicted`.

    Raises ScaleError and PictureError.
    """
    material = materials.load(card["material"])
    if material.unit != "Å":
        raise ScaleError(
            f"{card['study']} finds sites whatever their distance in Å is, and this needs lengths "
            "in Å; only `latticework predict` reads images with it"
        )
    shape = read.images.shape[-2:]
    if scale_region is not None:
        check_region(scale_region, shape)
    frames = read.images.reshape(-1, *shape)
    notes: list[str] = []
    if pixel_size is None:
        lattice, notes = chosen_lattice(
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
        notes += found
    else:
        lattice = material_sampling(frames, material, scale_region)
    sampling, source, warnings = choose_sampling(lattice, read.sampling, pixel_size)
    check_pixels(shape, sampling, working_sampling(card), material, read.path)
    if warnings and lattice is not None and scale_region is None:
        warnings[0] += "; where several crystals show, --scale-region says which to measure"
    return Scale(sampling, source, tuple(notes), tuple(warnings))


def predicted(
    read: Fields,
    scale: Scale,
    network: nn.Module,
    card: Mapping[str, Any],
    settings: Images,
    known: familiarity.Familiarity | None,
    *,
    first: int = 0,
    progress: bool = True,
) -> Prediction:
    """Atoms of fields whose scale is known, the first of which has the number `first`.

    `known` is the weights' familiarity, if they have one.
    """
    material, shape = materials.load(card["material"]), read.images.shape[-2:]
    maps = predict_fields(
        network,
        card,
        [(images, scale.sampling) for images in read.images],
        tile=settings.tile,
        overlap=settings.overlap,
        symmetries=settings.symmetries,
        progress=progress,
    )
    tables, scores = [], []
    warnings = [*scale.warnings, *read.warnings]
    with familiarity.watched(network) as features:
        for number, probabilities in enumerate(maps):
            unseen = None if read.mask is None else wide(read.mask[number].any(axis=0))
            table, doubts = read_map(
                probabilities,
                working_sampling(card),
                shape,
                scale.sampling,
                card,
                material,
                epsilon=settings.epsilon,
                threshold=min(LOWEST_PROBABILITY, settings.threshold),
                frame=first + number,
                unseen=unseen,
            )
            told = by_cross_section(table, read.images[number, 0], scale.sampling, material)
            where = f"frame {first + number}: " if first or len(read.images) > 1 else ""
            if known is not None:
                found = signs_of(
                    features, probabilities, read.images[number], scale.sampling, card, table
                )
                scores.append(known.score(found))
                doubts = [*filter(None, [known.warning(scores[-1])]), *doubts]
            features.clear()
            warnings += [where + note for note in doubts]
            told = in_picture(told, shape)
            kept = told[told["probability"] >= settings.threshold]
            tables.append(on_planes(kept, material, settings.planes))
    return Prediction(
        pd.concat(tables, ignore_index=True),
        read.images.reshape(-1, *shape),
        scale.sampling,
        scale.source,
        warnings,
        (*read.notes, *scale.notes),
        None if read.mask is None else read.mask.reshape(-1, *shape),
        card,
        tuple(scores),
    )
