"""The posterior of the positions: how far atoms stray from their lattice says how to shrink them.

In a honeycomb, strained or not, an atom is where the mean of its three neighbours is. Atoms are
taken to stray independently (SD s) from a lattice that bends slowly (SD t of an atom's place from
its neighbours'), and s and t are those under which the fitted positions with their errors are most
likely: the width of the prior is the sample's own.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.spatial import cKDTree

STRAYING, BENDING = (0.004, 0.25), (0.002, 0.1)  # Å, limits of the widths
FIRST_WIDTHS = ((0.01, 0.005), (0.01, 0.03), (0.08, 0.005), (0.08, 0.03))  # Å, s and t
WIDTH_STEPS = 40  # of the search for the likeliest
MOST_ROWS = 250  # atoms from which the widths are estimated
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
    covariance = np.linalg.inv(precision)
    bonds = from_neighbours(positions, longest, coordination)
    if len(bonds):
        strays = bonds @ positions
        spread = 1.4826 * np.median(np.abs(strays)) + 1e-6
        bonds = bonds[(np.abs(strays) < OUTLIER * spread).all(axis=1)]
    if not len(bonds):
        sigma = np.sqrt(np.diag(covariance)).reshape(-1, 2)
        return Posterior(positions, sigma, np.inf, np.inf)
    straying, bending = prior_widths(positions, covariance, bonds)
    # The lattice is integrated out: what is left holds an atom against its smooth surroundings.
    smooth = np.linalg.inv(np.eye(len(positions)) + (straying / bending) ** 2 * bonds.T @ bonds)
    held = (np.eye(len(positions)) - smooth) / straying**2
    total = precision + np.kron(held, np.eye(2))
    inverse = np.linalg.inv(total)
    shrunk = inverse @ (precision @ positions.ravel())
    return Posterior(
        shrunk.reshape(-1, 2), np.sqrt(np.diag(inverse)).reshape(-1, 2), straying, bending
    )


def prior_widths(
    positions: np.ndarray, covariance: np.ndarray, bonds: np.ndarray
) -> tuple[float, float]:
    """The widths s and t, Å, under which the positions (n, 2) are most likely.

    `bonds` (rows, n) as `from_neighbours`. Of many atoms those in the middle are taken.
    """
    middle = np.abs(bonds) @ positions / np.abs(bonds).sum(axis=1, keepdims=True)
    away = np.hypot(*(middle - positions.mean(axis=0)).T)
    rows = bonds[np.argsort(away)[:MOST_ROWS]]
    strays = (rows @ positions).ravel()
    both = np.kron(rows, np.eye(2))
    errors = both @ covariance @ both.T
    correlated = np.kron(rows @ rows.T, np.eye(2))
    limits = np.log([STRAYING, BENDING])

    def surprise(logarithms: np.ndarray) -> float:
        straying, bending = np.exp(np.clip(logarithms, *limits.T))
        total = errors + straying**2 * correlated + bending**2 * np.eye(len(errors))
        factor = cho_factor(total, lower=True)
        chance = strays @ cho_solve(factor, strays) / 2 + np.log(np.diag(factor[0])).sum()
        return float(chance)

    start = min((np.log(widths) for widths in FIRST_WIDTHS), key=surprise)
    found = minimize(surprise, start, method="Nelder-Mead", options={"maxfev": WIDTH_STEPS}).x
    straying, bending = np.exp(np.clip(found, *limits.T))
    return float(straying), float(bending)
