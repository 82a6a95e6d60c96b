"""Lattices of a scan → maps of strain with their errors."""

from collections.abc import Sequence

import numpy as np

from latticework.analysis.diffraction.scan_strain import VAGUE, WORST, Lattices
from latticework.analysis.diffraction.strain import Convention, strain, strain_errors
from latticework.analysis.diffraction.strain_map import (
    MEASURED,
    REASONS,
    UNFIT,
    UNSURE,
    StrainMap,
)
from latticework.datasets.read import PictureError
from latticework.datasets.scans import rows_and_columns


def reference_vectors(
    vectors: np.ndarray, measured: np.ndarray, region: tuple[int, int, int, int] | None
) -> np.ndarray:
    """Median u and v (2, 2) of measured positions (y, x), all or those in a region.

    `region` is x0, y0, x1, y1 in positions of the scan, the ends excluded. Raises PictureError for
    one that has no measured position.
    """
    inside = measured.copy()
    if region is not None:
        x0, y0, x1, y1 = region
        inside[:] = False
        inside[y0:y1, x0:x1] = measured[y0:y1, x0:x1]
    if not inside.any():
        ny, nx = measured.shape
        where = f"in the reference {region}" if region else "in the scan"
        raise PictureError(
            f"no position {where} could be measured; the scan has {nx} × {ny} positions, of which "
            f"{int(measured.sum())} could"
        )
    return np.median(vectors[inside], axis=0)


def relative_error(found: Lattices) -> np.ndarray:
    """Error (n,) of the worse known vector over the shorter one's length; NaN where unknown."""
    sigma = np.sqrt(np.diagonal(found.covariance[:, 2:, 2:], axis1=-2, axis2=-1)).max(axis=-1)
    return sigma / np.linalg.norm(found.lattice[:, 1:], axis=-1).min(axis=-1)


def strain_map(
    found: Lattices,
    scan: Sequence[int],
    *,
    region: tuple[int, int, int, int] | None = None,
    angle: float = 0.0,
    convention: Convention = "latticework",
    camera: np.ndarray | None = None,
) -> StrainMap:
    """The strain of all positions; `angle` (rad) from the detector's x axis to the strain's.

    `camera` (2, 2) turns the detector's vectors, as rows, into those of a camera without elliptic
    distortion (`rings.round_again`).

    A position whose residual is far above the scan's median is not of this crystal, and one whose
    vectors are not known to a per cent says nothing of strain: both are masked.
    Raises PictureError where there is no reference.
    """
    shape = rows_and_columns(scan)
    reason = found.reason.copy()
    if (reason == MEASURED).any():
        limit = WORST * np.median(found.residual[reason == MEASURED])
        reason[(reason == MEASURED) & (found.residual > limit)] = UNFIT
    reason[(reason == MEASURED) & (relative_error(found) > VAGUE)] = UNSURE
    measured = (reason == MEASURED).reshape(shape)
    if not measured.any():
        counts = np.bincount(reason)
        why = ", ".join(f"{n}: {REASONS[i]}" for i, n in enumerate(counts) if n)
        raise PictureError(
            f"none of {reason.size} positions could be measured ({why}); --no-refine gives the "
            "network's answer alone"
        )
    lattice = found.lattice.reshape(*shape, 3, 2)
    turned = np.eye(2) if camera is None else camera
    vectors = lattice[..., 1:, :] @ turned
    reference = reference_vectors(vectors, measured, region)
    values = np.full((*shape, 4), np.nan)
    sigma = values.copy()
    values[measured] = strain(vectors[measured], reference, angle, convention)
    both = np.kron(np.eye(2), turned)
    covariance = both.T @ found.covariance.reshape(*shape, 6, 6)[measured][:, 2:, 2:] @ both
    sigma[measured] = strain_errors(vectors[measured], covariance, reference, angle)
    others = (a.reshape(shape) for a in (reason, found.peaks, found.indexed, found.residual))
    return StrainMap(values, sigma, *others, lattice, reference)
