"""Figures of columns whose atoms were counted: one example, errors against dose, reliability."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latticework.figures import style
from latticework.figures.style import Drawn, styled

COLUMN = 1.9
COUNT_COLOURS = "viridis"
ERROR_COLOURS = "RdBu_r"
ERRORS = {
    "off_by_1": ("off by one", style.BLUE),
    "off_by_2": ("off by two", style.ORANGE),
    "off_by_3_or_more": ("off by three or more", style.VERMILLION),
    "missed": ("not found", style.GREY),
}
GROUPS = {"aligned": "on the zone axis", "tilted": "tilted by up to 3°"}


@dataclass(frozen=True)
class Series:
    """A focal series of a particle and what was counted in it.

    `images` (series, ny, nx) at `sampling` Å and `defocus` Å; probabilities (classes, my, mx) at
    `map_sampling` Å; segments (my, mx), number of the column of each pixel, 0 where there is
    none; counts: rows of `evaluation.counting.counted_columns`, one table a dose.
    """

    images: np.ndarray
    sampling: float
    defocus: Sequence[float]
    dose: float
    probabilities: np.ndarray
    map_sampling: float
    segments: np.ndarray
    counts: dict[float, pd.DataFrame]


def read_series(arrays: Mapping[str, Any], attributes: Mapping[str, Any]) -> list[Series]:
    """One particle at several doses from a file of format "examples", the highest dose first."""
    doses = [float(dose) for dose in arrays["dose"]]
    tables = [pd.DataFrame(rows, columns=attributes["quantities"]) for rows in arrays["columns"]]
    whole = {"truth": int, "counted": int}
    counts = {dose: table.astype(whole) for dose, table in zip(doses, tables, strict=True)}
    return [
        Series(
            images=arrays["images"][number],
            sampling=float(arrays["sampling"]),
            defocus=list(arrays["defocus"]),
            dose=dose,
            probabilities=arrays["probabilities"][number],
            map_sampling=float(arrays["map_sampling"]),
            segments=arrays["segments"][number],
            counts=counts,
        )
        for number, dose in enumerate(doses)
    ]


def _window(series: Series) -> tuple[float, float, float, float]:
    ny, nx = series.images.shape[1:]
    return (0, 0, nx * series.sampling, ny * series.sampling)


def _columns(
    ax: Axes,
    window: tuple[float, float, float, float],
    table: pd.DataFrame,
    values: np.ndarray,
    **how,
):
    style.field(ax, window)
    return style.discs(ax, table[["x_angstrom", "y_angstrom"]].to_numpy(), COLUMN, values, **how)


@styled
def method(series: Series) -> Drawn:
    """From a focal series to counted columns (Madsen 2018, Figs. 1 and 3)."""
    window, table = _window(series), series.counts[series.dose]
    classes = len(series.probabilities)
    figure = Figure(figsize=(12, 8.6))
    axes = figure.subplots(3, 4).ravel()
    for ax, letter, image, defocus in zip(axes, "abc", series.images, series.defocus, strict=False):
        style.show_image(ax, image, series.sampling, window)
        style.label(ax, letter, f"defocus {defocus:g} Å".replace("-", "−"))
    how = {"cmap": style.MAP_COLOURS, "vmin": 0, "vmax": 1}
    style.show(axes[3], series.probabilities[0], series.map_sampling, window, **how)
    style.label(axes[3], "d", "background")
    shuffled = np.where(series.segments > 0, series.segments * 7 % 19 + 1, np.nan)
    style.show(axes[4], shuffled, series.map_sampling, window, cmap="tab20")
    style.label(axes[4], "e", "segments")
    # The classes that the particle has most of.
    common = table["truth"].value_counts().index[:4].sort_values()
    for ax, letter, kind in zip(axes[5:9], "fghi", common, strict=False):
        shown = style.show(ax, series.probabilities[kind], series.map_sampling, window, **how)
        style.label(ax, letter, f"{kind} atoms")
    figure.colorbar(shown, ax=axes[:4], label="probability", shrink=0.7)
    limits = {"cmap": COUNT_COLOURS, "clim": (1, classes - 1)}
    drawn = _columns(axes[9], window, table, table["truth"], **limits)
    style.label(axes[9], "j", "truth")
    found = table[table["counted"] > 0]
    _columns(axes[10], window, found, found["counted"], **limits)
    wrong = found[found["counted"] != found["truth"]]
    style.discs(
        axes[10],
        wrong[["x_angstrom", "y_angstrom"]].to_numpy(),
        COLUMN + 0.3,
        facecolors="none",
        edgecolors=style.VERMILLION,
    )
    style.label(axes[10], "k", f"counted; {len(wrong)} of {len(table)} wrong")
    figure.colorbar(drawn, ax=axes[8:], label="atoms in the column", shrink=0.7)
    _doubtful(axes[11], found, classes)
    style.label(axes[11], "l", "three least certain columns")
    return figure, table


def _doubtful(ax: Axes, found: pd.DataFrame, classes: int) -> None:
    """Class probabilities of the three columns whose likeliest class is the least likely."""
    names = [f"p_{k}" for k in range(1, classes)]
    order = found[names].max(axis=1).sort_values().index[:3]
    for place, (index, colour) in enumerate(
        zip(order, (style.BLUE, style.ORANGE, style.GREEN), strict=False)
    ):
        row = found.loc[index]
        ax.bar(
            np.arange(1, classes) + 0.25 * (place - 1),
            row[names].astype(float),
            width=0.25,
            color=colour,
            label=f"truth {row['truth']:.0f}",
        )
    ax.set(xlabel="atoms in the column", ylabel="probability (eq. 7)", ylim=(0, 1))
    ax.legend()


@styled
def errors_in_place(series: Series) -> Drawn:
    """Three images, true numbers of atoms, and errors at each dose (Madsen 2018, Fig. 11)."""
    window = _window(series)
    doses = sorted(series.counts, reverse=True)
    figure = Figure(figsize=(2.6 * max(3, 1 + len(doses)), 5.6))
    axes = figure.subplots(2, max(3, 1 + len(doses)))
    for ax in axes[0]:
        ax.set_axis_off()
    for ax, image, defocus in zip(axes[0], series.images, series.defocus, strict=False):
        style.show_image(ax, image, series.sampling, window)
        ax.set_title(f"defocus {defocus:g} Å".replace("-", "−"))
    table = series.counts[series.dose]
    limits = (1, len(series.probabilities) - 1)
    counted = _columns(axes[1, 0], window, table, table["truth"], cmap=COUNT_COLOURS, clim=limits)
    style.label(axes[1, 0], "a", "truth")
    figure.colorbar(counted, ax=axes[1, 0], location="bottom", label="atoms in the column")
    for ax, dose in zip(axes[1, 1:], doses, strict=False):
        found = series.counts[dose]
        error = (found["counted"] - found["truth"]).where(found["counted"] > 0, np.nan)
        drawn = _columns(ax, window, found, error, cmap=ERROR_COLOURS, clim=(-3, 3))
        drawn.set_edgecolor("0.5")
        wrong = int((error != 0).sum())
        ax.set_title(f"{dose:,.0f} e/Å²: {wrong} of {len(found)} wrong")
    figure.colorbar(drawn, ax=axes[1, 1:], location="bottom", label="counted − true", shrink=0.6)
    return figure, pd.concat(
        [part.assign(dose=dose) for dose, part in series.counts.items()], ignore_index=True
    )


@styled
def errors_against_dose(errors: pd.DataFrame, bounds: pd.DataFrame) -> Drawn:
    """Fraction of wrong counts against dose, beside the likelihood bound (Madsen 2018, Fig. 12)."""
    figure = Figure(figsize=(9, 3.8))
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (group, text) in zip(axes, GROUPS.items(), strict=True):
        rows = errors[errors["group"] == group]
        for name, (label, colour) in ERRORS.items():
            ax.plot(rows["dose"], rows[name], "o-", color=colour, markersize=3, label=label)
        ax.plot(rows["dose"], 1 - rows["exact"], "k--", linewidth=1, label="any error")
        best = bounds[bounds["group"] == group].groupby("dose")["error"].mean()
        ax.plot(best.index, best, ":", color="0.3", label="likelihood bound")
        ax.set(xscale="log", xlabel="total dose, e/Å²", ylim=(0, 1))
        ax.set_title(text)
    axes[0].set_ylabel("fraction of columns")
    axes[0].legend()
    best = bounds.groupby(["dose", "group"])["error"].mean().rename("bound").reset_index()
    return figure, errors.merge(best, on=["dose", "group"], how="outer")


@styled
def confusion_and_reliability(
    confusion: pd.DataFrame, reliability: pd.DataFrame, doses: Sequence[float]
) -> Drawn:
    """Counted against true atoms at some doses, and whether stated probabilities hold."""
    figure = Figure(figsize=(3.3 * (len(doses) + 1), 3.4))
    axes = figure.subplots(1, len(doses) + 1, squeeze=False)[0]
    size = int(confusion[["truth", "counted"]].to_numpy().max()) + 1
    for ax, dose in zip(axes, doses, strict=False):
        rows = confusion[confusion["dose"] == dose]
        matrix = np.zeros((size, size))
        np.add.at(matrix, (rows["truth"], rows["counted"]), rows["columns"])
        share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        ax.imshow(
            share[1:], cmap="Blues", vmin=0, vmax=1, extent=(-0.5, size - 0.5, size - 0.5, 0.5)
        )
        ax.set(
            xlabel="counted (0: not found)",
            ylabel="true number of atoms",
            title=f"{dose:,.0f} e/Å²",
        )
    for (group, text), colour in zip(GROUPS.items(), (style.BLUE, style.VERMILLION), strict=True):
        rows = reliability[reliability["group"] == group]
        axes[-1].errorbar(
            rows["stated"],
            rows["observed"],
            2 * rows["sigma"],
            fmt="o-",
            color=colour,
            markersize=3,
            label=text,
        )
    axes[-1].plot([0, 1], [0, 1], ":", color="0.4")
    axes[-1].set(xlabel="stated probability", ylabel="observed frequency", aspect="equal")
    axes[-1].legend()
    return figure, style.layers(confusion=confusion, reliability=reliability)
