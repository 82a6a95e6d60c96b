"""Maps of strain beside the pattern that they come from."""

import warnings
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latticework.analysis.diffraction.strain import COMPONENTS
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
FACTORS = np.array([100, 100, 100, 180 / np.pi])


def save_strain(path: str | Path, pattern: np.ndarray, found: StrainMap) -> None:
    """Draw the mean pattern (ky, kx) with its lattice, and the maps, and save them as PNG."""
    figure = draw_strain(pattern, found)
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


@styled
def strain_maps(pattern: np.ndarray, found: StrainMap) -> Drawn:
    """The same as a figure, with the table of all positions."""
    return draw_strain(pattern, found), table(found)


def draw_strain(pattern: np.ndarray, found: StrainMap) -> Figure:
    """The mean pattern (ky, kx) with its lattice, the four maps with mean and standard deviation
    (as in Munshi 2022, Fig. 4), and what they rest on.

    A scan of one row becomes profiles with their errors.
    """
    figure = Figure(figsize=(17, 6.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 2.4))
    _draw_pattern(left.add_subplot(), pattern, found)
    axes = right.subplots(2, 4)
    maps = np.moveaxis(found.strain, -1, 0) * FACTORS[:, None, None]
    errors = np.moveaxis(found.sigma, -1, 0) * FACTORS[:, None, None]
    for ax, title, values, sigma in zip(axes[0], TITLES, maps, errors, strict=True):
        _draw_map(ax, values, sigma, limits="symmetric")
        known = values[np.isfinite(values)]
        spread = f"\n{known.mean():+.2f} ± {known.std():.2f}" if len(known) else ""
        ax.set_title(title + spread)
    beside = (
        ("dilation, %", maps[0] + maps[1], "symmetric"),
        (r"error of $\varepsilon_{xx}$, %", errors[0], "positive"),
        ("residual of the fit", np.where(found.measured, found.residual, np.nan), "positive"),
        ("share of peaks indexed", found.indexed, "share"),
    )
    for ax, (title, values, limits) in zip(axes[1], beside, strict=True):
        _draw_map(ax, values, None, limits)
        ax.set_title(title)
    return figure


def _draw_map(ax: Axes, values: np.ndarray, sigma: np.ndarray | None, limits: str) -> None:
    """A map (y, x) with its colours, or of one row a profile with its errors."""
    if 1 in values.shape:
        x = np.arange(values.size)
        error = None if sigma is None else sigma.ravel()
        ax.errorbar(x, values.ravel(), error, fmt=".", ms=4, lw=0.8)
        if limits == "symmetric":
            ax.axhline(0, color="0.7", lw=0.6, zorder=0)
        ax.set_xlabel("position")
        return
    known = np.abs(values[np.isfinite(values)])
    limit = max(float(np.percentile(known, 99)) if len(known) else 0, 1e-6)
    low, high = {"symmetric": (-limit, limit), "positive": (0, limit), "share": (0, 1)}[limits]
    colours = STRAIN_COLOURS if limits == "symmetric" else "viridis"
    shown = ax.imshow(values, cmap=colours, vmin=low, vmax=high)
    ax.set_facecolor("0.85")
    ax.figure.colorbar(shown, ax=ax, shrink=0.75)


@styled
def strain_profile(
    found: StrainMap, expected: np.ndarray | None, reference: Sequence[int] | None
) -> Drawn:
    """Mean strain along x over the rows of a scan with its error (Munshi 2022, Fig. 5i).

    `expected` (n, 2): positions along x and the strain exx that composition lets expect there, with
    respect to its mean in the `reference` region (x0, y0, x1, y1).
    """
    x = np.arange(found.strain.shape[1])
    rows = found.measured.sum(axis=0)
    columns: dict[str, np.ndarray] = {"scan_x": x, "rows": rows}
    figure = Figure(figsize=(7.5, 3))
    for ax, number, title in zip(figure.subplots(1, 2), (0, 1), TITLES[:2], strict=True):
        name = COMPONENTS[number]
        values = found.strain[..., number]
        with warnings.catch_warnings():
            # A column of positions without strain has none.
            warnings.simplefilter("ignore", RuntimeWarning)
            mean = np.nanmean(values, axis=0)
            # Of one row the position's own error.
            spread = np.nanstd(values, axis=0, ddof=1) / np.sqrt(rows)
        error = np.where(rows > 1, spread, np.nanmax(found.sigma[..., number], axis=0, initial=0))
        columns |= {name: mean, f"error_{name}": error}
        ax.errorbar(x, 100 * mean, 100 * error, fmt=".-", ms=3, lw=0.8, color=BLUE)
        truth = np.zeros(len(x))
        if number == 0 and expected is not None:
            truth = np.interp(x, *expected.T)
            if reference is not None:
                truth = truth - truth[reference[0] : reference[2]].mean()
            columns["expected_exx"] = truth
        if number or expected is not None:
            ax.plot(x, 100 * truth, "k-", lw=0.8, label="expected")
            rms = 100 * float(np.sqrt(np.nanmean((mean - truth) ** 2)))
            ax.set_title(f"RMS of the difference {rms:.2f} %", fontsize=8)
            ax.legend(fontsize=7)
        ax.set_ylabel(title)
        ax.set_xlabel("position along x")
    return figure, pd.DataFrame(columns)


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


