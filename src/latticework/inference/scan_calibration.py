"""What is known of a scan of diffraction patterns before it is read: its pixel and its probe."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from latticework.datasets.fetch import fetch
from latticework.datasets.read import PictureError
from latticework.datasets.registry import Dataset
from latticework.datasets.scans import Patterns, read_patterns
from latticework.electrons import wavelength
from latticework.inference.calibrate import SKIPPED, attributes_of
from latticework.inference.direct_beam import beam_warning, check_origin, direct_beam
from latticework.materials import Material
from latticework.shards import Array

BATCH = 16


@dataclass(frozen=True)
class Calibration:
    """A scan's pixel in 1/Å, who says so, its vacuum probe (ky, kx), measured or drawn, and what
    is doubtful about them."""

    sampling: float
    source: str
    probe: np.ndarray
    warnings: tuple[str, ...] = ()


def disk(probe: np.ndarray, what: str = "the vacuum probe") -> tuple[tuple[float, float], float]:
    """Centre (x, y) and radius in px of a vacuum probe (ky, kx), by its half maximum.

    The maximum is the median of the brightest hundredth, which a hot pixel does not lift. Raises
    PictureError, which calls it `what`, for a probe without a disk, or with one that fills the
    picture.
    """
    brightest = np.sort(probe.ravel())[-max(3, probe.size // 5000) :]
    inside = probe > 0.5 * np.median(brightest)
    area = int(inside.sum())
    if not 3 <= area <= 0.25 * probe.size:
        raise PictureError(
            f"{what}: expected a bright disk on a dark field, found {area} of "
            f"{probe.size} pixels above half of its brightness"
        )
    # The largest of what is bright: hot pixels and other disks are not the beam.
    labels, _ = ndimage.label(inside)
    largest = labels == np.bincount(labels.ravel())[1:].argmax() + 1
    y, x = np.nonzero(largest)
    return (float(x.mean()), float(y.mean())), math.sqrt(len(x) / math.pi)


def synthetic_probe(
    shape: tuple[int, int],
    sampling: float,
    semiangle: float,
    energy: float,
    beam: tuple[float, float],
) -> np.ndarray:
    """A round disk (ky, kx) for patterns without a vacuum probe.

    `sampling` is the pixel in 1/Å, `semiangle` in mrad, `energy` in eV; `beam` is the centre
    (x, y) in px. The disk's edge is one pixel wide.
    """
    radius = semiangle * 1e-3 / wavelength(energy) / sampling
    y, x = np.mgrid[: shape[0], : shape[1]]
    distance = np.hypot(x - beam[0], y - beam[1])
    return np.clip(radius - distance + 0.5, 0, 1).astype(np.float32)


def probe_of(
    patterns: Patterns,
    sampling: float,
    probe: Path | None,
    semiangle: float | None,
    energy: float,
    origin: tuple[float, float] | None = None,
    region: Sequence[int] | None = None,
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The vacuum probe (ky, kx), and what is doubtful about where the direct beam is.

    It is the mean of a file's patterns, or of those in a `region` (x0, y0, x1, y1, ends excluded)
    of the scan itself, or a disk about the direct beam. `sampling` is in 1/Å,
    `semiangle` in mrad, `energy` in eV; `origin` is where the direct beam of the patterns is, (x,
    y) in px, found in their mean where it is not given. Raises PictureError for files that cannot
    be used, and where neither a probe nor its semiangle is given.
    """
    if origin is not None:
        check_origin(origin, patterns.shape)
    if probe is not None or region is not None:
        recorded = patterns.part(region) if region is not None else read_patterns(probe)
        read = [pattern for _, many in recorded.batches(BATCH) for pattern in many]
        mean = np.mean(read, axis=0)
        centre, radius = disk(mean)
        if origin is not None:
            mean = ndimage.shift(mean, np.subtract(origin, centre)[::-1], order=1)
            centre = origin
        if mean.shape != patterns.shape:
            return mean, ()
        doubt = beam_warning(patterns.mean(), centre, radius)
        return mean, (doubt,) if doubt else ()
    if semiangle is None:
        raise PictureError(f"{patterns.path}: needs a vacuum probe or its semiangle")
    radius = semiangle * 1e-3 / wavelength(energy) / sampling
    if not 0.8 <= radius <= 0.25 * min(patterns.shape):
        raise PictureError(
            f"{patterns.path}: a disk of {semiangle:g} mrad has a radius of {radius:.2g} px here; "
            f"expected 0.8 to {0.25 * min(patterns.shape):.3g} px: check the semiangle, the energy "
            f"({energy / 1e3:g} keV) and the pixel ({sampling:.4g} 1/Å)"
        )
    mean = patterns.mean()
    if origin is None:
        brightest, _ = disk(mean, f"{patterns.path}, for its direct beam")
        found = direct_beam(mean, brightest, radius)
        origin, doubts = found.place, [found.warning] if found.warning else []
    else:
        doubts = []
    if not doubts and (doubt := beam_warning(mean, origin, radius)):
        doubts = [doubt]
    return synthetic_probe(patterns.shape, sampling, semiangle, energy, origin), tuple(doubts)


