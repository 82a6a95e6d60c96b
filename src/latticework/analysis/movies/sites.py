"""Sites of a movie: where columns are seen, and with what probability in each frame."""

import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.spatial import cKDTree

from latticework.structures.thinning import hard_core

# Å: of the smoothed density of detections; of two sites; of a detection from its site.
SITE_SIGMA, SITE_SEPARATION, SITE_REACH = 0.35, 1.2, 0.9
DENSITY_PIXEL = 0.1
SEEN = 0.5


def find_sites(detections: pd.DataFrame, n_frames: int, least: float = 0.03) -> np.ndarray:
    """Sites (n, 2) in Å, drift taken off, at which a column is seen in some of the frames.

    detections: columns x_angstrom, y_angstrom, probability of all frames. least: fraction of the
    frames (and two at least) in which a site must have a column of probability 0.5 or more.

    The maxima of the detections' density, smoothed with 0.35 Å, each then put at the mean of the
    detections around it.
    """
    seen = detections[detections["probability"] >= SEEN]
    points = seen[["x_angstrom", "y_angstrom"]].to_numpy(dtype=float)
    if len(points) == 0:
        return np.empty((0, 2))
    origin = points.min(axis=0) - 2.0
    size = np.ceil((np.ptp(points, axis=0) + 4.0) / DENSITY_PIXEL).astype(int)
    density = np.zeros(size[::-1])
    column, row = ((points - origin) / DENSITY_PIXEL).round().astype(int).T
    np.add.at(density, (row, column), 1.0)
    density = ndimage.gaussian_filter(density, SITE_SIGMA / DENSITY_PIXEL, mode="constant")
    reach = 2 * round(SITE_SEPARATION / DENSITY_PIXEL / 2) + 1
    peaks = np.argwhere((density == ndimage.maximum_filter(density, reach)) & (density > 0))
    height = density[tuple(peaks.T)]
    # Equal maxima side by side are one site.
    peaks = peaks[hard_core(peaks * DENSITY_PIXEL, SITE_SEPARATION, priority=height)]
    sites = peaks[:, ::-1] * DENSITY_PIXEL + origin
    distance, owner = cKDTree(sites).query(points)
    near = distance <= SITE_REACH
    counts = np.bincount(owner[near], minlength=len(sites))
    sums = [np.bincount(owner[near], points[near, axis], len(sites)) for axis in (0, 1)]
    kept = counts >= max(2, least * n_frames)
    return (np.stack(sums, axis=1) / np.maximum(counts, 1)[:, None])[kept]


def settled(detections: pd.DataFrame, sites: np.ndarray) -> pd.DataFrame:
    """Detections with what drift is left in each frame taken off: their median way from sites."""
    if len(sites) == 0 or len(detections) == 0:
        return detections
    axes = ["x_angstrom", "y_angstrom"]
    distance, owner = cKDTree(sites).query(detections[axes].to_numpy())
    off = pd.DataFrame(detections[axes].to_numpy() - sites[owner], detections.index, axes)
    sure = (distance <= SITE_REACH) & (detections["probability"] >= SEEN)
    left = off[sure].groupby(detections["frame"][sure]).median()
    moved = detections.copy()
    moved[axes] -= left.reindex(detections["frame"]).fillna(0.0).to_numpy()
    return moved


def observe(detections: pd.DataFrame, sites: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Highest probability (sites, frames) of a column at each site in each frame, 0 for none.

    frames: numbers of those that could be read; others are not looked for.
    """
    observed = np.zeros((len(sites), len(frames)))
    if len(sites) == 0 or len(detections) == 0:
        return observed
    place = pd.Series(np.arange(len(frames)), index=frames)
    known = detections[detections["frame"].isin(frames)]
    distance, owner = cKDTree(sites).query(known[["x_angstrom", "y_angstrom"]].to_numpy())
    near = distance <= SITE_REACH
    where = owner[near], place.loc[known["frame"]].to_numpy()[near]
    np.maximum.at(observed, where, known["probability"].to_numpy()[near])
    return observed
