"""Columns as Gaussians: a likelihood fit of all of them together, started from a network's atoms.

The image is the sum of a Gaussian for each column and a background that varies slowly; columns of a
class share a width, which is the probe's (De Backer 2016, StatSTEM), and a profile
(`column_profile`). Neighbours that overlap are fitted together, so that none draws another. The
noise is estimated as well, which makes the weighted fit the likelihood's: its variance is a + b ×
the mean, read-out and counting noise of whatever gain, and along a line of the scan, where pixels
follow each other, it may be correlated.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg, sparse

from latticework.analysis.atoms.column_profile import (
    COEFFICIENT,
    REACH,
    REACH_OF_TERMS,
    TERMS,
    Pixels,
    pixels_near,
    profile,
)
from latticework.analysis.atoms.scan_noise import (
    MEMORY,
    correlation_factor,
    memory_of,
    noise_of,
    variance_of,
    whitening,
)

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
        (n,), of the Gaussians, in units of the image.
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
class _State:
    """Columns (n, 3) of x, y, height; logarithms of the widths (groups,); coefficients of the
    profiles' terms (groups, terms), none at first; nodes of the background."""

    columns: np.ndarray
    widths: np.ndarray
    bends: np.ndarray
    background: np.ndarray

    def moved(self, step: np.ndarray) -> "_State":
        """After a step (parameters,), cut where it is too long to trust a linear model."""
        sizes = self.columns.size, self.widths.size, self.bends.size
        columns, widths, bends, background = np.split(step, np.cumsum(sizes))
        columns = columns.reshape(-1, 3).copy()
        most = MOST_SHIFT * np.exp(self.widths.min())
        columns[:, :2] = np.clip(columns[:, :2], -most, most)
        return _State(
            self.columns + columns,
            self.widths + np.clip(widths, -MOST_WIDTH, MOST_WIDTH),
            self.bends + bends.reshape(self.bends.shape),
            self.background + background,
        )

    def pixels(self, group: np.ndarray, shape: tuple[int, int]) -> Pixels:
        """The pixels of each column of a tile (ny, nx)."""
        reach = REACH_OF_TERMS if self.bends.size else REACH
        return pixels_near(self.columns[:, :2], np.exp(self.widths)[group], shape, reach)


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


def _image(
    state: _State, group: np.ndarray, basis: sparse.csr_array, shape: tuple[int, int]
) -> np.ndarray:
    """The model (pixels,)."""
    at = state.pixels(group, shape)
    value, _, _ = profile(at.t, state.bends[group[at.column]])
    heights = state.columns[at.column, 2]
    columns = np.bincount(at.pixel, heights * value, minlength=shape[0] * shape[1])
    return columns + basis @ state.background


def _jacobian(
    state: _State, group: np.ndarray, basis: sparse.csr_array, shape: tuple[int, int]
) -> sparse.csr_array:
    """Derivatives (pixels, parameters) of the model: x, y, height of each column; widths; terms;
    nodes."""
    at = state.pixels(group, shape)
    own_group = group[at.column]
    value, slope, bends = profile(at.t, state.bends[own_group])
    height, count, groups = state.columns[at.column, 2], len(state.columns), len(state.widths)
    moved = -height * slope * np.exp(-2 * state.widths)[own_group]
    data = [moved * at.dx, moved * at.dy, value, -2 * at.t * height * slope, *(height * bends)]
    first = 3 * count + groups + own_group * len(bends)
    place = [*(3 * at.column + n for n in range(3)), 3 * count + own_group]
    place += [first + n for n in range(len(bends))]
    own = sparse.csr_array(
        (np.concatenate(data), (np.tile(at.pixel, len(data)), np.concatenate(place))),
        shape=(shape[0] * shape[1], 3 * count + groups * (1 + len(bends))),
    )
    return sparse.csr_array(sparse.hstack([own, basis]))


