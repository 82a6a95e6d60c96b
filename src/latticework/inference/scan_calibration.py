"""What is known of a scan of diffraction patterns before it is read: its pixel and its probe."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import label

from latticework.datasets.fetch import fetch
from latticework.datasets.read import PictureError
from latticework.datasets.registry import Dataset
from latticework.datasets.scans import Patterns, read_patterns
from latticework.imaging.electrons import wavelength
from latticework.inference.calibrate import SKIPPED, attributes_of
from latticework.materials import Material
from latticework.shards import Array

BATCH = 16


@dataclass(frozen=True)
class Calibration:
    """A scan's pixel in 1/Å, who says so, and its vacuum probe (ky, kx), measured or drawn."""

    sampling: float
    source: str
    probe: np.ndarray


def disk(probe: np.ndarray) -> tuple[tuple[float, float], float]:
    """Centre (x, y) and radius in px of a vacuum probe (ky, kx), by its half maximum.

    The maximum is the median of the brightest hundredth, which a hot pixel does not lift. Raises
    PictureError for a probe without a disk, or with one that fills the picture.
    """
    brightest = np.sort(probe.ravel())[-max(3, probe.size // 5000) :]
    inside = probe > 0.5 * np.median(brightest)
    area = int(inside.sum())
    if not 3 <= area <= 0.25 * probe.size:
        raise PictureError(
            f"the vacuum probe: expected a bright disk on a dark field, found {area} of "
            f"{probe.size} pixels above half of its brightness"
        )
    # The largest of what is bright: hot pixels and other disks are not the beam.
    labels, _ = label(inside)
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
) -> np.ndarray:
    """The vacuum probe (ky, kx): the mean of a file's patterns, or a disk about the direct beam.

    `sampling` is in 1/Å, `semiangle` in mrad, `energy` in eV. The direct beam is that of the first
    pattern. Raises PictureError for files that cannot be used, and where neither is given.
    """
    if probe is not None:
        read = [pattern for _, many in read_patterns(probe).batches(BATCH) for pattern in many]
        return np.mean(read, axis=0)
    if semiangle is None:
        raise PictureError(f"{patterns.path}: needs a vacuum probe or its semiangle")
    _, first = next(patterns.batches(1))
    beam, _ = disk(first[0])
    return synthetic_probe(patterns.shape, sampling, semiangle, energy, beam)


def calibrated(
    patterns: Patterns,
    *,
    probe: Path | None,
    semiangle: float | None,
    energy: float,
    sampling: float | None,
) -> Calibration:
    """Pixel and probe of patterns; `sampling` (1/Å) outranks the file's metadata.

    Raises PictureError where nobody says how large a pixel is, and as `probe_of`.
    """
    chosen = sampling or patterns.step
    if chosen is None:
        raise PictureError(
            f"{patterns.path}: no reciprocal pixel size in the metadata; pass --reciprocal-pixel "
            "(1/Å), or reciprocal_pixel in config/datasets.yaml"
        )
    source = "user" if sampling else "metadata"
    return Calibration(chosen, source, probe_of(patterns, chosen, probe, semiangle, energy))


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
        semiangle=dataset.semiangle_mrad,
        energy=1e3 * (dataset.energy_kev or 0.0),
        sampling=dataset.reciprocal_pixel,
    )
    attributes = attributes_of(
        dataset, names=[path.name], sources=[found.source], warnings=[[]]
    ) | {"scan": list(patterns.scan), "shape": list(patterns.shape)}
    return {
        "probe": Array(found.probe.astype(np.float32), "counts", ("ky", "kx")),
        "reciprocal_sampling": Array(np.float64(found.sampling), "1/Å", ()),
    }, attributes


def scan_file(dataset: Dataset, folder: Path) -> Path:
    """The file of a scan: fetched and verified, or the user's own."""
    return dataset.path or next(iter(fetch(dataset, None, folder).values()))
