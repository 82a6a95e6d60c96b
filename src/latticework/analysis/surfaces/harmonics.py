"""Few periods: a lattice by a fit of waves to the image itself.

Where an image holds some four periods, reflections lie so near to each other and to the background
that each pulls at its neighbours, and the lattice comes out some per cent wrong. A fit of all waves
together with a smooth background knows of that.
"""

import numpy as np
from scipy import ndimage
from scipy.optimize import minimize

MOST_PIXELS = 72  # along the longer side, of the image that is fitted
MOST_WAVES = 12
CLIP = 3.0  # robust standard deviations
TRIALS = 160
FINE_PIXELS = 160  # along the longer side, where waves are as long as that
PARTS = 6  # along either side of the image, whose fits tell the errors
ROUNDS, FURTHEST = 3, 0.03  # of the fit, and its largest step, relative


def refined(image: np.ndarray, vectors: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Vectors (2, 2) in px of the lattice whose waves explain a levelled image best.

    Parameters
    ----------
    vectors
        Rows a, b of the lattice as it is known, px.
    indices
        (n, 2), of the waves, the strongest first; at most `MOST_WAVES` are used.
    """
    step = max(1, max(image.shape) // MOST_PIXELS)
    smooth = ndimage.uniform_filter(np.clip(image, -CLIP, CLIP), step)
    values = smooth[step // 2 :: step, step // 2 :: step]
    y, x = (
        step * axis.ravel() + step // 2 for axis in np.mgrid[: values.shape[0], : values.shape[1]]
    )
    u, v = 2 * x / image.shape[1] - 1, 2 * y / image.shape[0] - 1
    background = np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=1)
    waves = indices[:MOST_WAVES]

    def left(flat: np.ndarray) -> float:
        reciprocal = np.linalg.inv(flat.reshape(2, 2)).T
        phase = 2 * np.pi * np.stack([x, y], axis=1) @ (waves @ reciprocal).T
        design = np.concatenate([background, np.cos(phase), np.sin(phase)], axis=1)
        normal = design.T @ design + 1e-6 * len(u) * np.eye(design.shape[1])
        known = design.T @ values.ravel()
        return float(values.ravel() @ values.ravel() - known @ np.linalg.solve(normal, known))

    start = vectors.ravel()
    size = 0.03 * np.linalg.norm(vectors, axis=1).mean()
    simplex = np.concatenate([start[None], start + size * np.eye(4)])
    options = {"initial_simplex": simplex, "maxfev": TRIALS, "xatol": 0.005 * size, "fatol": 0}
    found = minimize(left, start, method="Nelder-Mead", options=options)
    return found.x.reshape(2, 2) if found.fun < left(start) else vectors


def fitted(
    image: np.ndarray, vectors: np.ndarray, indices: np.ndarray, taper: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (2, 2) of a lattice by least squares of its waves, and the covariance (4, 4) of
    their components, from parts of the image; px.

    A scan's lines jitter, and its lattice creeps: what the phases are off is not independent from
    pixel to pixel, and an error that rests on the noise of pixels is too small. So the fit is
    repeated without each row of parts, each column, and each part (the jackknife); V = V_rows +
    V_columns − V_parts is the variance where errors go along either axis (Cameron, Gelbach & Miller
    2011).

    Parameters
    ----------
    vectors
        Rows a, b of a lattice that is nearly right, px.
    indices
        (n, 2), of its waves, the strongest first; at most `MOST_WAVES` are used.
    taper
        Whether pixels count less towards the border, where a scan that bends is furthest off.
    """
    ny, nx = image.shape
    waves = indices[:MOST_WAVES]
    shortest = 1 / np.abs(waves @ np.linalg.inv(vectors).T).max()
    step = max(1, min(int(shortest / 4), max(image.shape) // FINE_PIXELS))
    values = ndimage.uniform_filter(np.clip(image, -CLIP, CLIP), step)
    values = values[step // 2 :: step, step // 2 :: step]
    y, x = (step * axis.ravel() + step // 2 for axis in np.mgrid[tuple(map(slice, values.shape))])
    part = (y * PARTS // ny) * PARTS + x * PARTS // nx
    weights = np.sin(np.pi * (x + 0.5) / nx) ** 2 * np.sin(np.pi * (y + 0.5) / ny) ** 2
    weights = weights if taper else np.ones_like(weights)
    off = np.stack([x - (nx - 1) / 2, y - (ny - 1) / 2], axis=1)
    u, v = 2 * off.T / [[nx], [ny]]
    smooth = np.stack([u**i * v**j for i in range(4) for j in range(4 - i)], axis=1)
    values, last = values.ravel(), vectors
    for _ in range(ROUNDS):
        reciprocal = np.linalg.inv(last).T
        design = _linear(off, smooth, waves, reciprocal, values, weights)
        change = _solved(design.T @ (design * weights[:, None]), design.T @ (weights * values))
        new = np.linalg.inv(reciprocal + change).T
        if np.linalg.norm(new - last) > FURTHEST * np.linalg.norm(last):
            break
        last = new
    reciprocal = np.linalg.inv(last).T
    design = _linear(off, smooth, waves, reciprocal, values, weights)
    normal = np.zeros((PARTS**2, design.shape[1], design.shape[1]))
    known = np.zeros(normal.shape[:2])
    for number in range(PARTS**2):
        own = part == number
        weighted = design[own] * weights[own, None]
        normal[number], known[number] = design[own].T @ weighted, weighted.T @ values[own]
    total, right = normal.sum(axis=0), known.sum(axis=0)

    def variance(groups: np.ndarray) -> np.ndarray:
        # δA = −A·δGᵀ·A for A = G⁻ᵀ.
        without = np.array(
            [
                -last
                @ _solved(total - normal[g].sum(axis=0), right - known[g].sum(axis=0)).T
                @ last
                for g in groups
            ]
        ).reshape(len(groups), 4)
        rest = without - without.mean(axis=0)
        return (len(groups) - 1) / len(groups) * rest.T @ rest

    numbers = np.arange(PARTS**2).reshape(PARTS, PARTS)
    rows, columns = variance(numbers), variance(numbers.T)
    both = rows + columns - variance(numbers.reshape(-1, 1))
    # A difference of estimates may come out smaller than either; then the larger one is kept.
    least = max((rows, columns), key=np.trace)
    return last, both if np.linalg.eigvalsh(both - 0.5 * least).min() > 0 else least


def _linear(
    off: np.ndarray,
    smooth: np.ndarray,
    waves: np.ndarray,
    reciprocal: np.ndarray,
    values: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray:
    """Columns (pixels, terms) of a background, waves, and, last, of the four components of the
    reciprocal vectors, by which the waves change."""
    phase = 2 * np.pi * off @ (waves @ reciprocal).T
    cos, sin = np.cos(phase), np.sin(phase)
    design = np.concatenate([smooth, cos, sin], axis=1)
    normal = design.T @ (design * weights[:, None])
    normal += 1e-9 * np.trace(normal) / len(normal) * np.eye(len(normal))
    found = np.linalg.solve(normal, design.T @ (weights * values))[smooth.shape[1] :]
    turned = cos * found[len(waves) :] - sin * found[: len(waves)]
    change = [2 * np.pi * (turned @ waves[:, row]) * axis for row in (0, 1) for axis in off.T]
    return np.concatenate([design, np.stack(change, axis=1)], axis=1)


def _solved(normal: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The last four unknowns (2, 2) of normal equations."""
    scale = np.sqrt(np.diag(normal))
    scale[scale == 0] = 1
    scaled = normal / scale / scale[:, None] + 1e-9 * np.eye(len(normal))
    return (np.linalg.solve(scaled, known / scale) / scale)[-4:].reshape(2, 2)
