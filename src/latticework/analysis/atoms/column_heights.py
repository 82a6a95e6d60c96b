"""Heights of all columns of a picture by one quick fit: Gaussians and a slow background.

A likelihood fit (`column_fit`) says how sure a position is, tile by tile, and takes its time. To
tell columns apart their heights are enough, free of their neighbours and of the background: a
picture is fitted as a whole, all pixels alike, on a pixel that still shows its columns.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.linalg import SuperLU, splu
from scipy.spatial import cKDTree

from latticework.analysis.atoms.column_fit import State, background_basis, jacobian_of, model_of
from latticework.inference.resampling import resample

# Å: a finer pixel is not needed.
PIXEL = 0.25
# Distance of the background's nodes, in distances to the nearest column.
SMOOTH = 5.0
# How far off a start may be, one standard deviation, as a share of that distance.
START = 0.1
# Widths to start from, as shares of that distance, and steps of the fit.
WIDTHS = (0.22, 0.27, 0.32, 0.38, 0.45)
STEPS = 6
TINY = 1e-9  # keeps apart what the picture cannot tell


@dataclass(frozen=True)
class Heights:
    """Columns of a picture, fitted.

    Parameters
    ----------
    positions
        (n, 2), x and y in Å; pixel 0 is centred at 0.
    heights
        (n,), in standard deviations of the picture.
    residual, sampling
        (ny, nx) in the same units, and its pixel, Å.
    width
        Of the columns of the first group, Å.
    """

    positions: np.ndarray
    heights: np.ndarray
    residual: np.ndarray
    sampling: float
    width: float
    _solver: SuperLU
    _variance: float

    def sigma(self, columns: np.ndarray) -> np.ndarray:
        """Standard deviations (m,) of the heights of some columns, given by number (m,)."""
        picked = np.zeros((self._solver.shape[0], len(columns)))
        places = 3 * np.asarray(columns, dtype=int) + 2
        picked[places, np.arange(len(columns))] = 1.0
        solved = self._solver.solve(picked)[places, np.arange(len(columns))]
        return np.sqrt(np.maximum(solved, 0.0) * self._variance)

    def unexplained(self, least: float, apart: float) -> np.ndarray:
        """Places (m, 2) in Å where the residual has a column of at least a height.

        They are at least `apart` Å from the columns and from each other's maxima.
        """
        width = self.width / self.sampling
        # A Gaussian in the residual, seen through a Gaussian of its own width.
        seen = 2 * ndimage.gaussian_filter(self.residual, width)
        size = 2 * int(np.ceil(apart / self.sampling)) + 1
        peak = (seen >= least) & (seen == ndimage.maximum_filter(seen, size))
        places = np.argwhere(peak)[:, ::-1] * self.sampling
        if len(places) == 0:
            return places.astype(float)
        return places[cKDTree(self.positions).query(places)[0] >= apart]


def fit_heights(
    image: np.ndarray, sampling: float, positions: np.ndarray, group: np.ndarray, nearest: float
) -> Heights:
    """Fit a Gaussian to every column of a picture, together with its background.

    Parameters
    ----------
    image, sampling
        (ny, nx) of any scale, and its pixel, Å.
    positions, group
        (n ≥ 1, 2), x and y in Å where columns are to be found, and the number (n,) of the group,
        from 0, with which each shares its width.
    nearest
        Usual distance of a column from the nearest, Å.
    """
    if sampling < PIXEL:
        image, sampling = resample(np.asarray(image, dtype=float), sampling, PIXEL), PIXEL
    shape, flat = image.shape, np.asarray(image, dtype=float).ravel()
    flat = flat / max(float(flat.std()), np.finfo(float).tiny)
    places, nearest = positions / sampling, nearest / sampling
    basis = background_basis(shape, SMOOTH * nearest)
    state = min(
        (_linear(flat, places, group, basis, shape, share * nearest) for share in WIDTHS),
        key=lambda tried: float(np.sum((flat - model_of(tried, group, basis, shape)) ** 2)),
    )
    for _ in range(STEPS):
        residual = flat - model_of(state, group, basis, shape)
        variance = float(residual.var())
        jacobian = jacobian_of(state, group, basis, shape)
        sure = variance * (START * nearest) ** -2
        held = np.full(jacobian.shape[1], TINY)
        held[: 3 * len(places)] += np.tile([sure, sure, 0.0], len(places))
        right = jacobian.T @ residual
        moved = state.columns - np.column_stack([places, state.columns[:, 2]])
        right[: 3 * len(places)] -= held[: 3 * len(places)] * moved.ravel()
        solver = _solver(jacobian, held)
        state = state.moved(solver.solve(right))
    return Heights(
        positions=state.columns[:, :2] * sampling,
        heights=state.columns[:, 2],
        residual=(flat - model_of(state, group, basis, shape)).reshape(shape),
        sampling=sampling,
        width=float(np.exp(state.widths[0])) * sampling,
        _solver=solver,
        _variance=variance,
    )


def _solver(design: sparse.csr_array, held: np.ndarray) -> SuperLU:
    normal = sparse.csc_array(design.T @ design + sparse.diags_array(held))
    # A symmetric, positive matrix: no pivots, and an order that keeps the factors thin.
    options = {"SymmetricMode": True}
    return splu(normal, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)


def _linear(
    flat: np.ndarray,
    places: np.ndarray,
    group: np.ndarray,
    basis: sparse.csr_array,
    shape: tuple[int, int],
    width: float,
) -> State:
    """Heights and background of columns of a width in px where they start."""
    count = len(places)
    unit = State(
        np.column_stack([places, np.ones(count)]),
        np.full(int(group.max()) + 1, np.log(max(width, 0.5))),
        np.zeros(basis.shape[1]),
    )
    linear = np.concatenate([3 * np.arange(count) + 2, np.arange(basis.shape[1]) + 3 * count])
    linear[count:] += len(unit.widths)
    design = sparse.csr_array(jacobian_of(unit, group, basis, shape)[:, linear])
    found = _solver(design, np.full(design.shape[1], TINY)).solve(design.T @ flat)
    return State(np.column_stack([places, found[:count]]), unit.widths, found[count:])
