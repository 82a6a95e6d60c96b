"""Images on a grid of another pixel size, without aliases and without wrapping round."""

from pathlib import Path

import numpy as np
from scipy import sparse

from latticework.datasets.hdf5 import PictureError
from latticework.materials import Material

# A larger picture, at the network's pixel, would take minutes and gigabytes for each frame.
MOST_PIXELS = 1e8


def check_pixels(
    shape: tuple[int, int], sampling: float, target: float, material: Material, path: Path
) -> None:
    """Raise PictureError for a picture that cannot show atoms, or would become too large.

    Parameters
    ----------
    shape
        (ny, nx).
    sampling, target
        Its pixel, and that at which a network reads it, Å.
    material
        What it should show.
    path
        Its file.
    """
    reflections = material.reflections
    spacing = reflections.spacing or 1 / min(
        np.hypot(*g) for zone in reflections.zone_axes.values() for g in zone
    )
    if sampling > 0.5 * spacing:
        raise PictureError(
            f"{path}: a pixel of {sampling:.3g} Å cannot show planes {spacing:.3g} Å apart, which "
            f"take at least two pixels: no atom of {material.name} shows in this image; if the "
            "pixel is wrong, give it with --pixel-size"
        )
    size = np.asarray(shape) * sampling / target
    if np.prod(size) > MOST_PIXELS:
        raise PictureError(
            f"{path}: at the network's pixel of {target:.3g} Å it would have {size[1]:.0f} × "
            f"{size[0]:.0f} px, more than {MOST_PIXELS:.0e}; crop it, or check its pixel size"
        )


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
