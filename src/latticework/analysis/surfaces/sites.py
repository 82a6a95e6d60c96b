"""Images of unknown scale → sites and their lattice, by a network whose unit is the spacing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.spatial import cKDTree
from tqdm import tqdm

from latticework import materials
from latticework.analysis.atoms.fields import Fields, fields_of
from latticework.analysis.atoms.reading import Prediction
from latticework.analysis.atoms.table import LOWEST_PROBABILITY, empty_table, read_map
from latticework.analysis.surfaces.any_scale import Scale, images_of, scales_of
from latticework.analysis.surfaces.lattice import angle_of
from latticework.analysis.surfaces.reading import CONFIDENT, Reading, in_words, read_lattice
from latticework.analysis.surfaces.support import Support, translational_support
from latticework.config.inference import Images
from latticework.datasets.arrangement import WHOLE, Arrangement
from latticework.datasets.not_specimen import wide
from latticework.hardware import best_device
from latticework.inference.class_maps import predict
from latticework.inference.scale import choose_sampling
from latticework.learning import weights

SAME_SITE = 0.35  # of the spacing: how far a site may be from where others predict it
# Of the threshold: what a site needs where three neighbours, a lattice vector away, ask for one.
EXPECTED = 0.6
SURE = 0.25  # score of a scale below which an image may show no sites at all
WELL_KEPT = 0.9  # share of the lattice's sites, and of sites on the lattice, that need no warning


@dataclass(frozen=True)
class Sites:
    """Sites of one image.

    Parameters
    ----------
    table
        As `analysis.atoms.table.atoms_table` makes it, with lengths in spacings.
    scale
        At which the image was read; None where no scale makes sense: then there are no sites.
    reading
        Its lattice, from the spectrum.
    support
        The sites against that lattice; None where there is none.
    doubts
        What makes this doubtful.
    expected
        Number of the sites below the threshold, which are kept since the lattice asks for them.
    """

    table: pd.DataFrame
    scale: Scale | None
    reading: Reading
    support: Support | None
    doubts: list[str]
    expected: int = 0


def find_sites(
    network: torch.nn.Module,
    card: dict[str, Any],
    image: np.ndarray,
    settings: Images,
    *,
    unseen: np.ndarray | None = None,
    frame: int = 0,
    scale: Scale | None = None,
) -> Sites:
    """Sites of an image (ny, nx) of any intensity and any scale.

    `unseen` is a mask where no specimen shows; `scale` that of an earlier frame of a movie.
    """
    device, reading = best_device(), read_lattice(image)
    tried = [scale] if scale is not None else scales_of(network, card, image, device)
    if not tried:
        return Sites(empty_table(card), None, reading, None, ["no sites were found at any scale"])
    chosen = tried[0]
    probabilities, pixel = predict(
        network,
        card,
        images_of(image)[chosen.levelled][None],
        1 / chosen.spacing,
        tile=settings.tile,
        overlap=settings.overlap,
        symmetries=settings.symmetries,
        device=device,
    )
    table, doubts = read_map(
        probabilities,
        pixel,
        image.shape,
        1 / chosen.spacing,
        card,
        materials.load(card["material"]),
        epsilon=settings.epsilon,
        threshold=min(LOWEST_PROBABILITY, settings.threshold),
        frame=frame,
        unseen=unseen,
    )
    probability = table["probability"].to_numpy()
    kept, lattice, support = probability >= settings.threshold, reading.lattice, None
    sure = int(kept.sum())
    if lattice is not None:
        places, radius = table[["x_px", "y_px"]].to_numpy(), SAME_SITE * chosen.spacing
        support = translational_support(places[kept], lattice.vectors, image.shape, radius)
        if lattice.confidence >= CONFIDENT and len(support.missing):
            asked = cKDTree(support.missing).query(places)[0] < radius
            kept |= asked & (probability >= EXPECTED * settings.threshold)
            support = translational_support(places[kept], lattice.vectors, image.shape, radius)
    if chosen.score < SURE:
        doubts = [f"no scale gives a clear answer (score {chosen.score:.2f} of 1)", *doubts]
    if support is not None:
        shares = {"of the lattice's sites were found": support.completeness}
        shares["of the sites belong to the lattice"] = support.purity
        doubts += [f"{share:.0%} {what}" for what, share in shares.items() if share < WELL_KEPT]
    table = table[kept].reset_index(drop=True)
    return Sites(table, chosen, reading, support, doubts, len(table) - sure)


def said(found: Sites, sampling: float | None) -> list[str]:
    """What is known of an image's sites and lattice, in lines; in Å, too, by a known pixel."""
    lines = []
    if found.scale is not None:
        apart = f"sites are {found.scale.spacing:.1f} px"
        if sampling is not None:
            apart += f" = {found.scale.spacing * sampling:.2f} Å"
        lines.append(f"{apart} apart (score {found.scale.score:.2f})")
    lines += in_words(found.reading, sampling).splitlines()
    if found.support is not None:
        lines.append(f"by the sites: {vectors_in_words(found.support.vectors, sampling)}")
        lines.append(
            f"{found.support.completeness:.1%} of the lattice's sites were found "
            f"({len(found.support.missing)} are missing), {found.support.purity:.1%} of the sites "
            "belong to it"
        )
    if found.expected:
        lines.append(f"weak sites kept, where three neighbours ask for one: {found.expected}")
    return lines


