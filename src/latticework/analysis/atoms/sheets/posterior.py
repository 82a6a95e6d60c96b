"""The posterior of the positions: how far atoms stray from their lattice says how to shrink them.

In a honeycomb, strained or not, an atom is where the mean of its three neighbours is. Atoms are
taken to stray independently (SD s) from a lattice that bends slowly (SD t of an atom's place from
its neighbours'). The widths are the sample's own: those with the least squared error as Stein
(1981) estimates it without bias from the fitted positions and their errors. The likeliest widths
fail where the prior's form does: of a wave most atoms say that nothing bends.
"""

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from scipy.spatial import cKDTree

from latticework.analysis.atoms.sheets.fit import inverse

STRAYING = np.geomspace(0.004, 0.25, 8)  # Å
BENDING = np.array([0.003, 0.01, 0.03, 0.1])  # Å
OUTLIER = 5.0  # standard deviations beyond which an atom's neighbours say nothing about it


@dataclass(frozen=True)
class Posterior:
    """Positions (n, 2) in Å, their SD (n, 2), and the widths s and t of the prior, Å."""

    positions: np.ndarray
    sigma: np.ndarray
    straying: float
    bending: float


def from_neighbours(positions: np.ndarray, longest: float, coordination: int) -> np.ndarray:
    """Matrix (rows, n): an atom's position less the mean of its neighbours', where it has all."""
    n = len(positions)
    near = cKDTree(positions).query_ball_point(positions, longest)
    rows = []
    for number, found in enumerate(near):
        others = [other for other in found if other != number]
        if len(others) == coordination:
            row = np.zeros(n)
            row[number], row[others] = 1.0, -1 / coordination
            rows.append(row)
    return np.array(rows).reshape(-1, n)


def posterior(
    positions: np.ndarray, precision: np.ndarray, longest: float, coordination: int
) -> Posterior:
    """Posterior of fitted positions (n, 2), Å.

    Parameters
    ----------
    positions
        The likelihood's maximum.
    precision
        (2n, 2n), its inverse covariance; x and y alternate.
    longest, coordination
        Longest bond, Å, and bonds of an atom inside the crystal.
    """
    covariance = _inverse(precision)
    bonds = from_neighbours(positions, longest, coordination)
    if len(bonds):
        strays = bonds @ positions
        spread = 1.4826 * np.median(np.abs(strays)) + 1e-6
        bonds = bonds[(np.abs(strays) < OUTLIER * spread).all(axis=1)]
    if not len(bonds):
        sigma = np.sqrt(np.diag(covariance)).reshape(-1, 2)
        return Posterior(positions, sigma, np.inf, np.inf)
    straying, bending = prior_widths(positions, precision, covariance, bonds)
    shrunk, inverse = shrunken(positions, precision, bonds, straying, bending)
    return Posterior(shrunk, np.sqrt(np.diag(inverse)).reshape(-1, 2), straying, bending)


def shrunken(
    positions: np.ndarray, precision: np.ndarray, bonds: np.ndarray, straying: float, bending: float
) -> tuple[np.ndarray, np.ndarray]:
    """Positions (n, 2) of the posterior, and their covariance (2n, 2n), under given widths, Å.

    In the numerical precision of `precision`.
    """
    one, bonds = np.eye(len(positions), dtype=precision.dtype), bonds.astype(precision.dtype)
    # The lattice is integrated out: what is left holds an atom against its smooth surroundings.
    smooth = _inverse(one + (straying / bending) ** 2 * bonds.T @ bonds)
    total = precision.copy()
    for axis in (0, 1):
        total[axis::2, axis::2] += (one - smooth) / straying**2
    covariance = _inverse(total)
    return (covariance @ (precision @ positions.ravel())).reshape(-1, 2), covariance


def _inverse(matrix: np.ndarray) -> np.ndarray:
    return inverse(torch.from_numpy(matrix)).numpy()


def prior_widths(
    positions: np.ndarray, precision: np.ndarray, covariance: np.ndarray, bonds: np.ndarray
) -> tuple[float, float]:
    """The widths s and t, Å, with the least error by Stein's unbiased estimate.

    For positions x (n, 2) with `covariance` C and `precision` C⁻¹, both (2n, 2n), shrunk to y with
    posterior covariance D, it is Σ w ((x − y)² + 2 D − C) with the diagonals of D and C. The
    weights w are 1/C: atoms at the border, of which little is known, say little. `bonds` as
    `from_neighbours`. Source: Stein, Ann. Statist. 9 (1981) 1135.
    """
    variance, single = np.diag(covariance), precision.astype(np.float32)

    @cache
    def error(widths: tuple[int, int]) -> float:
        shrunk, remaining = shrunken(
            positions, single, bonds, STRAYING[widths[0]], BENDING[widths[1]]
        )
        change = (positions - shrunk).ravel() ** 2
        return float(((change + 2 * np.diag(remaining)) / variance).sum())

    # From one width to the next as long as the error falls: a quarter of what the grid costs.
    best = min(((2, 1), (5, 1), (4, 2)), key=error)
    while True:
        around = itertools.product(*(range(max(n - 1, 0), n + 2) for n in best))
        within = [w for w in around if w[0] < len(STRAYING) and w[1] < len(BENDING)]
        if (better := min(within, key=error)) == best:
            return float(STRAYING[best[0]]), float(BENDING[best[1]])
        best = better
