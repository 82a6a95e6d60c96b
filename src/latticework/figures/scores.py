"""Figures of a network's training and of its scores beside the physical limit."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latticework.figures import style
from latticework.figures.style import Drawn, styled

GROUPS = {
    "hexagonal": ("hexagonal atoms", style.BLUE),
    "other": ("other atoms", style.VERMILLION),
    "inside": ("columns inside", style.BLUE),
    "edge": ("columns at edges", style.VERMILLION),
}


def groups_in(table: pd.DataFrame) -> list[str]:
    """The two groups by which a study's scores are told apart."""
    judged = set(table["group"])
    return ["inside", "edge"] if judged & {"inside", "edge"} else ["hexagonal", "other"]


def with_bounds(scores: pd.DataFrame, bounds: pd.DataFrame) -> pd.DataFrame:
    """Scores beside the bound of their dose and defocus."""
    return scores.merge(bounds, on=["dose", "defocus"], how="left")


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


def _scores(ax: Axes, table: pd.DataFrame, column: str) -> None:
    for group in groups_in(table):
        text, colour = GROUPS[group]
        rows = table[table["group"] == group]
        _band(ax, rows[rows["attainable"]], column, colour, text)
        everywhere = rows.groupby("dose")[column].median()
        ax.plot(everywhere.index, everywhere, ":", color=colour, linewidth=1)
    ax.plot([], [], ":", color="0.4", linewidth=1, label="median of every defocus")
    _against_dose(ax, table["dose"], column if column != "f1" else "F1")
    ax.set_ylim(0, 1.02)


def _errors(ax: Axes, table: pd.DataFrame) -> None:
    allowed = table[table["attainable"]]
    if allowed.empty:
        style.say(ax, "the bound allows detection at no dose and defocus", width=30)
        return
    for group in groups_in(table):
        text, colour = GROUPS[group]
        _band(ax, allowed[allowed["group"] == group], "rms", colour, text)
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


def _heat_map(figure: Figure, ax: Axes, table: pd.DataFrame, group: str) -> None:
    """F1 over defocus and dose; a frame around cells in which the bound allows detection."""
    rows = table[table["group"] == group]
    f1 = rows.pivot_table(index="defocus", columns="dose", values="f1", dropna=False)
    if f1.empty:
        style.say(ax, f"no {GROUPS[group][0]} were judged", width=30)
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
    figure.colorbar(shown, ax=ax, label=f"F1, {GROUPS[group][0]}")


def _frame(ax: Axes, x: np.ndarray, y: np.ndarray, inside: np.ndarray) -> None:
    """Lines between cells that are inside and cells that are not; cell borders x and y."""
    padded = np.pad(inside, 1)
    line = {"colors": style.VERMILLION, "linewidths": 1.6, "clip_on": False}
    for row, column in np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1]):
        ax.hlines(y[row], x[column], x[column + 1], **line)
    for row, column in np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1]):
        ax.vlines(x[column], y[row], y[row + 1], **line)


@styled
def dose(scores: pd.DataFrame, bounds: pd.DataFrame) -> Drawn:
    """Precision, recall, F1 and position error against dose, F1 against defocus as well.

    `scores` and `bounds` as `analysis.evaluation.evaluate` and `position_bounds` give them. Bands
    are over the range of defocus in which the bound allows detection.
    """
    table = with_bounds(scores, bounds)
    figure = Figure(figsize=(10, 6))
    axes = figure.subplots(2, 3).ravel()
    for ax, column in zip(axes, ("precision", "recall", "f1"), strict=False):
        _scores(ax, table, column)
    axes[0].legend(loc="lower right")
    _errors(axes[3], table)
    for ax, group in zip(axes[4:], groups_in(table), strict=True):
        _heat_map(figure, ax, table, group)
    for ax, letter in zip(axes, "abcdef", strict=True):
        style.label(ax, letter)
    return figure, table


@styled
def training_curve(log: pd.DataFrame) -> Drawn:
    """Loss of the training's pictures and of held-out ones against the step.

    `log` has step, loss, held_out_loss and learning_rate, as training.csv.
    """
    figure = Figure(figsize=(6, 3.2))
    ax = figure.add_subplot()
    ax.plot(log["step"], log["loss"], color=style.BLUE, label="training pictures")
    held_out = log.dropna(subset="held_out_loss")
    ax.plot(
        held_out["step"],
        held_out["held_out_loss"],
        color=style.VERMILLION,
        label="held-out structures",
    )
    ax.set(xlabel="step", ylabel="loss", xlim=(0, None))
    if (log["loss"] > 0).any():
        style.log_scale(ax)
    rate = ax.twinx()
    rate.fill_between(log["step"], log["learning_rate"], color="0.92", linewidth=0)
    rate.set(ylabel="learning rate (grey)", ylim=(0, None))
    rate.spines["right"].set_visible(True)
    ax.set_zorder(rate.get_zorder() + 1)
    ax.patch.set_visible(False)
    ax.legend(loc="upper right")
    return figure, log
