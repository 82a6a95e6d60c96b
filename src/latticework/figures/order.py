"""Sites of a surface on their image, with their domains and the walls between them."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from latticework.shards import atomic

COLOURS = colormaps["tab20"].colors
MISSING, WALL = "tab:red", "white"
STATES = {"found": ("o", "tab:green"), "doubtful": ("s", "tab:orange"), "missing": ("x", MISSING)}


def save_order(path: str | Path, image: np.ndarray, sites: pd.DataFrame, walls: np.ndarray) -> None:
    """Draw the sites of a levelled image (ny, nx) by their domains, and save it as PNG.

    Parameters
    ----------
    sites
        Table of `analysis.surfaces.ordered`: filled circles are bright sites of a state, open ones
        dark sites; crosses are missing sites, dots those that belong to no domain.
    walls
        (m, 2, 2) px: pairs of neighbours in different domains; a line is drawn between them.
    """
    figure, axes = _image(image)
    found, gone = sites[sites["class"] != "missing"], sites[sites["class"] == "missing"]
    domain = found.get("domain", pd.Series(-1, index=found.index)).fillna(-1).astype(int)
    state = found.get("state", pd.Series(1.0, index=found.index)).fillna(1.0)
    names = found.get("orientation_domain", domain.map(lambda number: f"domain {number + 1}"))
    size = max(8.0, min(60.0, 0.04 * (9 * 72) ** 2 / max(len(found), 1)))
    legend = []
    for number in sorted(domain.unique()):
        own = domain == number
        colour = COLOURS[number % len(COLOURS)] if number >= 0 else "tab:gray"
        label = names[own].iloc[0] if number >= 0 else "no domain"
        for bright in (True, False):
            part = found[own & ((state > 0) == bright)]
            axes.scatter(
                part["x_px"],
                part["y_px"],
                s=size if number >= 0 else size / 4,
                facecolors=colour if bright else "none",
                edgecolors=colour,
                linewidths=0.9,
                alpha=0.85,
            )
        legend.append(Line2D([], [], marker="o", linestyle="", color=colour, label=label))
    for first, second in walls:
        middle, along = (first + second) / 2, (second - first) / 2
        across = np.array([-along[1], along[0]]) * 0.6
        ends = np.stack([middle - across, middle + across])
        axes.plot(*ends.T, color="black", linewidth=2.4)
        axes.plot(*ends.T, color=WALL, linewidth=1.2)
    if len(gone):
        axes.scatter(gone["x_px"], gone["y_px"], marker="x", s=1.5 * size, color=MISSING)
        legend.append(Line2D([], [], marker="x", linestyle="", color=MISSING, label="missing"))
    if legend:
        figure.legend(handles=legend, loc="outside lower center", ncols=6, frameon=False)
    _save(path, figure)


def save_cells(
    path: str | Path, image: np.ndarray, sites: pd.DataFrame, corners: np.ndarray
) -> None:
    """Draw the sites of cells on a levelled image (ny, nx) by their state, and save it as PNG.

    Parameters
    ----------
    sites
        Table of `analysis.surfaces.motif`: dots are found, squares doubtful, crosses missing.
    corners
        (n, 4, 2) px, of the whole cells, which are outlined.
    """
    figure, axes = _image(image)
    axes.add_collection(
        PolyCollection(corners, facecolors="none", edgecolors="tab:blue", linewidths=0.8)
    )
    for state, (marker, colour) in STATES.items():
        own = sites[sites["state"] == state]
        size = 12 if state == "found" else 45
        filled = {"facecolors": "none", "edgecolors": colour} if marker == "s" else {"c": colour}
        label = f"{state} ({len(own)})"
        axes.scatter(own["x_px"], own["y_px"], s=size, marker=marker, label=label, **filled)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    _save(path, figure)


def _image(image: np.ndarray) -> tuple[Figure, Axes]:
    """A figure that is filled by an image (ny, nx)."""
    ny, nx = image.shape
    low, high = np.percentile(image, (0.5, 99.5))
    figure = Figure(figsize=(9, 9 * ny / nx + 0.4), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(image, cmap="gray", vmin=low, vmax=high)
    # What is drawn beyond the image widens nothing.
    axes.set_xlim(-0.5, nx - 0.5)
    axes.set_ylim(ny - 0.5, -0.5)
    axes.set_axis_off()
    axes.autoscale(False)
    return figure, axes


def _save(path: str | Path, figure: Figure) -> None:
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
