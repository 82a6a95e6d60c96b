"""Thinning of points to a least separation, which generators and localisation share."""

import numpy as np
from scipy.spatial import cKDTree


def hard_core(
    points: np.ndarray,
    separation: float,
    *,
    box: float | None = None,
    priority: np.ndarray | None = None,
) -> np.ndarray:
    """Mask (n,) of the points that stay when of two nearer than `separation` one has to go.

    The point of the highest priority stays and its neighbours go, and so on down; of equal
    priorities, or without any, the first point stays.

    Parameters
    ----------
    points
        (n, d), in any unit.
    separation
        In the unit of the points.
    box
        Side of a periodic box in the same unit; without it the space is open.
    priority
        (n,).
    """
    pairs = cKDTree(points, boxsize=box).query_pairs(separation, output_type="ndarray")
    if priority is not None:
        rank = np.empty(len(points), dtype=int)
        rank[np.argsort(-priority, kind="stable")] = np.arange(len(points))
        swap = rank[pairs[:, 0]] > rank[pairs[:, 1]]
        pairs[swap] = pairs[swap, ::-1]
    # The point that comes first in a pair is the one that would stay.
    kept = np.ones(len(points), dtype=bool)
    while len(pairs):
        safe = np.ones(len(points), dtype=bool)
        safe[pairs[:, 1]] = False
        kept[pairs[safe[pairs[:, 0]], 1]] = False
        pairs = pairs[kept[pairs].all(axis=1)]
    return kept