def _lines(methods: Sequence[str]) -> dict[str, dict[str, str]]:
    """Colour and style of each method's lines; a tool's second set of parameters is dashed."""
    tools = dict.fromkeys(method.partition(",")[0] for method in methods)
    others = [tool for tool in tools if tool not in METHOD_COLOURS]
    colours = dict(zip(others, cycle(OTHER_COLOURS), strict=False)) | METHOD_COLOURS
    return {
        method: {"color": colours[method.partition(",")[0]], "ls": "--" if "," in method else "-"}
        for method in methods
    }


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
    lines = _lines(methods)
    figure = Figure(figsize=(3.2 * len(scans) + 0.6, 8.2))
    axes = figure.subplots(4, len(scans), squeeze=False, height_ratios=(1.4, 1, 1, 1))
    for column, scan in zip(axes.T, scans, strict=True):
        _pattern(column[0], patterns[scan], titles[scan])
        part = measured[(measured["scan"] == scan) & (measured["dose"] == 0)]
        for ax, name in zip(column[1:3], ("exx", "eyy"), strict=True):
            _profiles(ax, part, name, lines)
        _errors(column[3], scores[scores["scan"] == scan], lines)
    axes[1, 0].set_ylabel(r"$\varepsilon_{xx}$, %")
    axes[2, 0].set_ylabel(r"$\varepsilon_{yy}$, %")
    axes[3, 0].set_ylabel(r"RMS error of $\varepsilon_{yy}$, %")
    handles, labels = axes[1, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure, scores


def _pattern(ax: Axes, pattern: np.ndarray, title: str) -> None:
    ax.imshow(np.maximum(pattern, 0) ** 0.25, cmap=IMAGE_COLOURS)
    ax.set_title(title)
    ax.set_axis_off()


def _profiles(
    ax: Axes, part: pd.DataFrame, name: str, lines: Mapping[str, Mapping[str, str]]
) -> None:
    columns = [name, f"true_{name}"]
    for number, (method, line) in enumerate(lines.items()):
        mean = part[part["method"] == method].groupby("x_angstrom")[columns].mean()
        ax.plot(mean.index / 10, 100 * mean[name], label=method, lw=1, **line)
        if not number:
            ax.plot(mean.index / 10, 100 * mean[columns[1]], color="k", lw=0.8, label="truth")
    limit = 100 * max(0.004, 2 * part[f"true_{name}"].abs().max())
    ax.set_ylim(-limit, limit)
    ax.set_xlabel("x, nm")


def _errors(ax: Axes, scores: pd.DataFrame, lines: Mapping[str, Mapping[str, str]]) -> None:
    known = sorted(scores["dose"].unique())
    # Without noise stands where more electrons than any would.
    places = {dose: number for number, dose in enumerate([*known[1:], known[0]])}
    for method, line in lines.items():
        part = scores[scores["method"] == method]
        where = part["dose"].map(places)
        order = np.argsort(where)
        values = 100 * part["rms_eyy"].to_numpy()[order]
        ax.semilogy(where.to_numpy()[order], values, marker="o", ms=3, **line)
    bound = scores[scores["bound_eyy"].notna()] if "bound_eyy" in scores else scores[:0]
    if len(bound):
        x = bound["dose"].map(places)
        ax.semilogy(x, 100 * bound["bound_eyy"], "k--", lw=0.8, label="bound")
        ax.legend(fontsize=6)
    names = [f"{dose:.0e}".replace("e+0", "e") if dose else "no noise" for dose in places]
    ax.set_xticks(range(len(places)), names)
    ax.set_xlabel("electrons a pattern")
