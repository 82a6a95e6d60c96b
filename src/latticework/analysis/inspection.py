"""What a file holds, before anything is read from it: images, pixel sizes, lattices, defects."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from latticework import materials
from latticework.analysis.atoms.reading import predict_files
from latticework.config.inference import Images
from latticework.datasets.containers import describe, signal_axes
from latticework.datasets.read import (
    Picture,
    PictureError,
    open_signals,
    opened,
    read_picture,
)
from latticework.datasets.scans import Patterns, read_patterns, saturated_share
from latticework.datasets.units import reciprocal_angstrom, to_milliradian
from latticework.inference import familiarity
from latticework.inference.direct_beam import direct_beam
from latticework.inference.resampling import check_pixels
from latticework.inference.scale import LatticeScale
from latticework.inference.scan_calibration import disk
from latticework.inference.zone_axis import material_scales

# px: the side of the middle of a picture that networks read to say how foreign it is.
LOOKED_AT = 1024
# Frames of a movie, or patterns of a scan, that are looked at.
SAMPLE = 32


def contents(path: Path) -> list[str]:
    """A line on each image in a file, in the order of their numbers from 1."""
    _, signals = open_signals(path)
    return [describe(signal) for signal in signals]


def holds_patterns(path: Path, image: str | None) -> bool:
    """Whether what would be read of a file is diffraction patterns: by units, or four axes."""
    _, signal, _ = opened(path, image)
    axes = [signal["axes"][i] for i in signal_axes(signal) if i < len(signal["axes"])]
    units = [str(axis.get("units") or "") for axis in axes]
    angles = [reciprocal_angstrom(1, unit) or to_milliradian(1, unit) for unit in units]
    return np.ndim(signal["data"]) == 4 or (bool(angles) and None not in angles)


def electrons_per_pixel(frame: np.ndarray, mask: np.ndarray | None) -> float | None:
    """Electrons a pixel that would make the noise of a frame (ny, nx), or None where it has none.

    Counts have a variance as large as their mean, in whatever units they are; the noise is what
    differs between neighbouring pixels beyond a plane. A camera's blur makes it look like more
    electrons, an offset like less or more.
    """
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 6
    residual = ndimage.convolve(np.asarray(frame, float), kernel, mode="reflect")
    sound = np.ones(frame.shape, bool) if mask is None else ~ndimage.binary_dilation(mask)
    noise = 1.4826 * np.median(np.abs(residual[sound]))
    mean = float(frame[sound].mean())
    return mean**2 / noise**2 if noise > 0 and mean > 0 else None


def inspect_picture(
    path: Path, cards: Mapping[str, Mapping[str, Any]], image: str | None = None
) -> tuple[dict[str, Any], Picture, dict[str, list[LatticeScale]]]:
    """What is known of an image or movie, as JSON types; the picture; its lattices by material.

    `cards` are those of the published networks of images, by study. Raises PictureError.
    """
    picture = read_picture(path, image=image)
    frames, ny, nx = picture.image.shape
    first = picture.image[0]
    mask = None if picture.mask is None else picture.mask[0]
    names = sorted({card["material"] for card in cards.values()})
    scales = {name: material_scales(picture.image, materials.load(name)) for name in names}
    electrons = electrons_per_pixel(first, mask)
    found: dict[str, Any] = {
        "file": str(path),
        "kind": "image" if frames == 1 else "movie",
        "images": contents(path),
        "frames": frames,
        "size_px": [nx, ny],
        "notes": list(picture.notes),
        "metadata": picture.metadata,
        "pixel_angstrom": {"metadata": picture.sampling}
        | {name: [s.sampling for s in found] for name, found in scales.items()},
        "lattice_confidence": {n: [s.confidence for s in found] for n, found in scales.items()},
        "intensity": [float(first.min()), float(first.max())],
        "electrons_per_pixel": electrons,
        "not_specimen": list(picture.warnings),
        "masked_share": 0.0 if mask is None else float(mask.mean()),
    }
    found["studies"] = {
        study: _suits(picture, card, scales[card["material"]]) for study, card in cards.items()
    }
    return found, picture, scales


def _suits(picture: Picture, card: Mapping[str, Any], scales: list[LatticeScale]) -> str:
    """Whether a network may know a picture, in words."""
    material = materials.load(card["material"])
    sampling = scales[0].sampling if scales else picture.sampling
    if sampling is None:
        return f"no lattice of {material.name} shows, and the pixel is unknown"
    limits = card["imaging"]["sampling"]
    try:
        check_pixels(picture.image.shape[1:], sampling, limits["high"], material, picture.path)
    except PictureError as error:
        return str(error).removeprefix(f"{picture.path}: ")
    together = card["network"]["frames"]
    series = f"; it reads {together} images of a focal series together" if together > 1 else ""
    if not scales:
        return f"possible, but no lattice of {material.name} shows{series}"
    agrees = picture.sampling is None or abs(sampling / picture.sampling - 1) < 0.03
    doubt = "" if agrees else f", while the metadata say {picture.sampling:.4f} Å"
    return f"its lattice shows: {sampling:.4f} Å/px{doubt}{series}"


def foreignness(picture: Picture, weights_path: Path, scales: list[LatticeScale]) -> float | None:
    """How far outside of what a network knows the middle of a picture's first frame lies.

    Above 0 a warning would be due. None where the network has no familiarity, reads several images
    together, or the pixel is unknown.
    """
    sampling = scales[0].sampling if scales else picture.sampling
    if sampling is None or familiarity.load(weights_path) is None:
        return None
    frame = picture.image[0]
    y, x = (max(n - LOOKED_AT, 0) // 2 for n in frame.shape)
    middle = frame[y : y + LOOKED_AT, x : x + LOOKED_AT]
    found = predict_files([middle], weights_path, Images(), pixel_size=sampling, progress=False)
    return found.scores[0] if found.scores else None


def inspect_patterns(path: Path, image: str | None = None) -> tuple[dict[str, Any], np.ndarray]:
    """What is known of a pattern or a scan, as JSON types, and the mean of some of its patterns."""
    patterns: Patterns = read_patterns(path, image)
    places = list(np.ndindex(*patterns.scan))
    chosen = np.unique(np.linspace(0, len(places) - 1, SAMPLE).round().astype(int))
    picked = Patterns(path, np.stack([np.asarray(patterns.data[places[n]]) for n in chosen]), None)
    problems, saturated = [], 0
    for _, read, said in picked.checked(SAMPLE):
        problems += [f"pattern {chosen[n]}: {line}" for n, line in enumerate(said) if line]
        saturated += sum(saturated_share(pattern) > 0 for pattern in read)
    mean = picked.mean(SAMPLE)
    found: dict[str, Any] = {
        "file": str(path),
        "kind": "pattern" if not patterns.scan else "scan",
        "images": contents(path),
        "scan": list(patterns.scan),
        "size_px": list(reversed(patterns.shape)),
        "pixel_reciprocal_angstrom": patterns.step,
        "pixel_mrad": patterns.angle,
        "looked_at": len(chosen),
        "problems": problems,
        "saturated": int(saturated),
    }
    try:
        brightest, radius = disk(mean, f"{path}")
        beam = direct_beam(mean, brightest, radius)
        found |= {"direct_beam_px": list(beam.place), "disk_radius_px": radius}
        found["doubts"] = [beam.warning] if beam.warning else []
    except PictureError as error:
        found["doubts"] = [str(error)]
    return found, mean
