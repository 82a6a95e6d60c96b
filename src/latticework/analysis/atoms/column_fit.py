"""Columns as Gaussians: a likelihood fit of all of them together, started from a network's atoms.

The image is the sum of a Gaussian for each column and a background that varies slowly; columns of a
class share a width, which is the probe's (De Backer 2016, StatSTEM). Neighbours that overlap are
fitted together, so that none draws another. The noise is estimated as well, which makes the
weighted fit the likelihood's: its variance is a + b × the mean, read-out and counting noise of
whatever gain, and along a line of the scan, where pixels follow each other, it may be correlated.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from latticework.analysis.atoms.scan_noise import (
    MEMORY,
    correlation_factor,
    memory_of,
    noise_of,
    variance_of,
    whitening,
)

# px: a column's pixels are those within so many widths of it.
REACH = 3.5
# Most steps of a round. A round ends when a step takes off less than this share of the weighted
# square of the residual; before each but the first the noise is estimated anew.
STEPS, ROUNDS = 30, (1e-4, 1e-6, 1e-7)
# How far off a start may be, as a share of the distance to the nearest column (one standard
# deviation): it holds what has too few pixels in a tile to be found, and nothing else.
START = 0.25
# Largest step of a position, in widths, and of the logarithm of a width.
MOST_SHIFT, MOST_WIDTH = 0.4, 0.2
# Widths to start from, as shares of the distance to the nearest column.
FIRST_WIDTHS = (0.15, 0.22, 0.32, 0.45)


@dataclass(frozen=True)
class ColumnFit:
    """Gaussian columns fitted to a tile.

    Parameters
    ----------
    positions, sigma
        (n, 2), x and y in px of the tile, and their standard deviations.
    heights, sigma_heights
        (n,), in units of the image.
    widths, sigma_widths
        (groups,), standard deviation of the Gaussian of each group of columns, px.
    model
        (ny, nx), fitted image.
    noise
        Variance of the noise at mean 0, and its increase with the mean: a, b.
    memory
        (3,), how much of each of the pixels before it on its line the noise of a pixel holds.
    correlation
        (2,), how much any other correlation of the residual widens the errors of x and y.
    """

    positions: np.ndarray
    sigma: np.ndarray
    heights: np.ndarray
    sigma_heights: np.ndarray
    widths: np.ndarray
    sigma_widths: np.ndarray
    model: np.ndarray
    noise: tuple[float, float]
    memory: np.ndarray
    correlation: np.ndarray


@dataclass
class State:
    """Columns (n, 3) of x, y, height; logarithms of the widths; nodes of the background."""

    columns: np.ndarray
    widths: np.ndarray
    background: np.ndarray

    def moved(self, step: np.ndarray) -> "State":
        """After a step (parameters,), cut where it is too long to trust a linear model."""
        count, groups = self.columns.size, len(self.widths)
        columns = step[:count].reshape(-1, 3).copy()
        most = MOST_SHIFT * np.exp(self.widths.min())
        columns[:, :2] = np.clip(columns[:, :2], -most, most)
        widths = np.clip(step[count : count + groups], -MOST_WIDTH, MOST_WIDTH)
        return State(
            self.columns + columns, self.widths + widths, self.background + step[count + groups :]
        )


def background_basis(shape: tuple[int, int], spacing: float) -> sparse.csr_array:
    """Bilinear functions (pixels, nodes) on a grid of nodes nearly `spacing` px apart."""
    axes = []
    for size in shape:
        nodes = max(round(size / spacing), 0) + 1
        place = np.arange(size) / max(size - 1, 1) * (nodes - 1)
        low = np.minimum(place.astype(int), max(nodes - 2, 0))
        part = place - low
        rows = np.arange(size)
        high = np.minimum(low + 1, nodes - 1)
        entries = (
            np.concatenate([1 - part, part]),
            (np.tile(rows, 2), np.concatenate([low, high])),
        )
        axes.append(sparse.csr_array(entries, shape=(size, nodes)))
    return sparse.csr_array(sparse.kron(*axes))


def _gaussians(
    state: State, group: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The pixels of each column, its number, the offsets from it, and its unit Gaussian there.

    All (pixels of all columns,): pixel, column, x and y in px from the column, Gaussian.
    """
    width = np.exp(state.widths)[group]
    reach = int(np.ceil(REACH * width.max()))
    around = np.arange(-reach, reach + 1)
    centre = np.rint(state.columns[:, :2]).astype(int)
    x = centre[:, 0, None, None] + around[None, None, :]
    y = centre[:, 1, None, None] + around[None, :, None]
    x, y = np.broadcast_arrays(x, y)
    dx, dy = x - state.columns[:, 0, None, None], y - state.columns[:, 1, None, None]
    square = dx**2 + dy**2
    near = square <= (REACH * width[:, None, None]) ** 2
    near &= (x >= 0) & (y >= 0) & (x < shape[1]) & (y < shape[0])
    column = np.nonzero(near)[0]
    value = np.exp(-0.5 * square[near] / width[column] ** 2)
    return (y * shape[1] + x)[near], column, dx[near], dy[near], value


