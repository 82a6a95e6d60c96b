"""Power spectra of images over their background, and the reflections that stand out of them."""

import numpy as np
from scipy import ndimage
from scipy.signal.windows import hann

# A larger image is read as overlapping windows, and a movie as a few frames; their power adds.
LARGEST_WINDOW, MOST_FRAMES = 1024, 8
# Steps of the log-polar search: relative radius, degrees; and how far a reflection may stray.
RADIAL_STEP, ANGULAR_STEP = 0.005, 0.5
RADIAL_SLACK, ANGULAR_SLACK = 0.03, 1.5


def power_spectrum(image: np.ndarray) -> np.ndarray:
    """Power spectrum (n, n) of an image or movie, zero frequency at n//2, one bin = 1/n cycles/px.

    The slow background is subtracted and the local contrast made even first, so that contamination
    in one half of an image does not drown the lattice in the other half.
    """
    frames = np.atleast_3d(np.asarray(image, dtype=float).T).T
    chosen = np.unique(np.linspace(0, len(frames) - 1, MOST_FRAMES).round().astype(int))
    size = min(LARGEST_WINDOW, max(frames.shape[1:]))
    power = np.zeros((size, size))
    for frame in frames[chosen]:
        flat = _even_contrast(frame, size / 32)
        for y in _window_starts(frame.shape[0], size):
            for x in _window_starts(frame.shape[1], size):
                part = flat[y : y + size, x : x + size]
                taper = np.outer(*(hann(n, sym=False) for n in part.shape))
                power += np.abs(np.fft.fft2(part * taper, (size, size))) ** 2
    return np.fft.fftshift(power)


def background_ratio(power: np.ndarray) -> np.ndarray | None:
    """A power spectrum (n, n) over its background: the larger of ring median and local median.

    The ring's median follows the transfer function; the local one rises with broad diffuse
    streaks, so that only narrow reflections stand out. None for a spectrum without power.
    """
    if not power.any():
        return None
    smooth = ndimage.gaussian_filter(power, 0.7, mode="wrap")
    bins = np.arange(len(power)) - len(power) // 2
    ring = np.rint(np.hypot(bins[:, None], bins)).astype(int)
    ring_median = ndimage.median(smooth, ring, np.arange(ring.max() + 1))
    # Every second bin is enough for a median over 17 bins, at a sixteenth of the cost.
    local = ndimage.median_filter(smooth[::2, ::2], 9, mode="wrap")
    local = local.repeat(2, axis=0).repeat(2, axis=1)[: len(power), : len(power)]
    background = np.maximum(ndimage.maximum_filter1d(ring_median, 5)[ring], local)
    return smooth / np.maximum(background, np.finfo(float).tiny)


def polar_maximum(power: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Power (radii, angles over half a turn) at radii in bins, the largest within the slack."""
    angles = np.deg2rad(np.arange(0, 180, ANGULAR_STEP))
    centre = len(power) // 2
    rows = np.rint(centre + radii[:, None] * np.sin(angles)).astype(int)
    columns = np.rint(centre + radii[:, None] * np.cos(angles)).astype(int)
    polar = ndimage.maximum_filter(power, 3)[rows, columns]
    slack = (2 * round(RADIAL_SLACK / RADIAL_STEP) + 1, 2 * round(ANGULAR_SLACK / ANGULAR_STEP) + 1)
    polar = ndimage.maximum_filter(polar, slack, mode=("nearest", "wrap"))
    return np.maximum(polar, np.finfo(float).tiny)


def locate(power: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, float]:
    """Sub-pixel x, y (bins from the centre) and height of the highest peak near the expected."""
    reach = 2 + RADIAL_SLACK * np.hypot(*expected)
    part, x, y = _window(power, expected, reach)
    distance = np.hypot(y[:, None] - expected[1], x - expected[0])
    row, column = np.unravel_index(np.where(distance <= reach, part, 0).argmax(), part.shape)
    height = part[row, column]
    peak = np.array([x[column], y[row]], dtype=float)
    # A centroid serves sharp and strained reflections alike; three rounds centre its aperture.
    for _ in range(3):
        part, x, y = _window(power, peak, 3)
        weight = np.where(np.hypot(y[:, None] - peak[1], x - peak[0]) <= 3, part - 1, 0)
        weight = np.maximum(weight, 0)
        if not weight.any():
            break
        peak = np.array([weight.sum(0) @ x, weight.sum(1) @ y]) / weight.sum()
    return peak, float(height)


def _window(
    power: np.ndarray, place: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The part of a spectrum within `reach` of x, y (bins from the centre), and its bins."""
    centre = len(power) // 2
    low = np.clip(np.floor(place - reach).astype(int) + centre, 0, len(power) - 1)
    high = np.clip(np.ceil(place + reach).astype(int) + centre + 1, 1, len(power))
    x, y = (np.arange(a, b) - centre for a, b in zip(low, high, strict=True))
    return power[low[1] : high[1], low[0] : high[0]], x, y


def _even_contrast(frame: np.ndarray, sigma: float) -> np.ndarray:
    """A frame without its background and with the same contrast everywhere; sigma in px."""
    if np.ptp(frame) <= 1e-6 * np.abs(frame).max():
        # What is left of a constant frame would be rounding errors.
        return np.zeros_like(frame)
    flat = frame - _blur(frame, sigma)
    contrast = np.sqrt(np.maximum(_blur(flat**2, 2 * sigma), 0))
    # Vacuum without noise has no contrast: keep its rounding errors from being amplified.
    return flat / np.maximum(contrast, 1e-3 * flat.std())


def _blur(frame: np.ndarray, sigma: float) -> np.ndarray:
    """Nearly Gaussian: two boxes, whose cost does not grow with sigma."""
    width = 2 * round(sigma * np.sqrt(6) / 2) + 1
    return ndimage.uniform_filter(ndimage.uniform_filter(frame, width), width)


def _window_starts(length: int, window: int) -> np.ndarray:
    """Starts of windows that cover a length and overlap by half or more."""
    count = int(np.ceil(2 * max(length - window, 0) / window)) + 1
    return np.linspace(0, max(length - window, 0), count).astype(int)
