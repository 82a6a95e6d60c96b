"""Anomalous atoms, at a stated rate of false alarms.

How unusual a contour may be by chance follows from the picture itself: the mean image of an atom of
each sublattice, put at every site, is the perfect crystal, and the noise is what the picture has
beyond it. Pictures of that crystal with such noise, read in the same way, say how often a perfect
site would look as unusual: that is the p-value of a site.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import signal

from latticework.analysis.atoms.bonds_and_rings import NORMAL
from latticework.analysis.atoms.contours import Sites, describe, find_sites
from latticework.analysis.atoms.scan_noise import memory_of, noise_of, variance_of
from latticework.analysis.atoms.usual_atoms import learn
from latticework.seeds import stream

# Simulated sites at least, one half of which say what is usual and the other how often it is not;
# pictures at least and at most.
SIMULATED, FEWEST_PICTURES, MOST_PICTURES = 4000, 12, 40
# Distance from the border, in distances to the nearest atom, up to which no site is judged: what
# lies beyond the picture reaches so far, and nobody knows what it is.
BORDER = 1.3


@dataclass(frozen=True)
class Anomalies:
    """How unusual each site of a picture is.

    Parameters
    ----------
    sites
        One row a site: x_px, y_px, sublattice, empty, intensity, area_px2, ellipticity,
        orientation_deg; score (Mahalanobis distance of the contour from the usual ones), p_value
        (how often a perfect site has as high a score; NaN at the border, where none is judged)
        and anomalous.
    rate
        Of false alarms: share of the sites of a perfect crystal that count as anomalous.
    threshold
        Lowest score of an anomalous site.
    noise
        Variance of the picture's noise at mean 0, and its increase with the mean.
    """

    sites: pd.DataFrame
    rate: float
    threshold: float
    noise: tuple[float, float]

    @property
    def expected_false(self) -> float:
        """Number of false alarms that a perfect crystal would give."""
        return self.rate * int(self.sites["p_value"].notna().sum())


def find_anomalies(
    image: np.ndarray, atoms: pd.DataFrame, *, rate: float = 0.01, seed: int = 0
) -> Anomalies:
    """Sites of a picture whose contours are more unusual than noise makes them.

    Parameters
    ----------
    image
        (ny, nx), of any scale.
    atoms
        Of the picture: x_px, y_px, class.
    rate
        Of false alarms, among perfect sites.
    seed
        Of the simulated noise.

    Raises ValueError for a rate that is none, an image that holds no numbers, or too few atoms.
    """
    if not 0 < rate < 0.5:
        raise ValueError(f"the rate of false alarms must be above 0 and below 0.5, not {rate}")
    image = np.asarray(image, dtype=float)
    if not np.isfinite(image).all():
        raise ValueError("the image has pixels that are no numbers")
    sites = find_sites(atoms, image.shape)
    usual, positions, like = learn(image, sites)
    perfect = usual.crystal(image.shape, positions, full=True)
    noise, spread, memory = _noise_of(image, perfect, like)
    count = min(max(FEWEST_PICTURES, -(-SIMULATED // len(sites.positions))), MOST_PICTURES)
    drawn = []
    error = 0.0
    for number in range(2 * (count // 2) + 1):
        rng = stream(seed, "anomalies", number)
        # Where an atom is, is known with an error only, which its neighbours' surroundings show.
        places = positions + rng.normal(0, error, positions.shape)
        picture = usual.crystal(image.shape, places, full=True)
        picture += spread * _noise(rng, image.shape, memory)
        # The sites that are empty in the real picture are occupied here, but read in the same way.
        found = usual.place(picture, positions, full=False)
        if number == 0:
            off = (found - positions)[~sites.empty]
            error = NORMAL * float(np.median(np.abs(off - np.median(off, axis=0))))
        else:
            drawn.append(describe(picture, sites, found)[0])
    # One half of the pictures says what is usual at each site, the other how often it is not.
    middle = np.mean(drawn[::2], axis=0)
    shapes = _precisions(np.array(drawn[::2]) - middle, sites)

    def scores(descriptors: np.ndarray) -> np.ndarray:
        off = descriptors - middle
        return np.sqrt(np.maximum(np.einsum("ij,ijk,ik->i", off, shapes, off), 0))

    judged = _inside(sites, image.shape)
    by_chance = np.sort(np.concatenate([scores(one)[judged] for one in drawn[1::2]]))
    if not len(by_chance):
        raise ValueError("all atoms are at the border of the image; nothing can be compared")
    descriptors, table = describe(image, sites, positions)
    score = np.where(judged, scores(descriptors), np.nan)
    above = len(by_chance) - np.searchsorted(by_chance, score, side="left")
    chance = np.where(judged, (above + 1) / (len(by_chance) + 1), np.nan)
    threshold = float(np.quantile(by_chance, 1 - rate))
    table = table.assign(score=score, p_value=chance, anomalous=score > threshold)
    return Anomalies(table, rate, threshold, noise)


def _noise_of(
    image: np.ndarray, perfect: np.ndarray, like: np.ndarray
) -> tuple[tuple[float, float], np.ndarray, np.ndarray]:
    """Noise of a picture: its law, its standard deviation at each pixel, and its memory.

    Where the picture is not `like` the perfect crystal it says nothing of noise.
    """
    left = image - perfect
    noise = noise_of(perfect[like], left[like])
    spread = np.sqrt(variance_of(perfect.ravel(), noise)).reshape(image.shape)
    memory, _ = memory_of(np.where(like, left / spread, 0.0))
    return noise, spread, memory


def _precisions(deviations: np.ndarray, sites: Sites) -> np.ndarray:
    """Inverse covariances (n, k, k) of what is usual at each site: those of its sublattice.

    `deviations` (pictures, n, k) from the mean of the pictures at each site.
    """
    pictures, count, length = deviations.shape
    result = np.zeros((count, length, length))
    for which in np.unique(sites.sublattice):
        own = sites.sublattice == which
        values = deviations[:, own].reshape(-1, length)
        scale = np.maximum(values.std(axis=0), 1e-12)
        covariance = (values / scale).T @ (values / scale) / len(values)
        covariance *= pictures / (pictures - 1)
        inverse = np.linalg.pinv(covariance, rcond=1e-8, hermitian=True)
        result[own] = inverse / np.outer(scale, scale)
    return result


def _inside(sites: Sites, shape: tuple[int, int]) -> np.ndarray:
    """Mask (n,) of the sites that atoms beyond the border of a picture (ny, nx) do not reach."""
    margin = BORDER * sites.nearest
    limit = np.array(shape[::-1]) - 1 - margin
    return ((sites.positions > margin) & (sites.positions < limit)).all(axis=1)


def _noise(rng: np.random.Generator, shape: tuple[int, int], memory: np.ndarray) -> np.ndarray:
    """Noise (ny, nx) of unit variance whose pixels hold some of those before them on their line."""
    if not memory.any():
        return rng.standard_normal(shape)
    start = 60
    white = rng.standard_normal((shape[0], shape[1] + start))
    held = signal.lfilter([1.0], [1.0, *-memory], white, axis=1)[:, start:]
    return held / held.std()