def model_of(
    state: State, group: np.ndarray, basis: sparse.csr_array, shape: tuple[int, int]
) -> np.ndarray:
    """The model (pixels,)."""
    pixel, column, _, _, value = _gaussians(state, group, shape)
    columns = np.bincount(pixel, state.columns[column, 2] * value, minlength=shape[0] * shape[1])
    return columns + basis @ state.background


def jacobian_of(
    state: State, group: np.ndarray, basis: sparse.csr_array, shape: tuple[int, int]
) -> sparse.csr_array:
    """Derivatives (pixels, parameters) of the model: x, y, height of each column; widths; nodes."""
    pixel, column, dx, dy, value = _gaussians(state, group, shape)
    height, count = state.columns[:, 2], len(state.columns)
    square = np.exp(-2 * state.widths)[group][column]
    slope = height[column] * value * square
    data = [slope * dx, slope * dy, value, slope * (dx**2 + dy**2)]
    place = [3 * column, 3 * column + 1, 3 * column + 2, 3 * count + group[column]]
    own = sparse.csr_array(
        (np.concatenate(data), (np.tile(pixel, 4), np.concatenate(place))),
        shape=(shape[0] * shape[1], 3 * count + len(state.widths)),
    )
    return sparse.csr_array(sparse.hstack([own, basis]))


def _descend(
    image: np.ndarray,
    state: State,
    group: np.ndarray,
    basis: sparse.csr_array,
    white: sparse.csr_array,
    shape: tuple[int, int],
    prior: tuple[np.ndarray, float],
    small: float,
) -> State:
    """Levenberg-Marquardt steps from a state to the least square of the whitened residual.

    `image` (pixels,); `white` as `whitening` gives it; `prior`: where columns start (n, 2), and how
    sure that is (1 / px²).
    """
    places, sure = prior
    count = 3 * len(places)
    held = np.tile([sure, sure, 0.0], len(places))
    damping = 1e-3
    residual = white @ (image - model_of(state, group, basis, shape))
    cost = np.sum(residual**2) + sure * np.sum((state.columns[:, :2] - places) ** 2)
    for _ in range(STEPS):
        jacobian = white @ jacobian_of(state, group, basis, shape)
        normal = (jacobian.T @ jacobian).toarray()
        right = jacobian.T @ residual
        normal[np.arange(count), np.arange(count)] += held
        right[:count] -= held * (state.columns - np.pad(places, ((0, 0), (0, 1)))).ravel()
        scale = np.diag(normal).copy()
        scale[scale <= 0] = 1.0
        for _ in range(8):
            damped = normal + np.diag(damping * scale)
            step = linalg.solve(damped, right, assume_a="sym", check_finite=False)
            tried = state.moved(step)
            left = white @ (image - model_of(tried, group, basis, shape))
            new = np.sum(left**2) + sure * np.sum((tried.columns[:, :2] - places) ** 2)
            if np.isfinite(new) and new <= cost:
                break
            damping *= 10
        else:
            return state
        less = cost - new
        state, residual, cost, damping = tried, left, new, damping / 10
        if less <= small * cost:
            break
    return state


