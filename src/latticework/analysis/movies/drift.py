"""Drift of a movie, frame by frame, to a fraction of a pixel (scikit-image's phase correlation)."""

import numpy as np
from scipy import ndimage
from scipy.signal.windows import tukey
from skimage.registration import phase_cross_correlation

UPSAMPLING = 20
# Weight of the newest frame in the reference; the first frames count more.
MEMORY = 0.05
ROUNDS = 2


class DriftTracker:
    """Shift of each frame against the running mean of the frames before it, put in place.

    A running mean has less noise than any frame, and follows a particle that changes slowly.
    Frames are smoothed first, since at a few hundred e/Å² a pixel is noise mostly.

    Parameters
    ----------
    smoothing
        Standard deviation of the Gaussian, px.
    """

    def __init__(self, smoothing: float):
        self.smoothing = smoothing
        self.reference: np.ndarray | None = None
        self.mean: np.ndarray | None = None
        self.correction = np.zeros(2)
        self.seen = 0

    def shift(self, frame: np.ndarray) -> np.ndarray:
        """(x, y) in px by which a frame (ny, nx) lies off the first one."""
        smooth = ndimage.gaussian_filter(frame, self.smoothing) - frame.mean()
        if self.reference is None:
            self.reference, self.mean, self.seen = smooth, frame.astype(float), 1
            return np.zeros(2)
        # A taper draws the peak of the correlation towards no shift at all: what is left after the
        # shift so far is small, and so is that error.
        taper = np.outer(*(tukey(n, 0.25) for n in frame.shape))
        correction = self.correction
        for _ in range(ROUNDS):
            placed = ndimage.shift(smooth, correction, order=1, mode="nearest")
            left, _, _ = phase_cross_correlation(
                self.reference * taper,
                placed * taper,
                upsample_factor=UPSAMPLING,
                normalization=None,
            )
            correction = correction + left
        self.correction = correction
        self.seen += 1
        weight = max(MEMORY, 1 / self.seen)
        placed = ndimage.shift(smooth, correction, order=1, mode="nearest")
        self.reference = (1 - weight) * self.reference + weight * placed
        whole = ndimage.shift(frame.astype(float), correction, order=1, mode="nearest")
        self.mean = self.mean + (whole - self.mean) / self.seen
        return -correction[::-1]
