"""Columns that have lost an atom told from whole ones by the brightness of this very picture.

A network's threshold between two classes belongs to its training: in a picture whose contrast is
another one it takes a share of one class for the other, always the same way. Where many columns of
a picture have lost an atom, its columns show two brightnesses, which are the better witness.
"""

import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.spatial import cKDTree

from latticework.analysis.atoms.table import CERTAIN
from latticework.materials import Material

# Å: an atom's width, and the columns that a column is compared with.
ATOM, AROUND = 0.5, 10.0
# Percentile of those that is a whole column where up to half have lost an atom.
WHOLE = 70
# Fewest columns, least share of each kind, least distance of both in standard deviations, and least
# gain in log likelihood over one kind.
FEWEST, LEAST_SHARE, APART, GAIN = 100, 0.1, 3.0, 50.0
STEPS = 200


def by_brightness(
    table: pd.DataFrame, image: np.ndarray, sampling: float, material: Material
) -> pd.DataFrame:
    """A table of atoms, with columns that have lost an atom told by brightness where it is clear.

    Parameters
    ----------
    table
        Of `analysis.atoms.table.atoms_table`, of one image.
    image, sampling
        (ny, nx) and its pixel, Å.
    material
        Its section `defects` says which classes have lost an atom of which (`lost`).

    Returns
    -------
    The table itself where the picture does not show two brightnesses.
    """
    pairs = {} if material.defects is None else material.defects.lost
    for less, whole in pairs.items():
        own = np.flatnonzero(table["class"].isin([less, whole]) & (table["probability"] >= CERTAIN))
        if len(own) < FEWEST:
            continue
        columns = table.iloc[own]
        share = faint_share(relative_brightness(columns, image, sampling))
        if share is None:
            continue
        both = columns[f"p_{less}"] + columns[f"p_{whole}"]
        table = table.copy()
        rows = table.index[own]
        table.loc[rows, "class"] = np.where(share > 0.5, less, whole)
        table.loc[rows, f"p_{less}"] = both.to_numpy() * share
        table.loc[rows, f"p_{whole}"] = both.to_numpy() * (1 - share)
    return table


def relative_brightness(columns: pd.DataFrame, image: np.ndarray, sampling: float) -> np.ndarray:
    """Brightness of each column less that of whole ones around it, in the picture's spread."""
    smooth = ndimage.gaussian_filter(np.asarray(image, dtype=float), ATOM / sampling)
    places = columns[["y_px", "x_px"]].to_numpy()
    value = ndimage.map_coordinates(smooth, places.T, order=1, mode="nearest")
    near = cKDTree(places * sampling).query_ball_point(places * sampling, AROUND)
    usual = np.array([np.percentile(value[group], WHOLE) for group in near])
    return (value - usual) / max(float(np.std(value)), 1e-30)


def faint_share(value: np.ndarray) -> np.ndarray | None:
    """Probability (n,) that each value belongs to the fainter of two groups of one width.

    None where one group explains the values about as well. Two normal distributions, by expectation
    and maximisation.
    """
    if np.ptp(value) == 0:
        return None
    mean = np.percentile(value, [60, 3])
    width, weight = float(np.std(value)) / 1.5, np.array([0.9, 0.1])
    for _ in range(STEPS):
        each = weight * np.exp(-0.5 * ((value[:, None] - mean) / width) ** 2) / width
        total = np.maximum(each.sum(axis=1), 1e-300)
        share = each / total[:, None]
        weight = share.mean(axis=0)
        if weight.min() < LEAST_SHARE:
            return None
        mean = (share * value[:, None]).sum(axis=0) / (weight * len(value))
        width = float(np.sqrt((share * (value[:, None] - mean) ** 2).sum() / len(value)))
    spread = float(np.std(value))
    single = -0.5 * ((value - value.mean()) / spread) ** 2 - np.log(spread)
    gain = float(np.log(total).sum() - single.sum())
    if gain < GAIN or (mean[0] - mean[1]) / width < APART:
        return None
    return share[:, 1]
