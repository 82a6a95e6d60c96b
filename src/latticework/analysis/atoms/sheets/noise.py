"""The noise of an image, from the image itself: its spectrum, by which it is made white again.

Counts are Poisson distributed, then the camera filters them. Dividing the image's spectrum by the
root of the noise's makes the noise white, and undoes what the camera did to signal and noise alike.
"""

import math

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from scipy.optimize import least_squares

LOCAL_MEAN = 8.0  # Å, width of the window by which the illumination is taken out
SLOWEST = 15.0  # Å, periods that are counted as illumination
BIN = 0.05  # 1/Å
FEWEST = 8  # coefficients in a ring of frequencies
DEVIATION = 0.15  # 1/Å, over which deviations from a camera's usual noise are smoothed
LOWEST = 0.35  # 1/Å: below, what illumination and the sheet's border leave is no noise
# Frequencies with less noise than this share of the strongest were never recorded.
RECORDED = 0.003
# An image that was interpolated holds nothing beyond its camera's Nyquist frequency: rings with
# less than this share of the strongest are there. They are given a power that is not recorded.
NOTHING_LEFT, UNSEEN = 1e-5, 1e-4
# 1/Å: less shows no atoms, and no noise beside the reflections.
LEAST_RECORDED = 0.6
# The camera's frequencies are a square. Half of a ring is within it where its radius is so much
# larger than half the square's side.
HALF_WITHIN = 1 / math.cos(math.pi / 8)
GUESS = (0.05, 0.5, 2.5)  # a usual MTF, eq. 5 of Madsen 2018
# Mean and spread of what cameras have of c1, c2 and c3; c2 in the image's pixels, not the camera's.
CAMERAS = np.array([0.05, 0.5, 2.5]), np.array([0.05, 0.25, 0.4])
# Beyond these a curve through what a fit leaves at 0.4 1/Å rises to anything towards zero.
LEAST, MOST = (0.0, 0.2, 1.5), (0.3, 5.0, 4.0)
UNEVEN = 0.05  # error of a ring's power that does not fall with its coefficients
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


def camera_spectrum(sampling: float, pixel: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies of an image, 1/Å, and its noise's power there: a usual camera's of a pixel, Å."""
    k = np.arange(0, 0.5 * math.sqrt(2) / sampling + BIN, BIN)
    return k, _transfer(k * 2 * pixel, *GUESS) ** 2


def recorded_up_to(image: np.ndarray, sampling: float) -> float:
    """The frequency, 1/Å, up to which an image (ny, nx) holds anything.

    Infinite, unless it was interpolated from coarser pixels: then their Nyquist frequency.
    """
    window = np.outer(*(np.hanning(n) for n in image.shape))
    power = np.abs(np.fft.fft2(window * (image - image.mean()))) ** 2
    median = np.array([np.median(values) for values in by_ring(power, sampling) if len(values)])
    last = np.flatnonzero(median >= NOTHING_LEFT * median.max())[-1]
    if last == len(median) - 1:
        return math.inf
    return max(float(last * BIN / HALF_WITHIN), LEAST_RECORDED)


def by_ring(values: np.ndarray, sampling: float) -> list[np.ndarray]:
    """Values (ny, nx), in FFT order, of each ring of frequencies, from zero on."""
    ring = np.rint(radii(values.shape, sampling) / BIN).astype(int).ravel()
    order = np.argsort(ring, kind="stable")
    return np.split(
        values.ravel()[order], np.searchsorted(ring[order], np.arange(1, ring.max() + 1))
    )


def _transfer(q: np.ndarray, c1: float, c2: float, c3: float) -> np.ndarray:
    """Eq. 5 of Madsen 2018, q in units of the Nyquist frequency."""
    return (1 - c1) / (1 + (q / (2 * c2)) ** c3) + c1


def residual_spectrum(
    residual: np.ndarray,
    weights: np.ndarray,
    sampling: float,
    taken: np.ndarray,
    last: float = math.inf,
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
    last
        The frequency, 1/Å, up to which the image holds anything.

    The median over each ring of frequencies is not moved by reflections that the fit has missed.
    """
    window = np.sqrt(weights)
    power = np.abs(np.fft.fft2(window * residual)) ** 2 / weights.sum()
    power = power / np.clip(1 - taken, 0.1, 1)
    rings = by_ring(power, sampling)
    found = np.array([np.median(values) if len(values) else np.nan for values in rings])
    count = np.array([len(values) for values in rings])
    middle = np.arange(len(found)) * BIN
    usable = np.isfinite(found) & (middle > LOWEST) & (count > FEWEST) & (middle < last)
    logarithm = np.log(np.maximum(found[usable] / MEDIAN, 1e-30))
    spectrum = np.exp(smoothed(middle, middle[usable], logarithm, count[usable], sampling))
    return middle, np.where(middle < last, spectrum, UNSEEN * spectrum.max())


def smoothed(
    k: np.ndarray, known: np.ndarray, logarithm: np.ndarray, count: np.ndarray, sampling: float
) -> np.ndarray:
    """Logarithm of the noise's power at `k`, from its values at `known` frequencies.

    They come from `count` coefficients each. The MTF of a camera (eq. 5) is fitted to them, which
    says what the power is at low frequencies; deviations from it are smoothed and kept.
    """
    root = (1 / count + UNEVEN**2) ** -0.5

    def camera(values: np.ndarray, at: np.ndarray) -> np.ndarray:
        return values[0] + 2 * np.log(_transfer(at * 2 * sampling, *values[1:]))

    def misfit(values: np.ndarray) -> np.ndarray:
        usual = (values[1:] - CAMERAS[0]) / CAMERAS[1]
        return np.concatenate([root * (camera(values, known) - logarithm), usual])

    fit = least_squares(
        misfit,
        (np.median(logarithm) + 1, *GUESS),
        bounds=([-np.inf, *LEAST], [np.inf, *MOST]),
    )
    deviation = np.interp(k, known, logarithm - camera(fit.x, known))
    weights = np.interp(k, known, count)
    smooth = gaussian_filter1d(deviation * weights, DEVIATION / BIN, mode="nearest")
    smooth /= gaussian_filter1d(weights, DEVIATION / BIN, mode="nearest")
    return camera(fit.x, k) + smooth * np.clip(k / LOWEST - 1, 0, 1)


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
