"""How alike two maps of structure factors are (Munshi 2022, Table I)."""

import numpy as np
from skimage.metrics import structural_similarity

# px: half of the main lobe of a Hann window, and half a pixel.
LOBE = 2.5


def scaled_map(picture: np.ndarray) -> np.ndarray:
    """A map (n, n) over its maximum, negative values zero; all zero if nothing is positive."""
    positive = np.clip(np.asarray(picture, dtype=np.float64), 0, None)
    return positive / (positive.max() or 1.0)


def ssim(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Structural similarity of two maps (n, n), each scaled by `scaled_map`.

    Wang 2004 with its own parameters (Gaussian window of σ = 1.5 px and 11 px, K1 = 0.01,
    K2 = 0.03, population covariance): what TensorFlow, which the authors used, does by default.
    """
    return float(
        structural_similarity(
            scaled_map(predicted),
            scaled_map(truth),
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def direct_beam(truth: np.ndarray, centre: np.ndarray, step: float) -> np.ndarray:
    """A map (n, n) with nothing but what lies about the direct beam at `centre` (x, y) 1/Å.

    Its SSIM is what a map deserves that has no other peak: the floor of Table I.
    """
    q = (np.arange(len(truth)) - len(truth) // 2) * step
    near = np.hypot(q - centre[0], q[:, None] - centre[1]) <= LOBE * step
    return np.where(near, truth, 0)