def calibrated(
    patterns: Patterns,
    *,
    probe: Path | None,
    semiangle: float | None,
    energy: float,
    sampling: float | None,
    origin: tuple[float, float] | None = None,
    region: Sequence[int] | None = None,
) -> Calibration:
    """Pixel and probe of patterns; `sampling` (1/Å) outranks the file's metadata.

    A pixel that the metadata give in mrad is one of the beam's `energy`, in eV. Raises PictureError
    where nobody says how large a pixel is, and as `probe_of`.
    """
    chosen, source = sampling or patterns.step, "user" if sampling else "metadata"
    if chosen is None and patterns.angle is not None and energy:
        chosen = patterns.angle * 1e-3 / wavelength(energy)
        source = f"metadata, in mrad at {energy / 1e3:g} keV"
    if chosen is None:
        raise PictureError(
            f"{patterns.path}: no reciprocal pixel size in the metadata; pass --reciprocal-pixel "
            "(1/Å), or reciprocal_pixel in config/datasets.yaml"
        )
    drawn, doubts = probe_of(patterns, chosen, probe, semiangle, energy, origin, region)
    return Calibration(chosen, source, drawn, doubts)


def calibrate(
    dataset: Dataset, folder: Path, material: Material | None
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Arrays and attributes of a calibrated scan; its patterns stay in their own file.

    `folder` is where its files were fetched to, or says why they could not be had. Raises
    PictureError and FetchError.
    """
    skipped = folder / SKIPPED
    if skipped.exists():
        reason = skipped.read_text(encoding="utf-8").strip()
        return {}, attributes_of(dataset, skipped=reason)
    path = scan_file(dataset, folder)
    patterns = read_patterns(path)
    probe = None
    if dataset.probe is not None:
        probe = next(iter(fetch(dataset.probe, None, folder / "probe").values()))
    found = calibrated(
        patterns,
        probe=probe,
        region=dataset.vacuum_region,
        semiangle=dataset.semiangle_mrad,
        energy=1e3 * (dataset.energy_kev or 0.0),
        sampling=dataset.reciprocal_pixel,
    )
    attributes = attributes_of(
        dataset, names=[path.name], sources=[found.source], warnings=[list(found.warnings)]
    ) | {"scan": list(patterns.scan), "shape": list(patterns.shape)}
    more = {}
    if dataset.composition is not None:
        listed = next(iter(fetch(dataset.composition, None, folder / "composition").values()))
        more["composition"] = Array(composition(listed), "position, share", ("point", "column"))
    return more | {
        "probe": Array(found.probe.astype(np.float32), "counts", ("ky", "kx")),
        "reciprocal_sampling": Array(np.float64(found.sampling), "1/Å", ()),
    }, attributes


def composition(path: Path) -> np.ndarray:
    """Positions along x and shares (n, 2) of a table. Raises PictureError for one without them."""
    try:
        table = pd.read_csv(path)[["x", "share"]].to_numpy(float)
    except (OSError, KeyError, ValueError) as error:
        raise PictureError(f"{path}: expected a table with the columns x and share") from error
    return table[np.argsort(table[:, 0])]


def scan_file(dataset: Dataset, folder: Path) -> Path:
    """The file of a scan: fetched and verified, or the user's own."""
    return dataset.path or next(iter(fetch(dataset, None, folder).values()))
