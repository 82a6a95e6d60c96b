"""The lattice of an image, whatever its symmetry, without a network and without its scale.

The reflections of the image are explained by two vectors. Among all pairs of vectors that the
reflections offer, the one with the highest likelihood is taken: a reflection lies on a point of
the lattice, or anywhere. A lattice that is too fine explains everything and is no better than
chance, and one that is too coarse leaves reflections over.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from latticework.analysis.surfaces.reflections import Reflections

# Reflections that may be basis vectors, and those whose sums and differences may be.
BASIS, COMBINED = 24, 12
STRAY = 0.1  # share of reflections that belong to no lattice
# What a reflection may be off its lattice point: bins, and of its own length (distorted scans).
SLACK_BINS, SLACK_RELATIVE = 0.25, 0.006
SMALLEST_CELL = 1.7  # bins between points of a lattice that can be told from a continuum
BEST_FIT = 0.7  # standard deviations: a fit that is better than this says no more
COUNTS_TRIED = 3  # what choosing the number of reflections that says most costs
SAME_DIRECTION = 8.0  # degrees
SIMILAR = 0.03  # relative strain by which a scan distorts a lattice; sets what a symmetry may stray


@dataclass(frozen=True)
class Lattice:
    """The lattice of an image.

    Parameters
    ----------
    vectors
        (2, 2), the reduced cell in px: rows a, b with x and y, |a| ≤ |b|, 90° to 120° apart.
    covariance
        (4, 4), of the components a_x, a_y, b_x, b_y, px².
    reciprocal
        (2, 2), rows a*, b* in cycles/px; a·a* = 1, a·b* = 0.
    indices
        (n, 2), of the reflections that belong to it.
    members
        (n,), which of the image's reflections these are.
    confidence
        1 − probability that reflections at random would have a lattice that fits as well.
    symmetry
        "hexagonal", "square", "rectangular", "centred rectangular" or "oblique".
    symmetry_confidence
        Its posterior probability, for scans whose distortion is 3 %.
    """

    vectors: np.ndarray
    covariance: np.ndarray
    reciprocal: np.ndarray
    indices: np.ndarray
    members: np.ndarray
    confidence: float
    symmetry: str
    symmetry_confidence: float

    @property
    def lengths(self) -> np.ndarray:
        """|a|, |b| in px."""
        return np.linalg.norm(self.vectors, axis=1)

    @property
    def angle(self) -> float:
        """Angle between a and b, degrees."""
        return angle_of(self.vectors)

    @property
    def length_sigma(self) -> np.ndarray:
        """Standard deviations of |a| and |b|, px."""
        along = self.vectors / self.lengths[:, None]
        parts = self.covariance.reshape(2, 2, 2, 2)
        return np.sqrt([along[i] @ parts[i, :, i] @ along[i] for i in (0, 1)])

    @property
    def spacing(self) -> float:
        """Side in px of a rhombus of 120° (or a square) with the area of the cell."""
        area = abs(np.linalg.det(self.vectors))
        return float(np.sqrt(area / (np.sqrt(0.75) if self.symmetry == "hexagonal" else 1)))


def find_lattice(reflections: Reflections, shape: tuple[int, int]) -> Lattice | None:
    """The lattice of an image (ny, nx) with these reflections; None where they have none."""
    frequencies = reflections.frequencies
    if len(frequencies) < 2:
        return None
    bins = np.array(shape[::-1])
    basis = _best_basis(frequencies, reflections.significance, bins)
    if basis is None:
        return None
    for _ in range(4):
        indices, members = _indexed(basis, frequencies, bins)
        if len(members) < 2 or np.linalg.matrix_rank(indices) < 2:
            return None
        basis, covariance = _fitted(indices, frequencies[members], reflections.sigma[members])
    transform = _reduction(np.linalg.inv(basis).T)
    vectors = transform @ np.linalg.inv(basis).T
    reciprocal = np.linalg.inv(vectors).T
    # g = hk·G with G = T·G' and so the indices go over as hk·T.
    indices = np.rint(frequencies[members] @ vectors.T).astype(int)
    symmetry, certainty = symmetry_of(vectors)
    return Lattice(
        vectors=vectors,
        covariance=np.diag(_vector_variance(indices, reciprocal, vectors, covariance).ravel()),
        reciprocal=reciprocal,
        indices=indices,
        members=members,
        confidence=_confidence(members, reciprocal, bins, frequencies),
        symmetry=symmetry,
        symmetry_confidence=certainty,
    )


def _slack(frequencies: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Standard deviation per axis of reflections about lattice points, cycles/px."""
    return np.hypot(
        SLACK_BINS / np.sqrt(bins.prod()), SLACK_RELATIVE * np.linalg.norm(frequencies, axis=1)
    )


