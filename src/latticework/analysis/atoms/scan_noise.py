"""The noise of a scanned picture: how it grows with the mean, and along a line of the scan."""

import numpy as np
from scipy import linalg, sparse

# Draws of white noise that say how much of correlated noise the fit takes up, and how many of
# their standard deviations are significant.
DRAWS, SIGNIFICANT = 6, 2.5
# Of the range of the model: the least mean that the variance of the noise is computed for.
LEAST_MEAN = 0.02
# Pixels before a pixel on its line on which its noise may depend, and the least dependence that
# counts.
MEMORY, LEAST_MEMORY = 3, 0.05


def noise_of(model: np.ndarray, residual: np.ndarray) -> tuple[float, float]:
    """Variance of the noise at mean 0, and its increase with the mean (both ≥ 0): a, b.

    The squares of the residual against the model (pixels,), each weighed by its own error, which is
    the variance itself; in three rounds.
    """
    square = residual**2
    variance = np.full_like(model, max(square.mean(), np.finfo(float).tiny))
    for _ in range(3):
        weight = 1 / variance**2
        design = np.column_stack([np.ones_like(model), model])
        normal = design.T @ (design * weight[:, None])
        right = design.T @ (square * weight)
        a, b = np.linalg.lstsq(normal, right, rcond=None)[0]
        if b < 0:
            a, b = np.sum(square * weight) / np.sum(weight), 0.0
        elif a < 0:
            positive = np.maximum(model, 0)
            a, b = 0.0, np.sum(square * positive * weight) / np.sum(positive**2 * weight)
        variance = variance_of(model, (a, b))
    return float(a), float(b)


def variance_of(model: np.ndarray, noise: tuple[float, float]) -> np.ndarray:
    """Variance of the noise at each pixel of a model."""
    least = model.min() + LEAST_MEAN * np.ptp(model)
    variance = noise[0] + noise[1] * np.maximum(model, least)
    return np.maximum(variance, max(1e-6 * variance.max(), np.finfo(float).tiny))


def memory_of(noise: np.ndarray) -> tuple[np.ndarray, float]:
    """How much of the pixels before it, the nearest first, the noise of a pixel holds, and the
    share of its variance that is new (Yule-Walker).

    `noise` (ny, nx) of unit variance, along its lines. Zeros and 1 where it is white.
    """
    # Over the same number of pixels at every lag: only so is no share of smooth noise negative.
    products = np.array(
        [
            np.sum(noise[:, lag:] * noise[:, : noise.shape[1] - lag]) / noise.size
            for lag in range(MEMORY + 1)
        ]
    )
    held = linalg.solve_toeplitz(products[:MEMORY], products[1:])
    if np.abs(held).max() <= LEAST_MEMORY:
        return np.zeros(MEMORY), 1.0
    return held, float(1 - held @ products[1:] / products[0])


def whitening(variance: np.ndarray, memory: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    """The matrix (pixels, pixels) that makes noise white and of unit variance.

    `variance` (pixels,) of what is new in each pixel, and `memory` as `memory_of` gives it.
    """
    column = np.tile(np.arange(shape[1]), shape[0])
    weight = 1 / np.sqrt(variance)
    result = sparse.diags_array(weight)
    for lag, held in enumerate(memory, start=1):
        if held:
            part = -held * weight[:-lag] * (column[lag:] >= lag)
            result = result + sparse.diags_array(part, offsets=-lag)
    return sparse.csr_array(result)


def correlation_factor(
    residual: np.ndarray, jacobian: sparse.csr_array, covariance: np.ndarray, filters: np.ndarray
) -> np.ndarray:
    """How much wider than by white noise the errors of x and y (2,) are, at least 1.

    Noise that is correlated beyond what was whitened has more power at the frequencies of a
    column's derivative (`filters`) than elsewhere. The residual, whitened, shows how much, less
    what the fit took up: white noise from which the same fit has been taken is the measure.
    """
    rng = np.random.default_rng(0)
    shape = filters.shape[1], residual.size // filters.shape[1]
    # Columns that nobody found are at the border mostly, and are no noise.
    taper = np.outer(*(np.hanning(size + 2)[1:-1] for size in shape))

    def share(values: np.ndarray) -> np.ndarray:
        power = np.abs(np.fft.rfft2(values.reshape(shape) * taper)) ** 2
        return (filters * power).sum(axis=(1, 2)) / power.mean()

    drawn = []
    for _ in range(DRAWS):
        noise = rng.standard_normal(residual.size)
        drawn.append(share(noise - jacobian @ (covariance @ (jacobian.T @ noise))))
    white, found = np.mean(drawn, axis=0), share(residual)
    if not (white > 0).all():
        return np.ones(2)
    doubtful = found <= white + SIGNIFICANT * np.std(drawn, axis=0, ddof=1)
    return np.where(doubtful, 1.0, np.sqrt(np.maximum(found / white, 1.0)))
