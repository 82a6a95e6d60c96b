"""What of a picture is not specimen: bars, margins, labels, dead lines, hits, missing pixels.

All of it is found by what no specimen does in front of a noisy camera: values that are exactly
constant over an area, that jump from one pixel to the next, or that are no numbers. Every threshold
is relative to the picture's own contrast, so that the scale of intensities does not matter.
"""

import numpy as np
from scipy import ndimage

from latticework.datasets.bars_and_marks import bars, marks
from latticework.datasets.detector_faults import hits, lines, repeated, seams
from latticework.datasets.frames import Region, place, some, spread_of

# px: what is narrower than this is bridged by its neighbours, and atoms in it are kept.
BRIDGED = 4
# Share of a frame that has to be specimen for it to be read.
LEAST_SPECIMEN = 0.05


def find(frame: np.ndarray) -> list[Region]:
    """Regions of a frame (ny, nx), of any intensity scale, that show no specimen."""
    frame = np.asarray(frame, dtype=float)
    missing = ~np.isfinite(frame)
    found = [Region("pixels without a value", place(missing), missing)] if missing.any() else []
    if missing.mean() > 1 - LEAST_SPECIMEN:
        return found
    known = missing.copy()
    # In units of its own contrast, every intensity fits into single precision.
    sound = frame[~missing]
    centre, contrast = np.median(some(sound)), spread_of(sound)
    if contrast == 0:
        return found
    values = np.where(missing, centre, frame) - centre
    values = np.clip(values / contrast, -1e30, 1e30).astype(np.float32)
    for step in (bars, repeated, lines, marks, hits, seams):
        for region in step(values, known):
            found.append(region)
            known = known | region.mask
        if known.mean() > 1 - LEAST_SPECIMEN:
            return found
        if known.any():
            values = np.where(known, np.median(some(values[~known])), values)
    return found


def union(regions: list[Region], shape: tuple[int, int]) -> np.ndarray:
    """Mask (ny, nx) of all regions."""
    mask = np.zeros(shape, dtype=bool)
    for region in regions:
        mask |= region.mask
    return mask


def wide(mask: np.ndarray) -> np.ndarray:
    """The parts of a mask (ny, nx) that are too wide to be bridged: nothing is known in them."""
    return ndimage.binary_opening(mask, np.ones((BRIDGED, BRIDGED), dtype=bool))


def filled(frame: np.ndarray, mask: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A frame (ny, nx) without what is masked: float64, finite.

    Narrow gaps are bridged by their neighbours. Wide ones get the mean and the contrast of the
    specimen near them, as noise: no lattice, no edge, nothing that a local normalisation, a
    spectrum or a network would take for something.
    """
    frame = np.asarray(frame, dtype=float)
    if not mask.any():
        return frame
    sound = ~mask
    centre = np.median(frame[sound])
    values = np.where(sound, frame - centre, 0.0)
    near = _weighted(values, sound, 1.0)
    result = np.where(mask, near, frame - centre)
    gaps = wide(mask)
    if gaps.any():
        scale = max(frame.shape) / 16
        mean = _weighted(values, sound, scale)
        contrast = np.sqrt(_weighted(np.where(sound, (values - mean) ** 2, 0), sound, scale))
        noise = generator.standard_normal(int(gaps.sum()))
        result[gaps] = mean[gaps] + contrast[gaps] * noise
    return result + centre


def _weighted(values: np.ndarray, sound: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian mean of the sound pixels' values; far from all of them, their mean."""
    weight = ndimage.gaussian_filter(sound.astype(float), sigma, mode="constant")
    total = ndimage.gaussian_filter(np.where(sound, values, 0), sigma, mode="constant")
    everywhere = values[sound].mean()
    return np.where(weight > 1e-6, total / np.maximum(weight, 1e-6), everywhere)
