"""Strain of a honeycomb lattice by structural template matching (Madsen 2018, §3.2, Fig. 7).

An atom and its nine nearest neighbours (three first, six second) are compared with the same ten
points of a perfect honeycomb. The match allows any rotation and scale, so neither the orientation
of the sheet nor the pixel size need be known.
"""

import numpy as np
import pandas as pd
from scipy import stats
from scipy.spatial import cKDTree

NEIGHBOURS = 9
CANDIDATES = 15  # first to third shell and some of the fourth
# Residual above which an atom has no such neighbourhood, in bond lengths.
RESIDUAL_LIMIT = 0.2
TRIM = 0.1  # share of the atoms left out at either end of the trimmed mean
UNKNOWN = ["planar", "xx", "yy", "xy", "rotation"]  # NaN where there is no strain


def _template() -> np.ndarray:
    """The ten points of a honeycomb, bond length 1: centre, first shell, second shell, (10, 2).

    Both shells run counterclockwise; the second starts 30° after the first. The other sublattice
    is this template turned by 60°, so one template and a free rotation serve for both.
    """
    first = np.deg2rad(np.arange(3) * 120.0)
    second = np.deg2rad(30.0 + np.arange(6) * 60.0)
    shells = [
        np.zeros((1, 2)),
        np.stack([np.cos(first), np.sin(first)], axis=1),
        np.sqrt(3) * np.stack([np.cos(second), np.sin(second)], axis=1),
    ]
    return np.concatenate(shells)


TEMPLATE = _template()


