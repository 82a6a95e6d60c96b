"""The noise of an image, from the image itself: its spectrum, by which it is made white again.

Counts are Poisson distributed, then the camera filters them. Dividing the image's spectrum by the
root of the noise's makes the noise white, and undoes what the camera did to signal and noise alike.
"""

import itertools
import math

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d

LOCAL_MEAN = 8.0  # Å, width of the window by which the illumination is taken out
SLOWEST = 15.0  # Å, periods that are counted as illumination
BIN = 0.05  # 1/Å
# Frequencies with less noise than this share of the strongest were never recorded.
RECORDED = 0.003
GUESS = (0.05, 0.5, 2.5)  # a usual MTF, eq. 5 of Madsen 2018
MEDIAN = math.log(2)  # of a squared Gaussian amplitude, in units of its mean


def in_local_units(image: np.ndarray, sampling: float) -> np.ndarray:
    """An image (ny, nx) divided by its local mean. Raises ValueError where that is not positive."""
    mean = gaussian_filter(image, LOCAL_MEAN / sampling, mode="mirror")
    if not (mean > 0).all():
        raise ValueError("the image's local mean must be positive: these are no intensities")
    return image / mean


def radii(shape: tuple[int, int], sampling: float) -> np.ndarray:
    """|k| (ny, nx), 1/Å, in FFT order."""
    ky, kx = (np.fft.fftfreq(n, sampling) for n in shape)
    return np.hypot(ky[:, None], kx)


def usual_spectrum(sampling: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and the noise's power there, of a usual camera with pixels like the image's."""
    k = np.arange(0, 0.5 * math.sqrt(2) / sampling + BIN, BIN)
    c1, c2, c3 = GUESS
    transfer = (1 - c1) / (1 + (k * 2 * sampling / (2 * c2)) ** c3) + c1
    return k, transfer**2


def residual_spectrum(
    residual: np.ndarray, weights: np.ndarray, sampling: float, taken: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Power of noise per pixel at frequencies (bins,) in 1/Å, from what a fit left.

    Parameters
    ----------
    residual, weights
        (ny, nx), and how much of each pixel counts, 0 to 1.
    sampling
        Å.
    taken
        (ny, nx), share of each coefficient's noise that the fit has taken up, in FFT order.

    The median over each ring of frequencies is not moved by reflections that the fit has missed.
    """
    window = np.sqrt(weights)
    power = np.abs(np.fft.fft2(window * residual)) ** 2 / weights.sum()
    power = power / np.clip(1 - taken, 0.1, 1)
    k = radii(residual.shape, sampling)
    ring = np.rint(k / BIN).astype(int).ravel()
    order = np.argsort(ring, kind="stable")
    bounds = np.searchsorted(ring[order], np.arange(ring.max() + 2))
    values = power.ravel()[order]
    found = np.array(
        [np.median(values[a:b]) if b > a else np.nan for a, b in itertools.pairwise(bounds)]
    )
    usable = np.flatnonzero(np.isfinite(found) & (np.arange(len(found)) * BIN > 2 / SLOWEST))
    logarithm = np.log(np.maximum(found[usable] / MEDIAN, 1e-30))
    everywhere = np.interp(np.arange(len(found)), usable, logarithm)
    smooth = gaussian_filter1d(everywhere, 1.0, mode="nearest")
    return np.arange(len(found)) * BIN, np.exp(smooth)


def noise_at(spectrum: tuple[np.ndarray, np.ndarray], k: np.ndarray) -> np.ndarray:
    """The power of the noise at frequencies `k` of any shape; from logarithms, interpolated."""
    return np.exp(np.interp(k, spectrum[0], np.log(spectrum[1])))


def band(
    shape: tuple[int, int],
    sampling: float,
    highest: float,
    spectrum: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Which frequencies count, 0 to 1 (ny, nx): neither illumination nor what was not recorded."""
    k = radii(shape, sampling)
    noise = noise_at(spectrum, k)
    slow = -np.expm1(-((k * SLOWEST / 2) ** 4))
    recorded = noise > RECORDED * noise.max()
    return slow * recorded / (1 + (k / highest) ** 16)


def whitened(
    image: np.ndarray, sampling: float, spectrum: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """An image (ny, nx), its spectrum divided by the root of the noise's relative to low k.

    The image is mirrored at its border.
    """
    pad = min(*image.shape, round(8 / sampling)) - 1
    padded = np.pad(image, pad, mode="reflect")
    k = radii(padded.shape, sampling)
    noise = noise_at(spectrum, k) / noise_at(spectrum, np.zeros(1))
    response = np.sqrt(np.maximum(noise, RECORDED))
    restored = np.fft.ifft2(np.fft.fft2(padded) / response).real
    return restored[pad:-pad, pad:-pad]
