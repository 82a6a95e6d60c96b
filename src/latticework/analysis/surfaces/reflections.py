"""Reflections of a scanned image: narrow peaks of its spectrum, and how far they stand out.

Unlike `inference.spectrum`, which is made for many periods of a known lattice, this has to do with
fewer than three, and with the noise of a scan: lines that differ make a streak along y at every
frequency of the noise along x, and what stands out has to stand out of that streak as well.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.signal.windows import hann

PADDING = 2  # the spectrum is sampled so much finer than the image's own bins
LOWEST = 1.6  # bins; nearer to the centre a window's own spectrum lies
HIGHEST = 0.45  # cycles/px
# The background is a quartile, as in a superlattice's spectrum peaks may fill half of the plane.
QUARTILE, OF_EXPONENTIAL = 25, 0.2877
CLIP = 6.0  # robust standard deviations: an adsorbate is not to drown a lattice
SIGNIFICANT = 22.0  # power over background; noise of 1024² px reaches ln(1e6) = 14 once
MOST = 48


@dataclass(frozen=True)
class Reflections:
    """Peaks of an image's spectrum, one of each Friedel pair, the strongest first.

    Parameters
    ----------
    frequencies
        (n, 2), x and y in cycles/px.
    significance
        (n,), power over the background around it.
    amplitude
        (n,), of the wave in the image, in the image's unit.
    sigma
        (n,), standard deviation of a frequency per axis, cycles/px.
    """

    frequencies: np.ndarray
    significance: np.ndarray
    amplitude: np.ndarray
    sigma: np.ndarray


def tapered(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A levelled image without outliers and mean under a Hann window, and the window."""
    window = np.outer(*(hann(n, sym=False) for n in image.shape))
    clipped = np.clip(image, -CLIP, CLIP)
    return (clipped - np.average(clipped, weights=window + 1e-12)) * window, window


def spectrum(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Power of a levelled image, its background, and the frequencies x and y of their bins.

    The half-plane of y ≥ 0. The background is the largest of three: near a bin; along y through it,
    where the noise of lines is; and on its ring about the centre, where that of grains is.
    """
    values, _ = tapered(image)
    ny, nx = image.shape
    power = np.abs(np.fft.fftshift(np.fft.fft2(values, (PADDING * ny, PADDING * nx)))) ** 2
    fy = np.fft.fftshift(np.fft.fftfreq(PADDING * ny))
    fx = np.fft.fftshift(np.fft.fftfreq(PADDING * nx))
    # Every second bin holds all that is independent, at a quarter of the cost.
    coarse = power[::PADDING, ::PADDING]
    local = ndimage.percentile_filter(coarse, QUARTILE, footprint=_annulus(2.5, 7), mode="wrap")
    along = ndimage.percentile_filter(coarse, QUARTILE, size=(41, 1), mode="wrap")
    background = np.maximum.reduce([local, along, _around(coarse)]) / OF_EXPONENTIAL
    background = background.repeat(PADDING, 0).repeat(PADDING, 1)
    floor = 1e-9 * power.max() + np.finfo(float).tiny
    upper = fy >= 0
    return power[upper], np.maximum(background, floor)[upper], fx, fy[upper]


def find_reflections(image: np.ndarray, significant: float = SIGNIFICANT) -> Reflections:
    """Reflections of a levelled image (ny, nx) that stand out of the background."""
    power, background, fx, fy = spectrum(image)
    ny, nx = image.shape
    ratio = power / background
    bins = np.hypot(fx[None] * nx, fy[:, None] * ny)
    inside = (bins > LOWEST) & (np.hypot(fx[None], fy[:, None]) < HIGHEST)
    # Lines that are levelled one by one have no power left where x does not vary.
    inside &= np.abs(fx[None] * nx) > 0.75
    peaks = (power == ndimage.maximum_filter(power, 2 * PADDING + 1)) & inside
    peaks &= (ratio > significant) & ~((fy[:, None] == 0) & (fx[None] < 0))
    rows, columns = np.nonzero(peaks)
    order = np.argsort(ratio[rows, columns])[::-1][:MOST]
    rows, columns = rows[order], columns[order]
    found = np.array([_refined(power, r, c) for r, c in zip(rows, columns, strict=True)]).reshape(
        -1, 2
    )
    steps = np.array([fx[1] - fx[0], fy[1] - fy[0]])
    frequencies = np.stack([fx[columns], fy[rows]], axis=1) + found * steps
    strength = ratio[rows, columns]
    _, window = tapered(image)
    # A wave A·cos has the power (A/2 · sum of the window)².
    amplitude = 2 * np.sqrt(power[rows, columns]) / window.sum()
    # Cramér–Rao bound of a frequency under a Hann window, 1.2 times that without (√6/π/√S).
    sigma = 0.95 / np.sqrt(strength) / np.sqrt(nx * ny)
    return Reflections(frequencies, strength, amplitude, sigma)


def _around(power: np.ndarray) -> np.ndarray:
    """Quartile of a power spectrum on the ring of each bin."""
    ny, nx = power.shape
    y, x = (np.arange(n) - n // 2 for n in (ny, nx))
    ring = np.rint(np.hypot(y[:, None] / ny, x / nx) * min(ny, nx)).astype(int)
    order = np.lexsort((power.ravel(), ring.ravel()))
    count = np.bincount(ring.ravel())
    start = np.cumsum(count) - count
    quartile = power.ravel()[order][start + (count * QUARTILE) // 100]
    return quartile[ring]


def _annulus(inner: float, outer: float) -> np.ndarray:
    offsets = np.arange(-int(outer), int(outer) + 1)
    radius = np.hypot(offsets[:, None], offsets)
    return (radius >= inner) & (radius <= outer)


def _refined(power: np.ndarray, row: int, column: int) -> tuple[float, float]:
    """Offset x, y in bins of a maximum, by a parabola through the logarithms."""

    def vertex(before: float, at: float, after: float) -> float:
        before, at, after = np.log(np.maximum([before, at, after], 1e-300))
        curvature = before - 2 * at + after
        return float(np.clip(0.5 * (before - after) / curvature, -0.5, 0.5)) if curvature else 0.0

    nx = power.shape[1]
    x = vertex(power[row, (column - 1) % nx], power[row, column], power[row, (column + 1) % nx])
    if not 0 < row < len(power) - 1:
        return x, 0.0
    return x, vertex(power[row - 1, column], power[row, column], power[row + 1, column])