def _best_basis(
    frequencies: np.ndarray, significance: np.ndarray, bins: np.ndarray
) -> np.ndarray | None:
    """The pair of vectors (2, 2) that explains reflections best; None where none spans a cell."""
    strong = frequencies[:COMBINED]
    first, second = np.triu_indices(len(strong), 1)
    vectors = np.concatenate(
        [frequencies[:BASIS], strong[first] - strong[second], strong[first] + strong[second]]
    )
    vectors = vectors[np.hypot(*(vectors * bins).T) > SMALLEST_CELL]
    i, j = np.triu_indices(len(vectors), 1)
    pairs = np.stack([vectors[i], vectors[j]], axis=1)
    area = np.abs(np.linalg.det(pairs))
    # Neither too flat nor too fine to be reduced to anything that can be seen.
    flat = area / np.prod(np.linalg.norm(pairs, axis=2), axis=1)
    keep = (flat > 0.3) & (area * bins.prod() > SMALLEST_CELL**2)
    pairs, area = pairs[keep], area[keep]
    if len(pairs) == 0:
        return None
    slack = _slack(frequencies, bins)
    weights = np.log(significance) / np.log(significance).max()
    scores = np.empty(len(pairs))
    for start in range(0, len(pairs), 4096):
        part = slice(start, start + 4096)
        index = np.einsum("nk,pkj->pnj", frequencies, np.linalg.inv(pairs[part]))
        rest = np.einsum("pnj,pjk->pnk", index - np.rint(index), pairs[part])
        distance = (rest**2).sum(axis=2)
        density = area[part, None] / (2 * np.pi * slack**2) * np.exp(-distance / (2 * slack**2))
        # The origin belongs to every lattice: a reflection of indices 0, 0 explains nothing.
        density[(np.rint(index) == 0).all(axis=2)] = 0
        scores[part] = (np.log((1 - STRAY) * density + STRAY) * weights).sum(axis=1)
    return pairs[scores.argmax()]


