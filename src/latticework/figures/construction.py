"""Figure of how a training structure is made, step by step (Madsen 2018, Fig. 4)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latticework.figures import style
from latticework.figures.style import Drawn, styled

ATOM = 0.75
COVER = {"facecolors": style.ORANGE, "alpha": 0.25, "zorder": 0.5}
BOND = {"colors": "0.35", "linewidths": 0.7}

# As a generator's `construction` gives them.
Arrays = Mapping[str, np.ndarray]


def periodic_ends(positions: np.ndarray, bonds: np.ndarray, box: float) -> np.ndarray:
    """Both ends (2·bonds, 2, 2) of bonds in a periodic box, once as seen from either atom."""
    vectors = positions[bonds[:, 1]] - positions[bonds[:, 0]]
    vectors -= box * np.round(vectors / box)
    first, second = positions[bonds[:, 0]], positions[bonds[:, 1]]
    return np.concatenate(
        [np.stack([first, first + vectors], 1), np.stack([second, second - vectors], 1)]
    )


def points(positions: np.ndarray, kind: str | np.ndarray = "") -> pd.DataFrame:
    """Positions (n, ≥ 2) in Å as a table, each of some kind."""
    return pd.DataFrame(
        {"x_angstrom": positions[:, 0], "y_angstrom": positions[:, 1], "kind": kind}
    )


def kinds(specimen: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """What each atom (n,) is: an atom of the specimen, a covered one, or contamination."""
    return np.where(specimen, np.where(visible, "atom", "covered atom"), "contamination")


def show_atoms(ax: Axes, positions: np.ndarray, kind: np.ndarray) -> None:
    """Draw atoms (n, ≥ 2) by their `kinds`."""
    plane = positions[:, :2]
    style.discs(ax, plane[kind == "atom"], ATOM, facecolors=style.BLUE)
    style.discs(ax, plane[kind == "covered atom"], ATOM, facecolors=style.SKY)
    style.discs(ax, plane[kind == "contamination"], 1.2, **COVER)


def _holes(ax: Axes, arrays: Arrays, box: float) -> None:
    """The sheet with what is cut out of it, the holes' outlines in all periodic images."""
    for curve in arrays["holes"]:
        for shift in np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]) * box:
            ax.fill(*(curve + shift).T, facecolor=style.ORANGE, alpha=0.25, edgecolor="none")
            ax.plot(*(curve + shift).T, color=style.VERMILLION, linewidth=0.8)
    positions, keep = arrays["positions"], arrays["keep"]
    style.discs(ax, positions[~keep], ATOM, facecolors="0.75")
    style.discs(ax, positions[keep], ATOM, facecolors=style.BLUE)


def _final(ax: Axes, arrays: Arrays, box: float) -> np.ndarray:
    """The finished structure; returns what kind each of its atoms is."""
    kind = kinds(arrays["specimen"], arrays["visible"])
    keep, bonds, final = arrays["keep"], arrays["bonds"], arrays["final"]
    place = np.cumsum(keep) - 1
    kept = place[bonds[keep[bonds].all(axis=1)]]
    style.bonds(ax, periodic_ends(final[arrays["specimen"], :2], kept, box), **BOND)
    show_atoms(ax, final, kind)
    return kind


@styled
def construction(arrays: Arrays) -> Drawn:
    """From seeds to a training structure in five steps (Madsen 2018, Fig. 4)."""
    box, bonds, positions = float(arrays["box"]), arrays["bonds"], arrays["positions"]
    figure = Figure(figsize=(9.6, 6.7))
    axes = figure.subplots(2, 3).ravel()
    for ax in axes[:5]:
        style.field(ax, (0, 0, box, box))
    drift = arrays["moved_seeds"] - arrays["seeds"]
    drift -= box * np.round(drift / box)
    moves = np.stack([arrays["seeds"], arrays["seeds"] + drift], axis=1)
    style.bonds(axes[0], moves, colors=style.VERMILLION, linewidths=0.8)
    style.discs(axes[0], arrays["seeds"], 0.45, facecolors="black")
    style.bonds(axes[1], periodic_ends(arrays["vertices"], bonds, box), **BOND)
    style.discs(axes[1], arrays["vertices"], 0.45, facecolors=style.BLUE)
    style.discs(axes[1], arrays["moved_seeds"], 0.45, facecolors=style.VERMILLION)
    style.bonds(axes[2], periodic_ends(positions, bonds, box), **BOND)
    style.discs(axes[2], positions, ATOM, facecolors=style.BLUE)
    _holes(axes[3], arrays, box)
    kind = _final(axes[4], arrays, box)
    titles = (
        "seeds, and where Lloyd's algorithm moves them",
        "network of Voronoi vertices",
        "bonds relaxed",
        f"{len(arrays['holes'])} holes cut",
        "disorder and contamination",
    )
    for ax, letter, title in zip(axes, "abcde", titles, strict=False):
        style.label(ax, letter, title)
        style.scale_bar(ax, "black")
    _legend(axes[5])
    return figure, style.layers(
        seeds=points(arrays["seeds"]),
        moved_seeds=points(arrays["moved_seeds"]),
        vertices=points(arrays["vertices"]),
        relaxed=points(positions, np.where(arrays["keep"], "kept", "cut")),
        final=points(arrays["final"], kind),
    )


def _legend(ax: Axes) -> None:
    ax.set_axis_off()
    for colour, text in (
        ("black", "seed"),
        (style.VERMILLION, "seed after Lloyd's algorithm"),
        (style.BLUE, "atom that the network should find"),
        (style.SKY, "atom hidden by contamination: no label"),
        ("0.75", "atom cut away with a hole"),
        (style.ORANGE, "amorphous contamination"),
    ):
        ax.plot([], [], "o", color=colour, markersize=5, label=text)
    ax.legend(loc="center left", fontsize=8, labelspacing=0.9)
