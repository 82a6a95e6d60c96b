"""Figures of a network's training and of its scores beside the physical limit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latticework.figures import style
from latticework.figures.style import Drawn, styled
from latticework.materials import Material

COLOURS = (style.BLUE, style.VERMILLION, style.GREEN, style.ORANGE, style.PURPLE)
# Scores without regard to the class of an atom.
ALL = "all"


@dataclass(frozen=True)
class Shown:
    """Atoms whose scores are drawn together: by a column of the table, their name and colour."""

    column: str
    name: str
    title: str
    colour: str


def shown_groups(material: Material) -> list[Shown]:
    """The groups of a material's atoms that figures show."""
    groups = [group for group in material.groups if group.shown]
    return [
        Shown("group", group.name, group.title, COLOURS[number % len(COLOURS)])
        for number, group in enumerate(groups)
    ]


def shown_classes(table: pd.DataFrame, material: Material) -> list[Shown]:
    """The named classes of a table, where there are several that are in no groups."""
    names = [name for name in dict.fromkeys(table["class"].astype(str)) if name != ALL]
    if len(names) < 2 or len(material.groups) > 1:
        return []
    return [
        Shown("class", name, material.title_of(name), COLOURS[-1 - number % len(COLOURS)])
        for number, name in enumerate(names)
    ]


def with_bounds(scores: pd.DataFrame, bounds: pd.DataFrame) -> pd.DataFrame:
    """Scores beside the bound of their dose and defocus."""
    return scores.merge(bounds, on=["dose", "defocus"], how="left")


def _rows(table: pd.DataFrame, part: Shown) -> pd.DataFrame:
    """The rows of what is drawn together: a group of all classes, or one class of all groups."""
    other = "class" if part.column == "group" else "group"
    return table[(table[part.column] == part.name) & (table[other] == ALL)]


def _band(ax: Axes, table: pd.DataFrame, column: str, colour: str, text: str) -> None:
    """Median over defocus against dose, in a band from the least to the greatest."""
    by_dose = table.groupby("dose")[column]
    middle, low, high = by_dose.median(), by_dose.min(), by_dose.max()
    ax.fill_between(middle.index, low, high, color=colour, alpha=0.2, linewidth=0)
    ax.plot(middle.index, middle, "o-", color=colour, markersize=3, label=text)


def _against_dose(ax: Axes, doses: pd.Series, ylabel: str) -> None:
    ax.set(xlabel="dose, e/Å²", ylabel=ylabel)
    if len(doses):
        ax.set(xscale="log", xlim=(doses.min() / 1.5, doses.max() * 1.5))


def _scores(ax: Axes, table: pd.DataFrame, column: str, shown: Sequence[Shown]) -> None:
    for part in shown:
        rows = _rows(table, part)
        _band(ax, rows[rows["attainable"]], column, part.colour, part.title)
        everywhere = rows.groupby("dose")[column].median()
        ax.plot(everywhere.index, everywhere, ":", color=part.colour, linewidth=1)
    ax.plot([], [], ":", color="0.4", linewidth=1, label="median of every defocus")
    _against_dose(ax, table["dose"], column if column != "f1" else "F1")
    ax.set_ylim(0, 1.02)


def _errors(ax: Axes, table: pd.DataFrame, shown: Sequence[Shown]) -> None:
    allowed = table[table["attainable"]]
    if allowed.empty:
        style.say(ax, "the bound allows detection at no dose and defocus", width=30)
        return
    for part in shown:
        _band(ax, _rows(allowed, part), "rms", part.colour, part.title)
    _band(ax, allowed, "bound", "0.3", "Cramér–Rao bound")
    twice = 2 * allowed.groupby("dose")["bound"].median()
    ax.plot(twice.index, twice, "--", color="0.3", linewidth=0.9, label="twice the bound")
    _against_dose(ax, table["dose"], "position error, Å (RMS per axis)")
    style.log_scale(ax)
    ax.legend(loc="best")


def _edges(centres: np.ndarray) -> np.ndarray:
    """Borders of cells around sorted centres; one cell has a width of one."""
    middle = (centres[1:] + centres[:-1]) / 2
    half = (centres[1] - centres[0]) / 2 if len(centres) > 1 else 0.5
    last = (centres[-1] - centres[-2]) / 2 if len(centres) > 1 else 0.5
    return np.concatenate([[centres[0] - half], middle, [centres[-1] + last]])


