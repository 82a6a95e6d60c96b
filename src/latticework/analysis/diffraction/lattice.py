"""The two-dimensional lattice of Bragg peaks: found without clicks, and fitted with its errors.

A lattice (3, 2) has the origin and the vectors u and v as rows, each (x, y) in px; the peak with
indices (h, k) lies at origin + h u + k v. Arrays may have more dimensions in front.
"""

import itertools
from dataclasses import dataclass

import numpy as np

FEWEST = 5  # peaks of a fit (Munshi 2022, Methods)
STRONGEST = 24  # peaks whose differences are candidates
LEAST_EXPLAINED = 0.14  # of the weight of all peaks but the direct beam
# Of the shorter vector: how far a peak may be from its place in the lattice.
NEAR = 0.12
OUTLIER = 4.0  # residuals in robust standard deviations
ROUNDS = 5


@dataclass(frozen=True)
class LatticeFit:
    """A fitted lattice (3, 2), its covariance (6, 6) in the order of `lattice.ravel()`, px².

    indices (n, 2) of the peaks, used (n,) of which decided it, and rms: of their residuals, px.
    """

    lattice: np.ndarray
    covariance: np.ndarray
    indices: np.ndarray
    used: np.ndarray
    rms: float


def design_matrix(indices: np.ndarray) -> np.ndarray:
    """Rows (1, h, k) for indices (n, 2): times a lattice (3, 2) it gives positions (n, 2)."""
    return np.column_stack([np.ones(len(indices)), indices])


def reduced(vectors: np.ndarray) -> np.ndarray:
    """The shortest basis (2, 2) of the lattice of two vectors, right-handed (Lagrange, Gauss)."""
    u, v = vectors
    while True:
        if u @ u > v @ v:
            u, v = v, u
        turns = round(u @ v / (u @ u))
        if turns == 0:
            break
        v = v - turns * u
    # Of the equivalent ones: u to the right, v turned from it towards rows further down.
    if u[0] < 0 or (u[0] == 0 and u[1] < 0):
        u = -u
    if u[0] * v[1] - u[1] * v[0] < 0:
        v = -v
    return np.stack([u, v])


def index_peaks(points: np.ndarray, lattice: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest indices (n, 2) of points (n, 2), and the distance (n,) from their places, px."""
    fractions = (points - lattice[0]) @ np.linalg.inv(lattice[1:])
    indices = np.round(fractions).astype(int)
    return indices, np.linalg.norm((fractions - indices) @ lattice[1:], axis=1)


def find_lattice(points: np.ndarray, weights: np.ndarray, origin: np.ndarray) -> np.ndarray | None:
    """The lattice (3, 2) that explains peaks (n, 2) about a direct beam, or None.

    Of all pairs of differences between strong peaks those that put the most weight (n,) near
    their places; among these the one with the largest cell, since every finer lattice explains as
    much.
    """
    order = np.argsort(-weights)[:STRONGEST]
    strong = np.concatenate([[origin], points[order]])
    heavy = np.concatenate([[weights.max(initial=0)], weights[order]])
    first, second = np.triu_indices(len(strong), 1)
    differences = strong[first] - strong[second]
    differences = np.where(differences[:, :1] < 0, -differences, differences)
    # A lattice's vectors occur again and again, and between strong peaks.
    shares = np.minimum(heavy[first], heavy[second])
    long = np.linalg.norm(differences, axis=1) > 1
    candidates = _commonest(differences[long], shares[long])[:STRONGEST]
    pairs = [(u, v) for u, v in itertools.combinations(candidates, 2) if _open(u, v)]
    if not pairs:
        return None
    bases = [reduced(np.stack(pair)) for pair in pairs]
    explained = np.array([_explained(points, weights, origin, basis) for basis in bases])
    # Of peaks in noise a tenth of the weight lies near some lattice's places.
    others = weights[np.linalg.norm(points - origin, axis=1) > 1].sum()
    if explained.max() - (weights.sum() - others) < LEAST_EXPLAINED * others:
        return None
    areas = np.array([abs(np.linalg.det(basis)) for basis in bases])
    best = np.flatnonzero(explained >= 0.95 * explained.max())
    lattice = np.vstack([origin, bases[best[np.argmax(areas[best])]]])
    fitted = fit_lattice(points, weights, lattice)
    return None if fitted is None else fitted.lattice


def _commonest(vectors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Vectors (n, 2) of which none is within a pixel and a half of another, the commonest first.

    Of vectors that are near to each other the first stands for all, with the sum of their weights.
    """
    if not len(vectors):
        return vectors
    kept: list[np.ndarray] = []
    total: list[float] = []
    for vector, weight in zip(vectors, weights, strict=True):
        near = [number for number, other in enumerate(kept) if np.hypot(*(vector - other)) < 1.5]
        if near:
            total[near[0]] += weight
        else:
            kept.append(vector)
            total.append(weight)
    return np.array(kept)[np.argsort(total)[::-1]]


def _open(u: np.ndarray, v: np.ndarray) -> bool:
    sine = abs(u[0] * v[1] - u[1] * v[0]) / np.sqrt((u @ u) * (v @ v))
    return bool(sine > 0.3)


def _explained(
    points: np.ndarray, weights: np.ndarray, origin: np.ndarray, basis: np.ndarray
) -> float:
    _, distance = index_peaks(points, np.vstack([origin, basis]))
    scale = NEAR * np.linalg.norm(basis, axis=1).min()
    return float((weights * np.exp(-((distance / scale) ** 2))).sum())


def fit_lattice(
    points: np.ndarray,
    weights: np.ndarray,
    start: np.ndarray,
    *,
    near: float = 2 * NEAR,
    outliers: bool = False,
) -> LatticeFit | None:
    """Weighted least squares of a lattice (3, 2) to peaks (n, 2), from a start; None if too few.

    Peaks farther than `near` of the shorter vector from their places, and outliers by the median
    of the residuals unless they are asked for, do not count; at least five must remain that span
    the plane.
    """
    lattice = np.array(start, float)
    for _ in range(ROUNDS):
        indices, distance = index_peaks(points, lattice)
        limit = near * np.linalg.norm(lattice[1:], axis=1).min()
        used = distance < limit
        if used.sum() > FEWEST and not outliers:
            spread = 1.4826 * np.median(distance[used])
            used &= distance < max(OUTLIER * spread, 1e-6)
        a = design_matrix(indices)
        root = np.sqrt(weights[used])[:, None]
        if used.sum() < FEWEST or np.linalg.matrix_rank(root * a[used]) < 3:
            return None
        lattice = np.linalg.lstsq(root * a[used], root * points[used], rcond=None)[0]
    residual = points[used] - a[used] @ lattice
    freedom = max(1, 2 * (int(used.sum()) - 3))
    variance = float((root**2 * residual**2).sum() / freedom)
    inverse = np.linalg.inv((root * a[used]).T @ (root * a[used]))
    covariance = np.kron(variance * inverse, np.eye(2))
    rms = float(np.sqrt((residual**2).sum(axis=1).mean()))
    return LatticeFit(lattice, covariance, indices, used, rms)
