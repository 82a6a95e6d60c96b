"""Maps of strain beside the pattern that they come from."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latticework.analysis.diffraction.strain_map import StrainMap, table
from latticework.figures.overlay import show_logarithm
from latticework.figures.style import (
    BLUE,
    GREEN,
    IMAGE_COLOURS,
    ORANGE,
    PURPLE,
    STRAIN_COLOURS,
    VERMILLION,
    Drawn,
    styled,
)
from latticework.shards import atomic

TITLES = (
    r"$\varepsilon_{xx}$, %",
    r"$\varepsilon_{yy}$, %",
    r"$\varepsilon_{xy}$, %",
    "rotation, °",
)


def save_strain(path: str | Path, pattern: np.ndarray, found: StrainMap) -> None:
    """Draw the mean pattern (ky, kx) with its lattice, and the four maps, and save them as PNG."""
    figure = draw_strain(pattern, found)
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


@styled
def strain_maps(pattern: np.ndarray, found: StrainMap) -> Drawn:
    """The same as a figure, with the table of all positions."""
    return draw_strain(pattern, found), table(found)


def draw_strain(pattern: np.ndarray, found: StrainMap) -> Figure:
    """The mean pattern (ky, kx) with its lattice, and the four maps.

    A scan of one row becomes profiles with their errors.
    """
    figure = Figure(figsize=(12, 6.5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.35))
    _draw_pattern(left.add_subplot(), pattern, found)
    axes = right.subplots(2, 2).ravel()
    factors = (100, 100, 100, 180 / np.pi)
    for ax, title, factor, values, sigma in zip(
        axes,
        TITLES,
        factors,
        np.moveaxis(found.strain, -1, 0),
        np.moveaxis(found.sigma, -1, 0),
        strict=True,
    ):
        ax.set_title(title)
        if 1 in values.shape:
            x = np.arange(values.size)
            ax.errorbar(x, factor * values.ravel(), factor * sigma.ravel(), fmt=".", ms=4, lw=0.8)
            ax.axhline(0, color="0.7", lw=0.6, zorder=0)
            ax.set_xlabel("position")
            continue
        limit = factor * max(np.nanpercentile(np.abs(values), 99), 1e-6)
        shown = ax.imshow(factor * values, cmap=STRAIN_COLOURS, vmin=-limit, vmax=limit)
        ax.set_facecolor("0.85")
        right.colorbar(shown, ax=ax, shrink=0.85)
    return figure


def _draw_pattern(ax: Axes, pattern: np.ndarray, found: StrainMap) -> None:
    show_logarithm(ax, pattern)
    if not found.measured.any():
        return
    # As recorded: the reference is that of a camera without distortion.
    origin, *vectors = np.nanmedian(found.lattice[found.measured], axis=0)
    line = np.arange(-40, 41)
    h, k = (a.ravel() for a in np.meshgrid(line, line))
    places = origin + np.column_stack([h, k]) @ np.array(vectors)
    ny, nx = pattern.shape
    inside = np.all((places >= 0) & (places <= (nx - 1, ny - 1)), axis=1)
    ax.plot(*places[inside].T, "+", color="tab:orange", ms=5, mew=0.7)
    for vector, name in zip(vectors, "uv", strict=True):
        ax.annotate(
            "", origin + vector, origin, arrowprops={"arrowstyle": "->", "color": "tab:cyan"}
        )
        ax.annotate(name, origin + 1.25 * vector, color="tab:cyan", ha="center", va="center")
    ax.set_title("mean pattern and its lattice")
    ax.set_axis_off()


METHOD_COLOURS = {"network": ORANGE, "refined": BLUE}
OTHER_COLOURS = (VERMILLION, PURPLE, GREEN)


def _colours(methods: Sequence[str]) -> dict[str, str]:
    others = [method for method in methods if method not in METHOD_COLOURS]
    return dict(zip(others, OTHER_COLOURS, strict=False)) | METHOD_COLOURS


@styled
def strain_profiles(
    measured: pd.DataFrame,
    scores: pd.DataFrame,
    patterns: Mapping[str, np.ndarray],
    titles: Mapping,
) -> Drawn:
    """A column for each simulated scan: a pattern, profiles of exx and eyy, errors against dose.

    Profiles are means over the rows of a scan, without noise; `patterns` and `titles` by scan.
    """
    scans = list(patterns)
    methods = list(dict.fromkeys(measured["method"]))
    colours = _colours(methods)
    figure = Figure(figsize=(3.2 * len(scans) + 0.6, 8.2))
    axes = figure.subplots(4, len(scans), squeeze=False, height_ratios=(1.4, 1, 1, 1))
    for column, scan in zip(axes.T, scans, strict=True):
        _pattern(column[0], patterns[scan], titles[scan])
        part = measured[(measured["scan"] == scan) & (measured["dose"] == 0)]
        for ax, name in zip(column[1:3], ("exx", "eyy"), strict=True):
            _profiles(ax, part, name, methods, colours)
        _errors(column[3], scores[scores["scan"] == scan], methods, colours)
    axes[1, 0].set_ylabel(r"$\varepsilon_{xx}$, %")
    axes[2, 0].set_ylabel(r"$\varepsilon_{yy}$, %")
    axes[3, 0].set_ylabel(r"RMS error of $\varepsilon_{yy}$, %")
    axes[1, 0].legend(fontsize=6, ncols=2)
    return figure, scores


def _pattern(ax: Axes, pattern: np.ndarray, title: str) -> None:
    ax.imshow(np.maximum(pattern, 0) ** 0.25, cmap=IMAGE_COLOURS)
    ax.set_title(title)
    ax.set_axis_off()


def _profiles(
    ax: Axes, part: pd.DataFrame, name: str, methods: Sequence[str], colours: Mapping[str, str]
) -> None:
    columns = [name, f"true_{name}"]
    for method in methods:
        mean = part[part["method"] == method].groupby("x_angstrom")[columns].mean()
        ax.plot(mean.index / 10, 100 * mean[name], color=colours[method], label=method, lw=1)
        if method == methods[0]:
            ax.plot(mean.index / 10, 100 * mean[columns[1]], color="k", lw=0.8, label="truth")
    limit = 100 * max(0.004, 2 * part[f"true_{name}"].abs().max())
    ax.set_ylim(-limit, limit)
    ax.set_xlabel("x, nm")


def _errors(
    ax: Axes, scores: pd.DataFrame, methods: Sequence[str], colours: Mapping[str, str]
) -> None:
    known = sorted(scores["dose"].unique())
    # Without noise stands where more electrons than any would.
    places = {dose: number for number, dose in enumerate([*known[1:], known[0]])}
    for method in methods:
        part = scores[scores["method"] == method]
        where = part["dose"].map(places)
        order = np.argsort(where)
        values = 100 * part["rms_eyy"].to_numpy()[order]
        ax.semilogy(where.to_numpy()[order], values, "o-", color=colours[method], ms=3)
    bound = scores[scores["bound_eyy"].notna()] if "bound_eyy" in scores else scores[:0]
    if len(bound):
        x = bound["dose"].map(places)
        ax.semilogy(x, 100 * bound["bound_eyy"], "k--", lw=0.8, label="bound")
        ax.legend(fontsize=6)
    names = [f"{dose:.0e}".replace("e+0", "e") if dose else "no noise" for dose in places]
    ax.set_xticks(range(len(places)), names)
    ax.set_xlabel("electrons a pattern")
