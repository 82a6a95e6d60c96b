"""Bright matter beside a crystal taken out of a scanning image, before a network reads it.

A network sees an image whose contrast has been made even over some Å. Matter that is many times
brighter than the crystal spoils this around it: foreign atoms there look like the host's.
"""

import numpy as np
from scipy import ndimage

# Å: an atom's width, pixels of the coarse image, a window of several atoms, and the smoothing.
ATOM, COARSE, WINDOW, SMOOTH = 0.45, 0.5, 6.0, 2.0
# Percentiles of a window between which lies the crystal's contrast.
FAINT, BRIGHT = 20, 80
# How far the faint level may vary over an image, in units of the usual contrast. Real images of
# clean sheets have 0.3 to 1.3, and contaminated ones 3 to 9.
EVEN = 2.0
# Share of the usual contrast below which nothing is enlarged any more.
LEAST = 0.5
# Added, in units of the local contrast, so that intensities stay positive.
BLACK = 20.0


def without_haze(image: np.ndarray, sampling: float) -> np.ndarray:
    """An image (…, ny, nx) as it is if its faint level is even; otherwise less that level and over
    the local contrast, shifted to be positive.

    `sampling` is the pixel, Å.
    """
    frames = np.asarray(image, dtype=float).reshape(-1, *image.shape[-2:])
    return np.stack([_even(frame, sampling) for frame in frames]).reshape(image.shape)


def _even(frame: np.ndarray, sampling: float) -> np.ndarray:
    step = max(1, round(COARSE / sampling))
    coarse = ndimage.gaussian_filter(frame, ATOM / sampling)[::step, ::step]
    if min(coarse.shape) < 2:
        return frame
    window = max(3, round(WINDOW / sampling / step))
    faint, bright = (
        ndimage.gaussian_filter(
            ndimage.percentile_filter(coarse, share, size=window), SMOOTH / sampling / step
        )
        for share in (FAINT, BRIGHT)
    )
    contrast = bright - faint
    usual = float(np.median(contrast))
    if np.ptp(np.percentile(faint, [5, 95])) <= EVEN * usual:
        return frame
    at = np.meshgrid(*(np.arange(n) / step for n in frame.shape), indexing="ij")
    level, scale = (
        ndimage.map_coordinates(part, at, order=1, mode="nearest") for part in (faint, contrast)
    )
    return (frame - level) / np.maximum(scale, LEAST * usual) + BLACK
