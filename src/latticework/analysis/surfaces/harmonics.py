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