def fit_columns(
    image: np.ndarray, positions: np.ndarray, group: np.ndarray, *, nearest: float, smooth: float
) -> ColumnFit:
    """Fit a Gaussian to every column of a tile, together with the background and the noise.

    Parameters
    ----------
    image
        (ny, nx), of any scale.
    positions
        (n ≥ 1, 2), x and y in px where columns are to be found; they may lie a little outside.
    group
        (n,), number of the group, from 0, with which each column shares its width.
    nearest
        Usual distance of a column from the nearest one, px.
    smooth
        Distance of the nodes of the background, px; infinite for a constant.
    """
    shape, flat = image.shape, image.ravel().astype(float)
    basis = background_basis(shape, smooth)
    state = _first_state(flat, np.asarray(positions, dtype=float), group, basis, shape, nearest)
    variance, memory = np.full(flat.size, max(flat.var(), np.finfo(float).tiny)), np.zeros(MEMORY)
    prior = np.asarray(positions, dtype=float), (START * nearest) ** -2
    noise = (0.0, 0.0)
    for small in ROUNDS:
        white = whitening(variance, memory, shape)
        state = _descend(flat, state, group, basis, white, shape, prior, small)
        model = model_of(state, group, basis, shape)
        noise = noise_of(model, flat - model)
        variance = variance_of(model, noise)
        memory, new = memory_of(((flat - model) / np.sqrt(variance)).reshape(shape))
        variance = new * variance
    return _with_errors(flat, state, group, basis, (variance, memory), shape, noise)


def _first_state(
    image: np.ndarray,
    positions: np.ndarray,
    group: np.ndarray,
    basis: sparse.csr_array,
    shape: tuple[int, int],
    nearest: float,
) -> State:
    """The width, of a few, with which heights and a background alone leave the least residual."""
    best, chosen = np.inf, None
    count, groups = len(positions), int(group.max()) + 1
    for share in FIRST_WIDTHS:
        columns = np.column_stack([positions, np.ones(count)])
        widths = np.full(groups, np.log(max(share * nearest, 0.5)))
        state = State(columns, widths, np.zeros(basis.shape[1]))
        pixel, column, _, _, value = _gaussians(state, group, shape)
        heights = sparse.csr_array((value, (pixel, column)), shape=(image.size, count))
        design = sparse.csr_array(sparse.hstack([heights, basis]))
        normal = (design.T @ design).toarray()
        normal[np.diag_indices_from(normal)] += 1e-6 * max(np.diag(normal).max(), 1e-30)
        found = linalg.solve(normal, design.T @ image, assume_a="pos", check_finite=False)
        left = np.sum((image - design @ found) ** 2)
        if left < best:
            columns = np.column_stack([positions, found[:count]])
            best, chosen = left, State(columns, widths, found[count:])
    return chosen


def _with_errors(
    image: np.ndarray,
    state: State,
    group: np.ndarray,
    basis: sparse.csr_array,
    spread: tuple[np.ndarray, np.ndarray],
    shape: tuple[int, int],
    noise: tuple[float, float],
) -> ColumnFit:
    """The fit with the errors that the curvature of its likelihood gives.

    `spread`: variance (pixels,) and memory of the noise.
    """
    count, groups = len(state.columns), len(state.widths)
    white = whitening(*spread, shape)
    model = model_of(state, group, basis, shape)
    jacobian = white @ jacobian_of(state, group, basis, shape)
    normal = (jacobian.T @ jacobian).toarray()
    scale = np.sqrt(np.maximum(np.diag(normal), np.finfo(float).tiny))
    covariance = linalg.pinvh(normal / np.outer(scale, scale)) / np.outer(scale, scale)
    variance = np.maximum(np.diag(covariance), 0)
    columns = np.sqrt(variance[: 3 * count]).reshape(-1, 3)
    widths = np.exp(state.widths)
    filters = _derivative_spectra(np.median(widths), spread[1], shape)
    factor = correlation_factor(white @ (image - model), jacobian, covariance, filters)
    return ColumnFit(
        positions=state.columns[:, :2],
        sigma=columns[:, :2] * factor,
        heights=state.columns[:, 2],
        sigma_heights=columns[:, 2] * factor.mean(),
        widths=widths,
        sigma_widths=widths * np.sqrt(variance[3 * count : 3 * count + groups]),
        model=model.reshape(shape),
        noise=noise,
        memory=spread[1],
        correlation=factor,
    )


def _derivative_spectra(width: float, memory: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Power spectra (2, ny, nx // 2 + 1) of a whitened column's derivatives by x and y.

    `width` in px; `memory` of the noise along the lines.
    """
    ky, kx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
    envelope = np.exp(-((2 * np.pi * width) ** 2) * (kx**2 + ky**2))
    lags = np.arange(1, MEMORY + 1)[:, None]
    passed = np.abs(1 - memory @ np.exp(-2j * np.pi * kx * lags)) ** 2
    return np.stack([kx**2 * envelope * passed, ky**2 * envelope * passed])
