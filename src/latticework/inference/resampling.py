"""Images on a grid of another pixel size, without aliases and without wrapping round."""

import numpy as np
from scipy import sparse


def resample(image: np.ndarray, sampling: float, target: float) -> np.ndarray:
    """An image on a grid of another pixel size, without aliases.

    The centre of pixel 0 is at 0 Å and that of pixel i at i·sampling, before and after: a position
    in Å stays the same, and `to_source_px` is a plain factor. Each axis is interpolated by a sinc
    under a Kaiser window of 8 zero crossings, with its cut-off at the coarser of the two Nyquist
    frequencies. The image is mirrored at its borders, and the kernel is local, so that nothing
    wraps round as it would in a Fourier resampling.

    Parameters
    ----------
    image
        (..., ny, nx).
    sampling, target
        Pixel before and after, Å.

    Returns
    -------
    np.ndarray
        float32 (..., my, mx): the pixels whose centres lie within the source's outermost centres.

    Raises ValueError for a pixel size that is not positive.
    """
    if not (sampling > 0 and target > 0):
        raise ValueError(f"pixel sizes have to be positive, got {sampling} and {target} Å")
    image = np.asarray(image, dtype=np.float32)
    if np.isclose(sampling, target, rtol=1e-6):
        return image
    rows, columns = (_interpolation(n, target / sampling) for n in image.shape[-2:])
    planes = image.reshape(-1, *image.shape[-2:])
    resampled = np.stack([(columns @ (rows @ plane).T).T for plane in planes])
    return resampled.reshape(*image.shape[:-2], *resampled.shape[-2:]).astype(np.float32)


def to_source_px(positions: np.ndarray, sampling: float, target: float) -> np.ndarray:
    """Positions in pixels of an image resampled to `target`, in pixels of the source image."""
    return np.asarray(positions) * (target / sampling)


def _interpolation(length: int, step: float, crossings: int = 8) -> sparse.csr_array:
    """Matrix (outputs, length) that reads a line of samples at 0, step, 2·step, …"""
    count = int(np.floor((length - 1) / step + 1e-9)) + 1
    positions = step * np.arange(count)
    width = max(1.0, step)
    reach = int(np.ceil(crossings * width))
    taps = np.floor(positions)[:, None].astype(int) + np.arange(-reach, reach + 2)
    offset = (taps - positions[:, None]) / width
    window = np.i0(8.0 * np.sqrt(np.clip(1 - (offset / crossings) ** 2, 0, None)))
    weights = np.where(np.abs(offset) <= crossings, np.sinc(offset) * window, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    # Mirror about the outermost pixels' centres, as often as a short line needs it.
    period = max(2 * (length - 1), 1)
    folded = np.abs((taps + length - 1) % period - (length - 1))
    rows = np.repeat(np.arange(count), taps.shape[1])
    return sparse.csr_array(
        (weights.ravel().astype(np.float32), (rows, folded.ravel())), shape=(count, length)
    )
