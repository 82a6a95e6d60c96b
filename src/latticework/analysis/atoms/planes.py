"""Which columns stand on the planes of their crystal, and which were seen in something else.

A support's fringes look like columns to a network, but not at the distances of the crystal's
planes. Around every column the strongest Fourier coefficient of its neighbours is looked for, among
waves of the spacing of the widest planes of each zone axis, in any direction. Where all neighbours
stand on such planes it is one, where they stand anywhere it is near 1/√n of n neighbours.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from latticework.materials import Material

REACH = 8.0  # Å around a column; half of it is the width of the Gaussian by which neighbours count
TOLERANCE = 0.04  # of the spacing: strain, and the pixel's error
SPACINGS, DIRECTIONS = 3, 48
FEWEST = 5  # neighbours; with fewer, every arrangement has some planes


def clearness(positions: np.ndarray, weights: np.ndarray, spacings: Sequence[float]) -> np.ndarray:
    """How clearly columns (n, 2), Å, stand on planes of one of the `spacings`, Å: (n,), 0 to 1.

    `weights` (n,) are their probabilities. 0 where there are fewer than five neighbours.
    """
    pairs = cKDTree(positions).query_pairs(REACH, output_type="ndarray")
    first, second = pairs.T
    apart = positions[second] - positions[first]
    near = np.exp(-2 * (apart**2).sum(axis=1) / REACH**2)

    def summed(of_second: np.ndarray, of_first: np.ndarray) -> np.ndarray:
        added = np.bincount(first, of_second, len(positions))
        return added + np.bincount(second, of_first, len(positions))

    to_first, to_second = near * weights[second], near * weights[first]
    most = weights + summed(to_first, to_second)
    best = np.zeros(len(positions))
    stretched = 1 + np.linspace(-TOLERANCE, TOLERANCE, SPACINGS)
    for length in (np.asarray(spacings)[:, None] * stretched).ravel():
        for angle in np.pi * np.arange(DIRECTIONS) / DIRECTIONS:
            phase = 2 * np.pi / length * (apart @ np.array([np.cos(angle), np.sin(angle)]))
            even, odd = np.cos(phase), np.sin(phase)
            real = weights + summed(even * to_first, even * to_second)
            imaginary = summed(odd * to_first, -odd * to_second)
            best = np.maximum(best, np.hypot(real, imaginary) / most)
    neighbours = np.bincount(pairs.ravel(), minlength=len(positions))
    return np.where(neighbours >= FEWEST, best, 0)


def on_planes(atoms: pd.DataFrame, material: Material, least: float) -> pd.DataFrame:
    """The rows of one image's atoms whose `clearness` is at least `least`; all, where that is 0."""
    if not least or not len(atoms):
        return atoms
    positions = atoms[["x_angstrom", "y_angstrom"]].to_numpy(dtype=float)
    weights = atoms["probability"].to_numpy(dtype=float)
    seen = clearness(positions, weights, material.reflections.widest)
    return atoms[seen >= least]
