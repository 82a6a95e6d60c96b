"""Refinement of a STEM picture: its columns fitted as Gaussians, tile by tile.

Each tile has a margin, whose columns are fitted with it and belong to its neighbours.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from tqdm import tqdm

from latticework.analysis.atoms.column_fit import ColumnFit, fit_columns
from latticework.analysis.atoms.refined import Refined
from latticework.materials import Material

# Columns of a tile, without its margin; the margin, and how far beyond it columns still reach into
# it, in distances to the nearest column.
TILE_COLUMNS, MARGIN, BEYOND = 120, 1.8, 1.0
# Fewest columns of a class that may have a width of their own.
OWN_WIDTH = 12
# Distance of the background's nodes, in distances to the nearest column.
SMOOTH = 5.0
# A column that ends farther from its start than this share of the distance to its nearest, or that
# is fainter than so many standard deviations, was not refined.
LOST, FAINT = 0.6, 2.0


@dataclass(frozen=True)
class Tile:
    """Part of a picture: its rows and columns, and those that are not its margin (slices)."""

    rows: slice
    columns: slice
    own_rows: slice
    own_columns: slice

    def reaches(self, positions: np.ndarray, beyond: float) -> np.ndarray:
        """Mask (n,) of the positions (n, 2) in px, x and y, in it or at most so many px beyond."""
        return _in(positions, self.rows, self.columns, beyond)

    def owns(self, positions: np.ndarray) -> np.ndarray:
        """Mask (n,) of the positions (n, 2) in px, x and y, in what is not its margin."""
        return _in(positions, self.own_rows, self.own_columns, 0.0)


def _in(positions: np.ndarray, rows: slice, columns: slice, beyond: float) -> np.ndarray:
    x, y = np.floor(positions + 0.5).T
    wide = (x >= columns.start - beyond) & (x < columns.stop + beyond)
    return wide & (y >= rows.start - beyond) & (y < rows.stop + beyond)


def tiles(shape: tuple[int, int], count: int, margin: float) -> Iterator[Tile]:
    """Tiles of a picture with `count` columns, of `TILE_COLUMNS` each and a margin in px more."""
    side = np.sqrt(shape[0] * shape[1] * TILE_COLUMNS / max(count, 1))
    edges = [np.linspace(0, size, max(round(size / side), 1) + 1).astype(int) for size in shape]
    wide = int(np.ceil(margin))
    for top, bottom in zip(edges[0][:-1], edges[0][1:], strict=True):
        for left, right in zip(edges[1][:-1], edges[1][1:], strict=True):
            yield Tile(
                slice(max(top - wide, 0), min(bottom + wide, shape[0])),
                slice(max(left - wide, 0), min(right + wide, shape[1])),
                slice(top, bottom),
                slice(left, right),
            )


def refine(
    image: np.ndarray,
    atoms: pd.DataFrame,
    sampling: float,
    card: Mapping[str, Any] | None,
    material: Material | None,
    *,
    progress: bool = False,
) -> Refined:
    """Fit all columns of a picture by the likelihood of Gaussians: see `Refined`.

    Beyond its columns the table has height and sigma_height in units of the image's mean, and the
    scattering cross-section (the volume under a column's Gaussian, as its height times Å²) with its
    standard deviation: cross_section, sigma_cross_section. `card` and `material` are not used: the
    probe is fitted, and where the columns start is all that is known of the lattice.

    Raises ValueError for an image that holds no numbers.
    """
    image = np.asarray(image, dtype=float)
    if not np.isfinite(image).all():
        raise ValueError("the image has pixels that are no numbers; they cannot be fitted")
    scale = abs(image.mean()) or 1.0
    start = _start(atoms, sampling)
    fitted = np.full((len(atoms), 8), np.nan)
    model = np.full(image.shape, np.nan)
    widths: dict[str, list[tuple[float, float, int]]] = {}
    noises = []
    inside = _inside(start, image.shape)
    if inside.sum():
        nearest = _nearest(start[inside], image.shape)
        parts = list(tiles(image.shape, int(inside.sum()), MARGIN * nearest))
        for tile in tqdm(parts, desc="refining", unit="tile", disable=not progress):
            here = inside & tile.reaches(start, BEYOND * nearest)
            own = tile.owns(start[here])
            if not own.any():
                continue
            names, group = _groups(atoms["class"].to_numpy(dtype=object)[here])
            corner = np.array([tile.columns.start, tile.rows.start])
            fit = fit_columns(
                image[tile.rows, tile.columns] / scale,
                start[here] - corner,
                group,
                nearest=nearest,
                smooth=SMOOTH * nearest,
            )
            fitted[np.flatnonzero(here)[own]] = _values(fit, group, corner, sampling)[own]
            _place(model, fit.model, tile)
            for name, width, sigma in zip(names, fit.widths, fit.sigma_widths, strict=True):
                widths.setdefault(name, []).append((width, sigma, int(own.sum())))
            noises.append(fit.noise)
        _forget_lost(fitted, start, nearest)
    return Refined(
        atoms=_table(atoms, fitted, sampling),
        model=model,
        residual=image / scale - model,
        parameters=_parameters(widths, noises, sampling),
        warnings=_warnings(fitted, inside),
    )


def _start(atoms: pd.DataFrame, sampling: float) -> np.ndarray:
    """Where the columns start (n, 2), px."""
    if {"x_px", "y_px"} <= set(atoms):
        return atoms[["x_px", "y_px"]].to_numpy(dtype=float).reshape(-1, 2)
    return atoms[["x_angstrom", "y_angstrom"]].to_numpy(dtype=float).reshape(-1, 2) / sampling


def _inside(positions: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Mask (n,) of the positions (n, 2) in px on a picture."""
    return ((positions > -0.5) & (positions < np.array(shape[::-1]) - 0.5)).all(axis=1)


def _nearest(positions: np.ndarray, shape: tuple[int, int]) -> float:
    """Usual distance of a column from its nearest, px; of a single one, a fifth of the picture."""
    if len(positions) < 2:
        return min(shape) / 5
    return float(np.median(cKDTree(positions).query(positions, k=2)[0][:, 1]))


def _groups(classes: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Names of the groups that share a width, and the group (n,) of each column.

    A class with too few columns joins the most frequent one.
    """
    names, counts = np.unique(classes.astype(str), return_counts=True)
    frequent = [str(name) for name in names[counts >= OWN_WIDTH]]
    common = str(names[counts.argmax()])
    groups = frequent or [common]
    place = {name: groups.index(name if name in groups else common) for name in map(str, names)}
    return groups, np.array([place[name] for name in classes.astype(str)])


def _values(fit: ColumnFit, group: np.ndarray, corner: np.ndarray, sampling: float) -> np.ndarray:
    """Per column x, y (px of the picture), their errors, height, error, cross-section, error."""
    area = 2 * np.pi * (fit.widths[group] * sampling) ** 2
    relative = 2 * (fit.sigma_widths / fit.widths)[group]
    cross = fit.heights * area
    error = np.hypot(fit.sigma_heights * area, cross * relative)
    return np.column_stack(
        [fit.positions + corner, fit.sigma, fit.heights, fit.sigma_heights, cross, error]
    )


def _place(model: np.ndarray, part: np.ndarray, tile: Tile) -> None:
    """Put what is not margin of a tile's model in its place."""
    top, left = tile.own_rows.start - tile.rows.start, tile.own_columns.start - tile.columns.start
    target = model[tile.own_rows, tile.own_columns]
    target[:] = part[top : top + target.shape[0], left : left + target.shape[1]]


def _forget_lost(fitted: np.ndarray, start: np.ndarray, nearest: float) -> None:
    """Take back what was fitted to columns that went astray or are not there."""
    moved = np.linalg.norm(fitted[:, :2] - start, axis=1)
    lost = (moved > LOST * nearest) | (fitted[:, 4] < FAINT * fitted[:, 5])
    fitted[lost | ~np.isfinite(fitted).all(axis=1)] = np.nan


def _table(atoms: pd.DataFrame, fitted: np.ndarray, sampling: float) -> pd.DataFrame:
    """The network's table with what was fitted; its own positions where nothing was."""
    # The network's own pixel may differ from the picture's by rounding: px decide where both are.
    network = _start(atoms, sampling)
    refined = np.isfinite(fitted[:, :1])
    positions = np.where(refined, fitted[:, :2], network)
    table = atoms.assign(
        x_angstrom=positions[:, 0] * sampling,
        y_angstrom=positions[:, 1] * sampling,
        x_px=positions[:, 0],
        y_px=positions[:, 1],
        sigma_x_angstrom=fitted[:, 2] * sampling,
        sigma_y_angstrom=fitted[:, 3] * sampling,
        x_network_angstrom=network[:, 0] * sampling,
        y_network_angstrom=network[:, 1] * sampling,
        height=fitted[:, 4],
        sigma_height=fitted[:, 5],
        cross_section=fitted[:, 6],
        sigma_cross_section=fitted[:, 7],
    )
    return table


def _parameters(
    widths: Mapping[str, list[tuple[float, float, int]]],
    noises: list[tuple[float, float]],
    sampling: float,
) -> dict[str, tuple[float, float]]:
    """Widths of the columns of each class and the noise, over all tiles."""
    found = {}
    for name, values in widths.items():
        width, sigma, count = np.array(values).T
        mean = float(np.average(width, weights=count))
        # Over one tile its own error, over several that of their mean.
        spread = width.std(ddof=1) / np.sqrt(len(width)) if len(width) > 1 else sigma[0]
        found[f"width_{name}_angstrom"] = (mean * sampling, float(spread) * sampling)
    if noises:
        read_out, gain = np.array(noises).mean(axis=0)
        found["noise_variance_at_zero"] = (float(read_out), np.nan)
        found["noise_variance_per_mean"] = (float(gain), np.nan)
    return found


def _warnings(fitted: np.ndarray, inside: np.ndarray) -> list[str]:
    lost = int((inside & ~np.isfinite(fitted[:, 0])).sum())
    if lost == 0:
        return []
    return [
        f"{lost} of {len(fitted)} columns could not be refined and keep the network's positions"
    ]
