"""Anomalous atoms, at a stated rate of false alarms.

How unusual a contour may be by chance follows from the picture itself: the mean image of an atom of
each sublattice, put at every site, is the perfect crystal, and the noise is what the picture has
beyond it. Pictures of that crystal with such noise, read in the same way, say how often a perfect
site would look as unusual: that is the p-value of a site.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import ndimage, signal
from scipy.spatial import cKDTree

from latticework.analysis.atoms.contours import CONTOUR, Sites, centred, describe, find_sites
from latticework.analysis.atoms.scan_noise import memory_of, noise_of, variance_of
from latticework.seeds import stream

# Simulated sites at least, one half of which say what is usual and the other how often it is not;
# pictures at least and at most.
SIMULATED, FEWEST_PICTURES, MOST_PICTURES = 4000, 12, 40
# Points along a side of an atom's mean image, and its half side in distances to the nearest atom.
POINTS, HALF_SIDE = 31, 1.3
# Share of the atoms of a sublattice that the mean image is of: the most alike ones.
LIKE = 0.8
# Pictures are flat beyond this many distances from every site: the perfect crystal ends there.
BEYOND = 1.2
# Robust standard deviations of the smoothed residual from which on it is more than noise.
UNUSUAL = 5.0


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
    perfect, usual = perfect_crystal(image, sites)
    noise, spread, memory = _noise_of(image, perfect, usual, sites.nearest)
    count = min(max(FEWEST_PICTURES, -(-SIMULATED // len(sites.positions))), MOST_PICTURES)
    drawn = []
    for number in range(2 * (count // 2)):
        rng = stream(seed, "anomalies", number)
        picture = perfect + spread * _noise(rng, image.shape, memory)
        # All sites are occupied in the perfect crystal, the empty ones too, but are read as here.
        drawn.append(describe(picture, sites)[0])
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
    descriptors, table = describe(image, sites)
    score = np.where(judged, scores(descriptors), np.nan)
    above = len(by_chance) - np.searchsorted(by_chance, score, side="left")
    chance = np.where(judged, (above + 1) / (len(by_chance) + 1), np.nan)
    threshold = float(np.quantile(by_chance, 1 - rate))
    table = table.assign(score=score, p_value=chance, anomalous=score > threshold)
    return Anomalies(table, rate, threshold, noise)


def _noise_of(
    image: np.ndarray, perfect: np.ndarray, usual: np.ndarray, nearest: float
) -> tuple[tuple[float, float], np.ndarray, np.ndarray]:
    """Noise of a picture: its law, its standard deviation at each pixel, and its memory.

    Where the picture differs from the perfect crystal by more than noise it says nothing of noise.
    """
    left = image - perfect
    smooth = ndimage.gaussian_filter(left, 0.2 * nearest)
    odd = np.abs(smooth) > UNUSUAL * 1.4826 * np.median(np.abs(smooth[usual]))
    usual = usual & ~ndimage.binary_dilation(odd, iterations=int(0.5 * nearest))
    if usual.mean() < 0.1:
        usual = np.ones_like(usual)
    noise = noise_of(perfect[usual], left[usual])
    spread = np.sqrt(variance_of(perfect.ravel(), noise)).reshape(image.shape)
    memory, _ = memory_of(np.where(usual, left / spread, 0.0))
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
    """Mask (n,) of the sites whose contours do not reach the border of a picture (ny, nx)."""
    margin = CONTOUR * sites.nearest
    limit = np.array(shape[::-1]) - 1 - margin
    return ((sites.positions > margin) & (sites.positions < limit)).all(axis=1)


def perfect_crystal(image: np.ndarray, sites: Sites) -> tuple[np.ndarray, np.ndarray]:
    """The picture (ny, nx) with the usual atom of its sublattice at every site, and a mask of where
    that holds.

    The usual atom is the mean of those on the sublattice that are most alike, so that defects do
    not enter; a pixel shows that of the nearest site.
    """
    step = HALF_SIDE * sites.nearest
    smooth = ndimage.gaussian_filter(image, 0.14 * sites.nearest)
    positions = centred(smooth, sites)
    offsets = np.linspace(-step, step, POINTS)
    x, y = np.meshgrid(offsets, offsets)
    rows, columns = np.indices(image.shape)
    places = np.column_stack([columns.ravel(), rows.ravel()]).astype(float)
    distance, owner = cKDTree(positions).query(places)
    model = np.full(image.size, np.median(image))
    for which in np.unique(sites.sublattice):
        own = (sites.sublattice == which) & ~sites.empty
        if not own.any():
            own = ~sites.empty
        place = positions[own]
        inside = ((place > step) & (place < np.array(image.shape[::-1]) - 1 - step)).all(axis=1)
        place = place[inside] if inside.any() else place
        patches = ndimage.map_coordinates(
            image,
            [place[:, 1, None, None] + y, place[:, 0, None, None] + x],
            order=1,
            mode="nearest",
        )
        usual = _usual(patches)
        mine = sites.sublattice[owner] == which
        off = (places[mine] - positions[owner[mine]]) / (offsets[1] - offsets[0]) + (POINTS - 1) / 2
        model[mine] = ndimage.map_coordinates(usual, off[:, ::-1].T, order=1, mode="nearest")
    usual = (distance < BEYOND * sites.nearest).reshape(image.shape)
    return model.reshape(image.shape), usual


def _usual(patches: np.ndarray) -> np.ndarray:
    """Mean (w, w) of the patches (n, w, w) that are most like their median.

    A median of counts would lie below their mean; which patches are left out is decided by how far
    off they are, up or down, once smoothed.
    """
    smooth = ndimage.gaussian_filter(patches, (0, 2, 2))
    off = np.mean((smooth - np.median(smooth, axis=0)) ** 2, axis=(1, 2))
    return patches[off <= np.quantile(off, LIKE)].mean(axis=0)


def _noise(rng: np.random.Generator, shape: tuple[int, int], memory: np.ndarray) -> np.ndarray:
    """Noise (ny, nx) of unit variance whose pixels hold some of those before them on their line."""
    if not memory.any():
        return rng.standard_normal(shape)
    start = 60
    white = rng.standard_normal((shape[0], shape[1] + start))
    held = signal.lfilter([1.0], [1.0, *-memory], white, axis=1)[:, start:]
    return held / held.std()