def fit_templates(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Affine map from the honeycomb template to each atom's neighbourhood.

    The three nearest atoms, counterclockwise, are the first shell: with the template's threefold
    axis there is nothing to choose. They say roughly where the second shell should be, and each
    of its six places takes the nearest atom; the fit to all ten then says it better, and the
    second shell is taken once more. Without noise these are the nine nearest neighbours. With
    noise the nine nearest often are not: only 0.4 Å lies between second and third neighbours.

    Parameters
    ----------
    positions
        (n ≥ 10, 2), Å.

    Returns
    -------
    gradient
        (n, 2, 2), A of the least-squares fit neighbour = A @ template + shift, in Å per bond
        length. Of the three equivalent choices of A (turns of the template by 120°) any may come
        out.
    residual
        (n,), RMS distance of the ten atoms from their fitted places over the fitted bond length.
        Gaussian noise of SD s per axis gives about 1.18 s over the bond length.

    Raises ValueError if positions are not finite, not (n, 2), or fewer than ten.
    """
    positions = np.asarray(positions, dtype=float)
    if positions.ndim != 2 or positions.shape[1] != 2 or len(positions) <= NEIGHBOURS:
        raise ValueError(f"positions must be (n >= {NEIGHBOURS + 1}, 2), not {positions.shape}")
    if not np.isfinite(positions).all():
        raise ValueError("positions must be finite")
    _, index = cKDTree(positions).query(positions, k=min(CANDIDATES + 1, len(positions)))
    around = positions[index[:, 1:]] - positions[:, None]
    angle = np.arctan2(around[:, :3, 1], around[:, :3, 0])
    first = np.take_along_axis(around[:, :3], np.argsort(angle, axis=1)[..., None], axis=1)

    gradient, shift = _similarity(first), 0.0
    for _ in range(2):
        places = TEMPLATE[4:] @ gradient.swapaxes(1, 2) + shift
        off = np.sum((places[:, :, None] - around[:, None]) ** 2, axis=3)
        second = np.take_along_axis(around, off.argmin(axis=2)[..., None], axis=1)
        points = np.concatenate([np.zeros_like(first[:, :1]), first, second], axis=1)
        shift = points.mean(axis=1, keepdims=True)
        # The template is centred, so the translation drops out of the normal equations.
        gradient = (points - shift).swapaxes(1, 2) @ TEMPLATE @ np.linalg.inv(TEMPLATE.T @ TEMPLATE)
    misfit = points - shift - TEMPLATE @ gradient.swapaxes(1, 2)
    rms = np.sqrt(np.mean(np.sum(misfit**2, axis=2), axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        residual = rms / np.sqrt(np.abs(np.linalg.det(gradient)))
    return gradient, residual


def _similarity(first: np.ndarray) -> np.ndarray:
    """Best scaled rotations (n, 2, 2) of the template's first shell onto (n, 3, 2) points."""
    template = TEMPLATE[1:4, 0] + 1j * TEMPLATE[1:4, 1]
    factor = (first[..., 0] + 1j * first[..., 1]) @ template.conj() / 3
    re, im = factor.real, factor.imag
    return np.stack([np.stack([re, -im], axis=-1), np.stack([im, re], axis=-1)], axis=-2)


def polar_decomposition(gradient: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Left polar decomposition A = P U: symmetric stretch P in the image's axes, rotation U.

    In two dimensions it has a closed form: U is the rotation whose angle makes A Uᵀ symmetric.
    `gradient` (..., 2, 2) has a positive determinant. Returns the stretch (..., 2, 2) and the
    angle (...) of the rotation in rad, from x to y.
    """
    angle = np.arctan2(
        gradient[..., 1, 0] - gradient[..., 0, 1], gradient[..., 0, 0] + gradient[..., 1, 1]
    )
    cos, sin = np.cos(angle), np.sin(angle)
    back = np.stack([np.stack([cos, sin], axis=-1), np.stack([-sin, cos], axis=-1)], axis=-2)
    return gradient @ back, angle


def strain(positions: np.ndarray, bond_length: float | None = None) -> pd.DataFrame:
    """Strain and rotation at each atom (Madsen 2018, §3.2, Fig. 7).

    ε = P − I in the image's axes, from the left polar decomposition A = P U of the affine map that
    takes the honeycomb template to the atom's neighbourhood. Without a given bond length, P is
    rescaled so that the trimmed mean of the planar strain is 0: the sheet on average defines what
    is unstrained.

    Atoms at edges and in other rings than hexagons have no such neighbourhood: where the fit's
    residual is above 0.2 bond lengths, strain and rotation are NaN. The limit lies between the
    0.08 that 0.1 Å of noise in the positions gives and the 0.27 and more of an atom that lacks one
    of the nine neighbours.

    Parameters
    ----------
    positions
        (n ≥ 10, 2), x, y in Å; any other unit does as well, unless `bond_length` is given.
    bond_length
        Unstrained bond length in Å; then the strain is absolute.

    Returns
    -------
    pandas.DataFrame
        One row an atom: planar (εxx + εyy)/2, xx, yy, xy (dimensionless; axes x right, y down),
        rotation (degrees from x to y, from the sheet's mean orientation, within ±30), sublattice
        (0 or 1, −1 where NaN), residual (bond lengths, always given).

    Raises ValueError as `fit_templates`, or if the bond length is not positive.
    """
    if bond_length is not None and not bond_length > 0:
        raise ValueError(f"bond_length must be positive, not {bond_length}")
    gradient, residual = fit_templates(positions)
    matched = (residual <= RESIDUAL_LIMIT) & (np.linalg.det(gradient) > 0)
    stretch, angle = polar_decomposition(gradient[matched])

    planar = 0.5 * (stretch[:, 0, 0] + stretch[:, 1, 1])
    if bond_length is None and len(planar):
        bond_length = stats.trim_mean(planar, TRIM)
    values = np.full((len(residual), 5), np.nan)
    sublattice = np.full(len(residual), -1)
    if len(planar):
        turn, side = _orientation(angle)
        values[matched] = np.stack(
            [
                planar / bond_length - 1.0,
                stretch[:, 0, 0] / bond_length - 1.0,
                stretch[:, 1, 1] / bond_length - 1.0,
                stretch[:, 0, 1] / bond_length,
                np.rad2deg(turn),
            ],
            axis=1,
        )
        sublattice[matched] = side
    table = pd.DataFrame(values, columns=UNKNOWN)
    return table.assign(sublattice=sublattice, residual=residual)


def _orientation(angle: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation from the mean orientation (radians, within ±π/6) and sublattice of each atom.

    The lattice repeats every 60°, one sublattice every 120°: the angle's sixfold phase is the
    orientation, and what remains of its threefold phase is the sublattice.
    """
    mean = np.angle(np.mean(np.exp(6j * angle))) / 6
    turn = np.angle(np.exp(6j * (angle - mean))) / 6
    side = np.rint((angle - mean - turn) / (np.pi / 3)).astype(int) % 2
    return turn, side


def strain_table(positions: np.ndarray, template: str | None) -> pd.DataFrame:
    """`strain` beside the positions (n, 2) in Å, for any number of atoms.

    Columns: x_angstrom, y_angstrom and those of `strain`. Fewer than ten atoms, which are no
    lattice, have no strain (NaN, sublattice −1); nor have those of a material without a
    `template`. Raises ValueError for a template that is not a honeycomb.
    """
    positions = np.asarray(positions, dtype=float).reshape(-1, 2)
    place = pd.DataFrame(positions, columns=["x_angstrom", "y_angstrom"])
    if template not in (None, "honeycomb"):
        raise ValueError(f"strain by the template {template!r} is not known, only by 'honeycomb'")
    if template is not None and len(positions) > NEIGHBOURS:
        return pd.concat([place, strain(positions)], axis=1)
    return place.assign(**dict.fromkeys(UNKNOWN, np.nan), sublattice=-1, residual=np.nan)
