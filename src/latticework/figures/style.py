"""One style: fonts, colours, scale bars, and how a figure is saved.

Images are drawn in Å with pixel 0 centred at 0, the origin at the upper left and y downwards, as
they lie on the camera, so that positions need no conversion.
"""

import textwrap
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patheffects import withStroke

from latticework import shards

Drawn = tuple[Figure, pd.DataFrame]
Arguments = ParamSpec("Arguments")

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "figure.dpi": 200,
    "savefig.dpi": "figure",
    "savefig.bbox": "tight",
    "savefig.pad_inches": 0.08,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "latticework",
}
# Okabe and Ito's colours, which differ for every kind of colour vision.
BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, GREY = "#CC79A7", "#56B4E9", "#8A8A8A"
IMAGE_COLOURS = "gray"
MAP_COLOURS = "magma"
PROBABILITY_COLOURS = "plasma"
SCORE_COLOURS = "viridis"
STRAIN_COLOURS = "RdBu_r"
STRAIN_LIMIT = 0.1
MEANINGLESS = "tiny training: numbers mean nothing"
ROUND_LENGTHS = np.array([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000])


def styled(draw: Callable[Arguments, Drawn]) -> Callable[Arguments, Drawn]:
    """Draw in our style without changing matplotlib's settings for other code."""

    @wraps(draw)
    def inside(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Drawn:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return inside


def save(
    drawn: Drawn, svg: str | Path, png: str | Path, csv: str | Path, *, meaningful: bool = True
) -> None:
    """Write a figure and the table it was drawn from, atomically; the same bytes every time.

    Where the run's scale is too small to mean anything (`meaningful` false), the figure says so.
    """
    figure, table = drawn
    with matplotlib.rc_context(STYLE):
        if not meaningful:
            _watermark(figure)
        # Lay out once, not once a format.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        for path, kind, metadata in ((svg, "svg", {"Date": None}), (png, "png", None)):
            with shards.atomic(path) as temporary:
                figure.savefig(temporary, format=kind, metadata=metadata)
    shards.write_csv(csv, table)


def save_all(drawn: Drawn, outputs: Any, *, meaningful: bool) -> None:
    """`save` to a rule's outputs svg, png and csv."""
    save(drawn, outputs.svg, outputs.png, outputs.csv, meaningful=meaningful)


def _watermark(figure: Figure) -> None:
    figure.text(
        0.5,
        0.5,
        MEANINGLESS,
        gid="meaningless",
        fontsize=2.2 * figure.get_figwidth(),
        color="black",
        alpha=0.35,
        rotation=25,
        ha="center",
        va="center",
        path_effects=[withStroke(linewidth=2, foreground="white", alpha=0.5)],
    )


def say(ax: Axes, text: str, width: int = 60) -> None:
    """A panel that says in words why it shows nothing."""
    ax.set_axis_off()
    ax.text(
        0.5,
        0.5,
        textwrap.fill(text, width),
        transform=ax.transAxes,
        ha="center",
        va="center",
        color="0.3",
        linespacing=1.4,
    )


@styled
def notice(title: str, reason: str) -> Drawn:
    """A figure that says why there is none."""
    figure = Figure(figsize=(6, 1.6))
    ax = figure.add_subplot()
    ax.set_title(title)
    say(ax, reason, width=80)
    return figure, pd.DataFrame({"title": [title], "reason": [reason]})


def field(ax: Axes, window: tuple[float, float, float, float]) -> None:
    """Make axes a bare field of view x0, y0, x1, y1 in Å, y downwards."""
    x0, y0, x1, y1 = window
    ax.set(xlim=(x0, x1), ylim=(y1, y0), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(True)


def show(
    ax: Axes, image: np.ndarray, sampling: float, window: tuple[float, float, float, float], **how
) -> AxesImage:
    """Draw the part of an image (ny, nx) that a window x0, y0, x1, y1 in Å shows."""
    part, extent = _part(image, sampling, window)
    shown = ax.imshow(part, extent=extent, origin="upper", **how)
    field(ax, window)
    return shown


def show_image(
    ax: Axes, image: np.ndarray, sampling: float, window: tuple[float, float, float, float]
) -> None:
    """Draw a micrograph in grey between its 0.5th and 99.5th percentile, with a scale bar."""
    low, high = np.percentile(_part(image, sampling, window)[0], (0.5, 99.5))
    show(ax, image, sampling, window, cmap=IMAGE_COLOURS, vmin=low, vmax=high)
    scale_bar(ax)


def _part(
    image: np.ndarray, sampling: float, window: tuple[float, float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """The pixels in a window in Å, and where they lie: left, right, bottom, top in Å."""
    x0, y0, x1, y1 = np.asarray(window) / sampling
    rows = slice(max(int(y0), 0), int(np.ceil(y1)) + 1)
    columns = slice(max(int(x0), 0), int(np.ceil(x1)) + 1)
    part = image[rows, columns]
    left, top = columns.start - 0.5, rows.start - 0.5
    return part, np.array([left, left + part.shape[1], top + part.shape[0], top]) * sampling


def scale_bar(ax: Axes, colour: str = "white") -> None:
    """A bar of a round length, about a fifth of a field in Å wide, at its lower left."""
    (x0, x1), (y1, y0) = ax.get_xlim(), ax.get_ylim()
    length = ROUND_LENGTHS[np.searchsorted(ROUND_LENGTHS, 0.3 * (x1 - x0)) - 1]
    left, bottom = x0 + 0.05 * (x1 - x0), y1 - 0.06 * (y1 - y0)
    edge = "black" if colour == "white" else "white"
    ax.plot(
        [left, left + length],
        [bottom, bottom],
        color=colour,
        linewidth=2.5,
        solid_capstyle="butt",
        path_effects=[withStroke(linewidth=4, foreground=edge)],
    )
    ax.text(
        left + length / 2,
        bottom - 0.02 * (y1 - y0),
        f"{length / 10:g} nm" if length >= 10 else f"{length:g} Å",
        color=colour,
        fontsize=7,
        weight="bold",
        ha="center",
        va="bottom",
        path_effects=[withStroke(linewidth=2, foreground=edge)],
    )


def note(ax: Axes, position: tuple[float, float], text: str, colour: str) -> None:
    """A word or number in bold on an image, centred at x, y in Å."""
    ax.text(
        *position,
        text,
        color=colour,
        fontsize=9,
        weight="bold",
        ha="center",
        va="center",
        path_effects=[withStroke(linewidth=2.5, foreground="black")],
    )


def label(ax: Axes, letter: str, text: str = "") -> None:
    """A panel's letter in bold and its title, above its left corner."""
    ax.set_title(rf"$\bf{{{letter}}}$  {text}")


def log_scale(ax: Axes) -> None:
    """A logarithmic y axis with plain numbers at 1, 2 and 5 of every decade."""
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(lambda x, _: f"{x:g}" if f"{x:e}"[0] in "25" else "")


def discs(
    ax: Axes, positions: np.ndarray, diameter: float, values: np.ndarray | None = None, **how
) -> EllipseCollection:
    """Discs of a diameter in Å at positions (n, 2) in Å, rasterised in the SVG."""
    drawn = EllipseCollection(
        diameter,
        diameter,
        0,
        units="xy",
        offsets=np.asarray(positions).reshape(-1, 2),
        offset_transform=ax.transData,
        rasterized=True,
        **how,
    )
    if values is not None:
        drawn.set_array(np.asarray(values))
    ax.add_collection(drawn, autolim=False)
    return drawn


def bonds(ax: Axes, ends: np.ndarray, **how) -> None:
    """Lines between the ends (n, 2, 2) of bonds in Å."""
    ax.add_collection(
        LineCollection(list(ends), rasterized=True, capstyle="round", zorder=0.9, **how),
        autolim=False,
    )


def layers(**tables: pd.DataFrame) -> pd.DataFrame:
    """Tables below each other, told apart by the column `layer`."""
    kept = [table.assign(layer=name) for name, table in tables.items() if len(table)]
    joined = pd.concat(kept, ignore_index=True) if kept else pd.DataFrame({"layer": []})
    return joined[["layer", *(name for name in joined if name != "layer")]]
