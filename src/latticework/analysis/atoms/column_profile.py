"""The image of a column as a round function of the distance: a Gaussian, and terms that bend it.

A Gaussian is the image of a column only where the probe is one. Out of focus the transfer of the
probe falls otherwise; Laguerre polynomials of t = r²/2w², times the Gaussian, are in the spectrum
what a power series of the squared frequency is times a Gaussian. None of them changes the volume,
and the first, which is a change of the width, is left out.
"""

from dataclasses import dataclass

import numpy as np

# Terms beyond the Gaussian, and the prior standard deviation of their coefficients, which are in
# units of the Gaussian's height.
TERMS, COEFFICIENT = 4, 0.3
# A column's pixels are those within so many widths of it, without terms and with them.
REACH, REACH_OF_TERMS = 3.5, 5.0


@dataclass(frozen=True)
class Pixels:
    """The pixels of each column of a tile, all (pixels of all columns,).

    Parameters
    ----------
    pixel, column
        Number of the pixel of the tile, and of the column.
    dx, dy
        Offsets from the column, px.
    t
        r²/2w², of the distance r and the column's width w.
    """

    pixel: np.ndarray
    column: np.ndarray
    dx: np.ndarray
    dy: np.ndarray
    t: np.ndarray


def pixels_near(
    places: np.ndarray, width: np.ndarray, shape: tuple[int, int], reach: float
) -> Pixels:
    """Pixels of a tile (ny, nx) within `reach` widths (n,) px of each place (n, 2), x and y."""
    most = int(np.ceil(reach * width.max()))
    around = np.arange(-most, most + 1)
    centre = np.rint(places).astype(int)
    x = centre[:, 0, None, None] + around[None, None, :]
    y = centre[:, 1, None, None] + around[None, :, None]
    x, y = np.broadcast_arrays(x, y)
    dx, dy = x - places[:, 0, None, None], y - places[:, 1, None, None]
    square = dx**2 + dy**2
    near = square <= (reach * width[:, None, None]) ** 2
    near &= (x >= 0) & (y >= 0) & (x < shape[1]) & (y < shape[0])
    column = np.nonzero(near)[0]
    t = 0.5 * square[near] / width[column] ** 2
    return Pixels((y * shape[1] + x)[near], column, dx[near], dy[near], t)


def terms(t: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Laguerre polynomials 2 to count + 1 of t (n,) times exp(-t), (count, n), and their
    derivatives by t."""
    values, slopes = [np.ones_like(t), 1 - t], [np.zeros_like(t), -np.ones_like(t)]
    for k in range(1, count + 1):
        values.append(((2 * k + 1 - t) * values[k] - k * values[k - 1]) / (k + 1))
        slopes.append(((2 * k + 1 - t) * slopes[k] - values[k] - k * slopes[k - 1]) / (k + 1))
    value, slope = (np.array(kept[2:]).reshape(count, t.size) for kept in (values, slopes))
    fall = np.exp(-t)
    return fall * value, fall * (slope - value)


def profile(t: np.ndarray, coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns of unit Gaussians at t (n,), their derivatives by t, and the terms (count, n).

    `coefficients` (n, count) of each pixel's column.
    """
    bends, slopes = terms(t, coefficients.shape[1])
    fall = np.exp(-t)
    value = fall + np.sum(coefficients.T * bends, axis=0)
    return value, np.sum(coefficients.T * slopes, axis=0) - fall, bends