def vectors_in_words(vectors: np.ndarray, sampling: float | None) -> str:
    """Lengths of two vectors (2, 2) in px, in Å too by a known pixel, and their angle."""
    lengths = np.linalg.norm(vectors, axis=1)
    said = [
        f"{name} = {length:.2f} px" + ("" if sampling is None else f" = {length * sampling:.3f} Å")
        for name, length in zip("ab", lengths, strict=True)
    ]
    return f"{', '.join(said)}, angle {angle_of(vectors):.1f}°"


def read_sites(
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
    """Sites of an image or a movie; arguments and errors as of `analysis.atoms.reading`.

    A pixel size is not needed. Where it is known, by the user or the file, positions are also given
    in Å, else in px alone, and `sampling` is NaN. The notes say what the lattice is.
    """
    network, card = weights.load(weights_path)
    read = fields_of(images, card, image, arrangement)
    known = read.sampling is not None or pixel_size is not None
    sampling, source, warnings = (
        choose_sampling(None, read.sampling, pixel_size) if known else (float("nan"), "unknown", [])
    )
    warnings += read.warnings
    tables, notes, scale, frames = [], list(read.notes), None, []
    numbers = tqdm(range(len(read.images)), "images", unit="image", disable=not progress)
    for number in numbers:
        found = find_sites(
            network,
            card,
            read.images[number][0],
            settings,
            unseen=_unseen(read, number),
            frame=number,
            scale=scale,
        )
        scale = found.scale
        where = f"frame {number}: " if len(read.images) > 1 else ""
        notes += [where + line for line in said(found, sampling if known else None)]
        warnings += [where + line for line in (*found.reading.warnings, *found.doubts)]
        levelled = scale is not None and scale.levelled
        frames.append(images_of(read.images[number][0])[levelled])
        tables.append(in_angstrom(found, sampling if known else None))
    shape = read.images.shape[-2:]
    return Prediction(
        pd.concat(tables, ignore_index=True),
        np.stack(frames),
        sampling,
        source,
        warnings,
        tuple(notes),
        None if read.mask is None else read.mask.reshape(-1, *shape),
        card,
    )


def _unseen(read: Fields, number: int) -> np.ndarray | None:
    return None if read.mask is None else wide(read.mask[number].any(axis=0))


def in_angstrom(found: Sites, sampling: float | None) -> pd.DataFrame:
    """The table of sites with lengths in Å where the pixel is known, else in px alone."""
    table = found.table
    spacing = found.scale.spacing if found.scale is not None else 1.0
    in_px = table.assign(sigma_px=table["sigma_angstrom"] * spacing)
    in_px = in_px.drop(columns=["x_angstrom", "y_angstrom", "sigma_angstrom"])
    if sampling is None:
        return in_px
    return in_px.assign(
        x_angstrom=table["x_px"] * sampling,
        y_angstrom=table["y_px"] * sampling,
        sigma_angstrom=in_px["sigma_px"] * sampling,
    )
