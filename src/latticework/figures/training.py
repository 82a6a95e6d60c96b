"""Figures of what a network learns from: how a sheet is made, and one lesson."""

import numpy as np
import pandas as pd
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latticework.figures import style
from latticework.figures.style import Drawn, styled
from latticework.structures.graphene import Outline, Stages

ATOM = 0.75
CARBON = {"facecolors": style.ORANGE, "alpha": 0.25, "zorder": 0.5}
BOND = {"colors": "0.35", "linewidths": 0.7}


def periodic_ends(positions: np.ndarray, bonds: np.ndarray, box: float) -> np.ndarray:
    """Both ends (2·bonds, 2, 2) of bonds in a periodic box, once as seen from either atom."""
    vectors = positions[bonds[:, 1]] - positions[bonds[:, 0]]
    vectors -= box * np.round(vectors / box)
    first, second = positions[bonds[:, 0]], positions[bonds[:, 1]]
    return np.concatenate(
        [np.stack([first, first + vectors], 1), np.stack([second, second - vectors], 1)]
    )


def outline_curve(outline: Outline) -> np.ndarray:
    """Points (200, 2) on an outline, in Å."""
    angle = np.linspace(0, 2 * np.pi, 200)
    order = np.arange(2, 2 + len(outline.amplitudes))
    wave = outline.amplitudes * np.cos(order * angle[:, None] + outline.phases)
    radius = outline.radius * (1 + wave.sum(axis=1))
    return outline.centre + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _points(positions: np.ndarray, kind: str | np.ndarray = "") -> pd.DataFrame:
    return pd.DataFrame(
        {"x_angstrom": positions[:, 0], "y_angstrom": positions[:, 1], "kind": kind}
    )


def _holes(ax: Axes, stages: Stages, box: float) -> None:
    """The sheet with what is cut out of it, the holes' outlines in all periodic images."""
    for outline in stages.holes:
        curve = outline_curve(outline)
        for shift in np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)]) * box:
            ax.fill(*(curve + shift).T, facecolor=style.ORANGE, alpha=0.25, edgecolor="none")
            ax.plot(*(curve + shift).T, color=style.VERMILLION, linewidth=0.8)
    style.discs(ax, stages.positions[~stages.keep], ATOM, facecolors="0.75")
    style.discs(ax, stages.positions[stages.keep], ATOM, facecolors=style.BLUE)


def _final(ax: Axes, stages: Stages, atoms: Atoms, box: float) -> np.ndarray:
    """The finished structure; returns what kind each of its atoms is."""
    sheet, visible = atoms.arrays["sheet"], atoms.arrays["visible"]
    kinds = np.where(sheet, np.where(visible, "atom", "covered atom"), "contamination")
    place = np.cumsum(stages.keep) - 1
    kept = place[stages.bonds[stages.keep[stages.bonds].all(axis=1)]]
    positions = atoms.positions[:, :2]
    style.bonds(ax, periodic_ends(positions[sheet], kept, box), **BOND)
    style.discs(ax, positions[kinds == "atom"], ATOM, facecolors=style.BLUE)
    style.discs(ax, positions[kinds == "covered atom"], ATOM, facecolors=style.SKY)
    style.discs(ax, positions[kinds == "contamination"], 1.2, **CARBON)
    return kinds


