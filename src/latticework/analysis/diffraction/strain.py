"""Strain of a crystal from the lattice of its diffraction pattern (Munshi 2022, eq. 5).

Lattice vectors (..., 2, 2) have u and v as rows, (x, y) along the detector's columns and rows.
Strain is in numbers, not per cent, positive where the crystal is stretched: reciprocal vectors are
shorter there. A positive rotation turns x towards y, clockwise as a picture is seen.
"""

from typing import Literal

import numpy as np

COMPONENTS = ("exx", "eyy", "exy", "rotation")
Convention = Literal["latticework", "quantem", "py4dstem"]


def deformation(vectors: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Deformation (..., 2, 2) F that turns the reference crystal into the strained one.

    A reciprocal vector g becomes g F⁻¹ (as a row), so that F = G⁻¹ G₀.
    """
    return np.linalg.solve(vectors, np.broadcast_to(reference, vectors.shape))


def turned(gradient: np.ndarray, angle: float) -> np.ndarray:
    """Deformations (..., 2, 2) in axes x', y' that are turned by `angle` rad from x towards y."""
    c, s = np.cos(angle), np.sin(angle)
    axes = np.array([[c, s], [-s, c]])
    return axes @ gradient @ axes.T


def components(gradient: np.ndarray) -> np.ndarray:
    """exx, eyy, exy and the rotation (rad) of deformations: (..., 2, 2) → (..., 4).

    The infinitesimal tensor: the symmetric part of F − 1, and its antisymmetric part.
    """
    xx, xy, yx, yy = (gradient[..., i, j] for i in (0, 1) for j in (0, 1))
    return np.stack([xx - 1, yy - 1, (xy + yx) / 2, (yx - xy) / 2], axis=-1)


def strain(
    vectors: np.ndarray,
    reference: np.ndarray,
    angle: float = 0.0,
    convention: Convention = "latticework",
) -> np.ndarray:
    """Strain components (..., 4) of lattice vectors (..., 2, 2) with respect to a reference.

    Parameters
    ----------
    vectors, reference
        u and v as rows, px or 1/Å.
    angle
        rad, from the detector's x axis to that of the strain, towards y.
    convention
        "quantem": that of quantem 0.1.10 for e_cc, e_rr, e_rc and phi: its rotation turns rows
        towards columns, and has the opposite sign. "py4dstem": that of py4DSTEM 0.14.18, whose x is
        the row, so that the first two change places; it is of first order, 1 − G₀⁻¹ G in place of
        G⁻¹ G₀ − 1.
    """
    if convention == "py4dstem":
        inverse = np.linalg.solve(np.broadcast_to(reference, vectors.shape), vectors)
        return components(turned(2 * np.eye(2) - inverse, angle))[..., [1, 0, 2, 3]]
    found = components(turned(deformation(vectors, reference), angle))
    return found * (1, 1, 1, -1) if convention == "quantem" else found


def strain_covariance(
    vectors: np.ndarray, covariance: np.ndarray, reference: np.ndarray, angle: float = 0.0
) -> np.ndarray:
    """Covariance (..., 4, 4) of the components, of that of the vectors (..., 4, 4), px².

    `covariance` is in the order ux, uy, vx, vy. The reference counts as exact.
    """
    f = deformation(vectors, reference)
    inverse = np.linalg.inv(vectors)
    columns = []
    for i in range(2):
        for j in range(2):
            # d(G⁻¹ G₀) = −G⁻¹ dG F, of one element of G at a time.
            change = -inverse[..., :, i, None] * f[..., None, j, :]
            columns.append(components(turned(change, angle) + np.eye(2)))
    jacobian = np.stack(columns, axis=-1)
    return jacobian @ covariance @ np.swapaxes(jacobian, -1, -2)


def strain_errors(
    vectors: np.ndarray, covariance: np.ndarray, reference: np.ndarray, angle: float = 0.0
) -> np.ndarray:
    """Standard deviations (..., 4) of the components; parameters as `strain_covariance`."""
    errors = strain_covariance(vectors, covariance, reference, angle)
    return np.sqrt(np.diagonal(errors, axis1=-2, axis2=-1))