def _heat_map(figure: Figure, ax: Axes, table: pd.DataFrame, part: Shown) -> None:
    """F1 over defocus and dose; a frame around cells in which the bound allows detection."""
    rows = _rows(table, part)
    f1 = rows.pivot_table(index="defocus", columns="dose", values="f1", dropna=False)
    if f1.empty:
        style.say(ax, f"no {part.title} were scored", width=30)
        return
    x = 10 ** _edges(np.log10(f1.columns.to_numpy(dtype=float)))
    y = _edges(f1.index.to_numpy(dtype=float))
    shown = ax.pcolormesh(x, y, f1, cmap=style.SCORE_COLOURS, vmin=0, vmax=1, rasterized=True)
    allowed = rows.set_index(["defocus", "dose"])["attainable"].unstack().reindex_like(f1) == 1
    _frame(ax, x, y, allowed.to_numpy())
    for (row, defocus), (column, dose) in (
        ((r, d), (c, e)) for r, d in enumerate(f1.index) for c, e in enumerate(f1.columns)
    ):
        value = f1.iat[row, column]
        ax.text(
            dose,
            defocus,
            f"{value:.2f}",
            ha="center",
            va="center",
            fontsize=5.5,
            color="white" if value < 0.6 else "black",
        )
    ax.set(xscale="log", xlabel="dose, e/Å²", ylabel="defocus, Å")
    figure.colorbar(shown, ax=ax, label=f"F1, {part.title}")


def _frame(ax: Axes, x: np.ndarray, y: np.ndarray, inside: np.ndarray) -> None:
    """Lines between cells that are inside and cells that are not; cell borders x and y."""
    padded = np.pad(inside, 1)
    line = {"colors": style.VERMILLION, "linewidths": 1.6, "clip_on": False}
    for row, column in np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1]):
        ax.hlines(y[row], x[column], x[column + 1], **line)
    for row, column in np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1]):
        ax.vlines(x[column], y[row], y[row + 1], **line)


@styled
def dose(scores: pd.DataFrame, bounds: pd.DataFrame, material: Material) -> Drawn:
    """Precision, recall, F1 and position error against dose, F1 against defocus as well.

    `scores` and `bounds` as `evaluation.atoms` and `limits.positions` give them: by the groups of
    the material's atoms and, where it has several, by their classes. Bands are over the range of
    defocus in which the bound allows detection.
    """
    table = with_bounds(scores, bounds)
    shown = [*shown_groups(material), *shown_classes(table, material)]
    rows = 1 + -(-(1 + len(shown)) // 3)
    figure = Figure(figsize=(10, 3 * rows))
    axes = figure.subplots(rows, 3).ravel()
    for ax, column in zip(axes, ("precision", "recall", "f1"), strict=False):
        _scores(ax, table, column, shown)
    axes[0].legend(loc="lower right")
    _errors(axes[3], table, shown)
    for ax, part in zip(axes[4:], shown, strict=False):
        _heat_map(figure, ax, table, part)
    for ax in axes[4 + len(shown) :]:
        ax.set_axis_off()
    for ax, letter in zip(axes[: 4 + len(shown)], "abcdefghijkl", strict=False):
        style.label(ax, letter)
    return figure, table


@styled
def cross_domain(table: pd.DataFrame) -> Drawn:
    """F1 of networks on each other's images, and the share of images that they call foreign.

    `table` as `evaluation.cross_domain` gives it, of all networks.
    """
    figure = Figure(figsize=(9, 3.6))
    shown = {
        "f1": "F1 of the sites, whatever their class",
        "foreign": "share of images said to be foreign",
    }
    order = list(dict.fromkeys(table["network"]))
    for ax, letter, (column, title) in zip(figure.subplots(1, 2), "ab", shown.items(), strict=True):
        values = table.pivot(index="network", columns="images", values=column)
        values = values.reindex(index=order, columns=order).to_numpy(dtype=float)
        image = ax.imshow(values, cmap=style.SCORE_COLOURS, vmin=0, vmax=1)
        for (row, place), value in np.ndenumerate(values):
            text = "–" if np.isnan(value) else f"{value:.2f}"
            light = "black" if value > 0.6 else "white"
            ax.text(place, row, text, ha="center", va="center", fontsize=7, color=light)
        ax.set_xticks(range(len(order)), order, rotation=30, ha="right")
        ax.set_yticks(range(len(order)), order)
        ax.set(xlabel="images of", ylabel="network of")
        figure.colorbar(image, ax=ax, shrink=0.8, label=title)
        style.label(ax, letter)
    return figure, table


@styled
def training_curve(logs: Mapping[str, pd.DataFrame]) -> Drawn:
    """Losses of networks on held-out structures and on their own, against the step.

    `logs` are training.csv by network: step, loss, held_out_loss, learning_rate.
    """
    figure = Figure(figsize=(6, 3.4))
    ax = figure.add_subplot()
    for number, (name, log) in enumerate(logs.items()):
        colour = f"C{number}"
        held_out = log.dropna(subset="held_out_loss")
        ax.plot(held_out["step"], held_out["held_out_loss"], color=colour, label=name)
        ax.plot(log["step"], log["loss"], color=colour, linewidth=0.6, linestyle=":")
    ax.set(xlabel="step", ylabel="loss", xlim=(0, None))
    if any((log["loss"] > 0).any() for log in logs.values()):
        style.log_scale(ax)
    ax.legend(title="held-out structures; dotted: training")
    return figure, style.layers(**logs)