def _indexed(
    basis: np.ndarray, frequencies: np.ndarray, bins: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Indices (n, 2) of reflections within three standard deviations of a point, and which."""
    index = np.rint(frequencies @ np.linalg.inv(basis))
    off = np.linalg.norm(frequencies - index @ basis, axis=1)
    members = np.flatnonzero((off < 3 * _slack(frequencies, bins)) & index.any(axis=1))
    return index[members].astype(int), members


def _fitted(
    indices: np.ndarray, frequencies: np.ndarray, sigma: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Basis (2, 2) by weighted least squares, and its covariance (2, 2) per axis."""
    weights = 1 / sigma**2
    # A strong reflection of a distorted scan is not as exact as its strength says.
    weights = np.minimum(weights, 9 * np.median(weights))
    normal = indices.T @ (indices * weights[:, None])
    basis = np.linalg.solve(normal, indices.T @ (frequencies * weights[:, None]))
    rest = frequencies - indices @ basis
    free = 2 * max(len(indices) - 2, 1)
    scatter = max(float((weights[:, None] * rest**2).sum() / free), 1.0)
    return basis, scatter * np.linalg.inv(normal)


def _vector_variance(
    indices: np.ndarray, reciprocal: np.ndarray, vectors: np.ndarray, covariance: np.ndarray
) -> np.ndarray:
    """Variances (2, 2) of real-space vectors, from those of the reciprocal basis.

    The fitted basis and the reduced one differ by whole numbers; the covariance of the reduced one
    is that of its own indices, and δA = −A·δGᵀ·A for A = G⁻ᵀ.
    """
    scale = np.sqrt(np.linalg.det(covariance))
    own = np.linalg.inv(indices.T @ indices)
    own = own * scale / np.sqrt(np.linalg.det(own))
    # Rows of A: a_i = −Σ_jk A_ik… with independent errors of x and y of equal size.
    of_rows = vectors @ vectors.T
    variance = np.einsum("jk,ji,ki->i", own, vectors, vectors)
    return np.outer(np.diag(of_rows), variance)


def _reduction(vectors: np.ndarray) -> np.ndarray:
    """Integer matrix that takes two vectors to their reduced cell, obtuse."""
    transform = np.eye(2, dtype=int)
    reduced = vectors.copy()
    for _ in range(100):
        if np.linalg.norm(reduced[0]) > np.linalg.norm(reduced[1]):
            reduced, transform = reduced[::-1].copy(), transform[::-1].copy()
        turns = int(np.rint(reduced[0] @ reduced[1] / (reduced[0] @ reduced[0])))
        if turns == 0:
            break
        reduced[1] -= turns * reduced[0]
        transform[1] -= turns * transform[0]
    if reduced[0] @ reduced[1] > 0:
        reduced[1], transform[1] = -reduced[1], -transform[1]
    return transform


def angle_of(vectors: np.ndarray) -> float:
    """Angle between two vectors (2, 2), degrees."""
    a, b = vectors
    return float(np.degrees(np.arccos(a @ b / np.prod(np.linalg.norm(vectors, axis=1)))))


def symmetry_of(vectors: np.ndarray) -> tuple[str, float]:
    """The symmetry of a reduced cell (2, 2) and its posterior probability.

    Every kind of lattice has the same probability beforehand. Shapes of the reduced cell are the
    ratio of its sides (ln b/a from 0 to 0.9) and its angle (90° to 120°); a scan distorts both by
    `SIMILAR`.
    """
    a, b = np.linalg.norm(vectors, axis=1)
    angle = np.arccos(np.clip(vectors[0] @ vectors[1] / (a * b), -1, 1))
    ratio, right = abs(np.log(b / a)), abs(angle - np.pi / 2)

    def normal(misfit: float) -> float:
        return 2 / (np.sqrt(2 * np.pi) * SIMILAR) * float(np.exp(-0.5 * (misfit / SIMILAR) ** 2))

    ratios, angles = 0.9, np.pi / 6
    # A centred cell whose b is not a: the projection of b on a is half of a.
    half = abs(np.cos(angle) * b / a + 0.5)
    likelihood = {
        "hexagonal": normal(ratio) * normal(abs(angle - 2 * np.pi / 3)),
        "square": normal(ratio) * normal(right),
        "rectangular": normal(right) / ratios,
        "centred rectangular": max(normal(ratio) / angles, normal(half) / ratios),
        "oblique": 1 / (ratios * angles),
    }
    best = max(likelihood, key=likelihood.get)
    return best, likelihood[best] / sum(likelihood.values())


def _one_a_direction(frequencies: np.ndarray) -> np.ndarray:
    """Numbers of the reflections that no stronger one shares its direction with."""
    angles = np.degrees(np.arctan2(frequencies[:, 1], frequencies[:, 0])) % 180
    off = np.abs(angles[:, None] - angles)
    close = np.minimum(off, 180 - off) < SAME_DIRECTION
    return np.flatnonzero(~np.tril(close, -1).any(axis=1))


def _confidence(
    members: np.ndarray, reciprocal: np.ndarray, bins: np.ndarray, frequencies: np.ndarray
) -> float:
    """1 − the probability that so many of random reflections would fit a lattice.

    Two reflections are what the lattice is made of, and the best of many pairs was taken; each
    other one hits a point by chance with the share of the cell that the slack covers. The strongest
    few may say more than all: the number that says most is taken, and paid for by a factor.
    Of reflections in one direction the strongest alone counts: a step edge has a row of them.
    """
    apart = _one_a_direction(frequencies)
    members = np.flatnonzero(np.isin(apart, members))
    frequencies = frequencies[apart]
    area = abs(np.linalg.det(reciprocal))
    slack = _slack(frequencies, bins)
    index = frequencies @ np.linalg.inv(reciprocal)
    off = np.linalg.norm((index - np.rint(index)) @ reciprocal, axis=1)
    # How well the members fit, not how badly they would have been allowed to.
    reach = np.clip((off / slack)[members].max(initial=0.0), BEST_FIT, 3)
    chance = np.minimum(np.pi * (reach * slack) ** 2 / area, 1.0)
    belongs = np.isin(np.arange(len(frequencies)), members)
    lowest = 1.0
    for count in range(3, len(frequencies) + 1):
        hits, pairs = int(belongs[:count].sum()), count * (count - 1) / 2
        by_chance = binom.sf(hits - 3, count - 2, chance[:count].mean())
        lowest = min(lowest, pairs * float(by_chance) if hits > 2 else 1.0)
    return 1 - min(1.0, COUNTS_TRIED * lowest)