@styled
def structures(stages: Stages, atoms: Atoms) -> Drawn:
    """From seeds to a training structure in five steps (Madsen 2018, Fig. 4).

    `atoms` is the finished structure of the same random stream as `stages`.
    """
    box = float(atoms.cell.lengths()[0])
    figure = Figure(figsize=(9.6, 6.7))
    axes = figure.subplots(2, 3).ravel()
    for ax in axes[:5]:
        style.field(ax, (0, 0, box, box))
    drift = stages.moved_seeds - stages.seeds
    drift -= box * np.round(drift / box)
    moves = np.stack([stages.seeds, stages.seeds + drift], axis=1)
    style.bonds(axes[0], moves, colors=style.VERMILLION, linewidths=0.8)
    style.discs(axes[0], stages.seeds, 0.45, facecolors="black")
    style.bonds(axes[1], periodic_ends(stages.vertices, stages.bonds, box), **BOND)
    style.discs(axes[1], stages.vertices, 0.45, facecolors=style.BLUE)
    style.discs(axes[1], stages.moved_seeds, 0.45, facecolors=style.VERMILLION)
    style.bonds(axes[2], periodic_ends(stages.positions, stages.bonds, box), **BOND)
    style.discs(axes[2], stages.positions, ATOM, facecolors=style.BLUE)
    _holes(axes[3], stages, box)
    kinds = _final(axes[4], stages, atoms, box)
    titles = (
        "seeds, and where Lloyd's algorithm moves them",
        "network of Voronoi vertices",
        "bonds relaxed",
        f"{len(stages.holes)} holes cut",
        "disorder and contamination",
    )
    for ax, letter, title in zip(axes, "abcde", titles, strict=False):
        style.label(ax, letter, title)
        style.scale_bar(ax, "black")
    _legend(axes[5])
    return figure, style.layers(
        seeds=_points(stages.seeds),
        moved_seeds=_points(stages.moved_seeds),
        vertices=_points(stages.vertices),
        relaxed=_points(stages.positions, np.where(stages.keep, "kept", "cut")),
        final=_points(atoms.positions, kinds),
    )


def _legend(ax: Axes) -> None:
    ax.set_axis_off()
    for colour, text in (
        ("black", "seed"),
        (style.VERMILLION, "seed after Lloyd's algorithm"),
        (style.BLUE, "atom that the network is to find"),
        (style.SKY, "atom hidden by contamination: no label"),
        ("0.75", "atom cut away with a hole"),
        (style.ORANGE, "amorphous carbon"),
    ):
        ax.plot([], [], "o", color=colour, markersize=5, label=text)
    ax.legend(loc="center left", fontsize=8, labelspacing=0.9)


@styled
def training_example(
    atoms: Atoms,
    picture: np.ndarray,
    truth: np.ndarray,
    prediction: np.ndarray,
    prediction_sampling: float,
    conditions: str,
) -> Drawn:
    """A structure, its picture, its ground truth and the prediction (Madsen 2018, Fig. 5).

    Parameters
    ----------
    atoms
        A structure in a square box.
    picture, truth
        (ny, nx) over the whole box; foreground probability for `truth`.
    prediction, prediction_sampling
        Foreground probability (ny', nx') and its pixel in Å.
    conditions
        What the picture was taken at, in words.
    """
    box = float(atoms.cell.lengths()[0])
    sampling = box / len(picture)
    window = (-sampling / 2, -sampling / 2, box - sampling / 2, box - sampling / 2)
    figure = Figure(figsize=(7.4, 8.2))
    axes = figure.subplots(2, 2).ravel()
    style.field(axes[0], window)
    positions, sheet, visible = atoms.positions, atoms.arrays["sheet"], atoms.arrays["visible"]
    style.discs(axes[0], positions[sheet & visible][:, :2], ATOM, facecolors=style.BLUE)
    style.discs(axes[0], positions[sheet & ~visible][:, :2], ATOM, facecolors=style.SKY)
    style.discs(axes[0], positions[~sheet][:, :2], 1.2, **CARBON)
    style.scale_bar(axes[0], "black")
    style.show_picture(axes[1], picture, sampling, window)
    how = {"cmap": style.MAP_COLOURS, "vmin": 0, "vmax": 1}
    shown = style.show(axes[2], truth, sampling, window, **how)
    style.show(axes[3], prediction, prediction_sampling, window, **how)
    for ax, letter, title in zip(
        axes,
        "abcd",
        ("held-out structure", f"simulated picture, {conditions}", "ground truth", "prediction"),
        strict=True,
    ):
        style.label(ax, letter, title)
    figure.colorbar(
        shown, ax=axes[2:], location="bottom", label="probability of an atom", shrink=0.5
    )
    kinds = np.where(sheet, np.where(visible, "atom", "covered atom"), "contamination")
    return figure, style.layers(structure=_points(positions, kinds))
