"""Which points lie in a region: near a field's border, on a mask, inside outlines."""

from collections.abc import Iterable, Sequence

import numpy as np
from skimage.measure import points_in_poly


def as_points(points: np.ndarray | Sequence, name: str) -> np.ndarray:
    """Points as an (n, 2) float array; ValueError, naming them, where they are no such thing."""
    points = np.asarray(points, dtype=float)
    if points.size == 0:
        return points.reshape(0, 2)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError(f"{name} must be finite and (n, 2), not {points.shape}")
    return points


def outside_margin(
    positions: np.ndarray, extent: tuple[float, float] | np.ndarray, margin: float
) -> np.ndarray:
    """Mask (n,) of the points (n, 2) within `margin` of a field's border, or beyond it.

    `extent` is the width and height of the field from the origin; all lengths in one unit.
    """
    positions, extent = as_points(positions, "positions"), np.asarray(extent, dtype=float)
    return ((positions < margin) | (positions > extent - margin)).any(axis=1)


def in_mask(positions: np.ndarray, mask: np.ndarray, sampling: float) -> np.ndarray:
    """Mask (n,) of the points (n, 2) in Å on the true pixels of `mask` (ny, nx).

    `sampling` is in Å/px; beyond the mask the nearest pixel decides.
    """
    mask = np.asarray(mask, dtype=bool)
    pixel = np.rint(as_points(positions, "positions") / sampling).astype(int)
    return mask[
        np.clip(pixel[:, 1], 0, mask.shape[0] - 1), np.clip(pixel[:, 0], 0, mask.shape[1] - 1)
    ]


def in_outlines(positions: np.ndarray, outlines: Iterable[Sequence[Sequence[float]]]) -> np.ndarray:
    """Mask (n,) of the points (n, 2) inside any of some closed outlines.

    An outline is a list of corners (x, y), in the unit of the points.
    """
    points = as_points(positions, "positions")
    inside = np.zeros(len(points), dtype=bool)
    for outline in outlines:
        inside |= points_in_poly(points, np.asarray(outline, dtype=float))
    return inside