def _descend(
    image: np.ndarray,
    state: _State,
    group: np.ndarray,
    basis: sparse.csr_array,
    white: sparse.csr_array,
    shape: tuple[int, int],
    prior: tuple[np.ndarray, float],
    small: float,
) -> _State:
    """Levenberg-Marquardt steps from a state to the least square of the whitened residual.

    `image` (pixels,); `white` as `whitening` gives it; `prior`: where columns start (n, 2), and how
    sure that is (1 / px²).
    """
    places, sure = prior
    bends = 3 * len(places) + len(state.widths) + np.arange(state.bends.size)
    held = np.zeros(bends.size + 3 * len(places) + len(state.widths))
    held[: 3 * len(places)] = np.tile([sure, sure, 0.0], len(places))
    held[bends] = COEFFICIENT**-2
    known = np.arange(len(held))

    def off(state: _State) -> np.ndarray:
        """How far the held parameters are from where the prior has them."""
        columns = state.columns - np.pad(places, ((0, 0), (0, 1)))
        return np.concatenate([columns.ravel(), np.zeros(len(state.widths)), state.bends.ravel()])

    damping = 1e-3
    residual = white @ (image - _image(state, group, basis, shape))
    cost = np.sum(residual**2) + held @ off(state) ** 2
    for _ in range(STEPS):
        jacobian = white @ _jacobian(state, group, basis, shape)
        normal = (jacobian.T @ jacobian).toarray()
        right = jacobian.T @ residual
        normal[known, known] += held
        right[known] -= held * off(state)
        scale = np.diag(normal).copy()
        scale[scale <= 0] = 1.0
        for _ in range(8):
            damped = normal + np.diag(damping * scale)
            step = linalg.solve(damped, right, assume_a="sym", check_finite=False)
            tried = state.moved(step)
            left = white @ (image - _image(tried, group, basis, shape))
            new = np.sum(left**2) + held @ off(tried) ** 2
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
        noise, variance, memory = _noise(flat, _image(state, group, basis, shape), shape)
    # Gaussians are bent only where the picture says so (the Bayesian information criterion): in
    # a noisy one the terms would take up noise.
    white = whitening(variance, memory, shape)
    bent = replace(state, bends=np.zeros((len(state.widths), TERMS)))
    bent = _descend(flat, bent, group, basis, white, shape, prior, ROUNDS[-1])
    left = [np.sum((white @ (flat - _image(s, group, basis, shape))) ** 2) for s in (state, bent)]
    if left[0] - left[1] > bent.bends.size * np.log(flat.size):
        noise, variance, memory = _noise(flat, _image(bent, group, basis, shape), shape)
        white = whitening(variance, memory, shape)
        state = _descend(flat, bent, group, basis, white, shape, prior, ROUNDS[-1])
    return _with_errors(flat, state, group, basis, (variance, memory), shape, noise)


def _noise(
    image: np.ndarray, model: np.ndarray, shape: tuple[int, int]
) -> tuple[tuple[float, float], np.ndarray, np.ndarray]:
    """As `ColumnFit` has it, the variance of what is new in each pixel (pixels,), and the memory:
    of the noise of an image of which there is a model (pixels,)."""
    noise = noise_of(model, image - model)
    variance = variance_of(model, noise)
    memory, new = memory_of(((image - model) / np.sqrt(variance)).reshape(shape))
    return noise, new * variance, memory


def _first_state(
    image: np.ndarray,
    positions: np.ndarray,
    group: np.ndarray,
    basis: sparse.csr_array,
    shape: tuple[int, int],
    nearest: float,
) -> _State:
    """The width, of a few, with which heights and a background alone leave the least residual."""
    best, chosen = np.inf, None
    count, groups = len(positions), int(group.max()) + 1
    for share in FIRST_WIDTHS:
        columns = np.column_stack([positions, np.ones(count)])
        widths = np.full(groups, np.log(max(share * nearest, 0.5)))
        state = _State(columns, widths, np.zeros((groups, 0)), np.zeros(basis.shape[1]))
        at = state.pixels(group, shape)
        gaussians = np.exp(-at.t), (at.pixel, at.column)
        heights = sparse.csr_array(gaussians, shape=(image.size, count))
        design = sparse.csr_array(sparse.hstack([heights, basis]))
        normal = (design.T @ design).toarray()
        normal[np.diag_indices_from(normal)] += 1e-6 * max(np.diag(normal).max(), 1e-30)
        found = linalg.solve(normal, design.T @ image, assume_a="pos", check_finite=False)
        left = np.sum((image - design @ found) ** 2)
        if left < best:
            columns = np.column_stack([positions, found[:count]])
            best, chosen = left, _State(columns, widths, state.bends, found[count:])
    return chosen


def _with_errors(
    image: np.ndarray,
    state: _State,
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
    model = _image(state, group, basis, shape)
    jacobian = white @ _jacobian(state, group, basis, shape)
    normal = (jacobian.T @ jacobian).toarray()
    bends = 3 * count + groups + np.arange(state.bends.size)
    normal[bends, bends] += COEFFICIENT**-2
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
