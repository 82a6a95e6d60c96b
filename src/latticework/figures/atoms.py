"""Figures of a real sheet: atoms by probability, strain, rings (Madsen 2018, Figs. 6 and 7)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from latticework.figures import style
from latticework.figures.panels import Images, Panel
from latticework.figures.style import Drawn, notice, styled
from latticework.materials import Material

RING_COLOURS = {4: style.PURPLE, 5: style.BLUE, 6: "#E6E6E6", 7: style.VERMILLION, 8: style.GREEN}
PAPER_SD = 0.18  # Å, of the bonds in Madsen 2018, Fig. 7
Window = tuple[float, float, float, float]


def within(table: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Rows of a table with `x_angstrom`, `y_angstrom` that lie in a window in Å."""
    x0, y0, x1, y1 = window
    return table[table["x_angstrom"].between(x0, x1) & table["y_angstrom"].between(y0, y1)]


def xy(table: pd.DataFrame) -> np.ndarray:
    """Positions (n, 2) in Å of a table's rows."""
    return table[["x_angstrom", "y_angstrom"]].to_numpy(dtype=float)


def bond_ends(atoms: pd.DataFrame, bonds: pd.DataFrame) -> np.ndarray:
    """Ends (n, 2, 2) in Å of bonds, whose `first` and `second` count the rows of `atoms`."""
    return xy(atoms)[bonds[["first", "second"]].to_numpy(dtype=int)]


def _map(ax: Axes, frame: Panel, window: Window) -> ScalarMappable:
    return style.show(
        ax, frame.foreground, frame.map_sampling, window, cmap=style.MAP_COLOURS, vmin=0, vmax=1
    )


@styled
def probability(
    images: Images,
    candidates: pd.DataFrame,
    region: Sequence[int] | None,
    cutoffs: Sequence[float],
) -> Drawn:
    """Candidates coloured by probability at two cut-offs (Madsen 2018, Fig. 6).

    `candidates` are the first image's atoms down to the smallest cut-off; `region` is x0, y0, x1,
    y1 in px of the image, None for all of it.
    """
    if images.problem:
        return notice(images.title, images.problem)
    frame = images.frames[0]
    window = frame.box(tuple(region)) if region else frame.window
    inside = within(candidates[candidates["frame"] == 0], window)
    figure = Figure(figsize=(7.6, 7.2))
    axes = figure.subplots(2, 2).ravel()
    for ax in (axes[0], *axes[2:]):
        style.show_image(ax, frame.image, frame.sampling, window)
    style.label(axes[0], "a", "image")
    shown = _map(axes[1], frame, window)
    style.label(axes[1], "b", "network's output")
    figure.colorbar(shown, ax=axes[1], label="probability of an atom", shrink=0.8)
    for ax, letter, cutoff in zip(axes[2:], "cd", cutoffs, strict=True):
        kept = inside[inside["probability"] >= cutoff]
        dots = style.discs(
            ax,
            xy(kept),
            0.8,
            kept["probability"],
            cmap=style.PROBABILITY_COLOURS,
            norm=Normalize(0, 1),
            edgecolors="black",
            linewidths=0.3,
        )
        style.label(ax, letter, f"{len(kept)} peaks, probability ≥ {cutoff:g}")
    figure.colorbar(dots, ax=axes[3], label="largest probability of a peak", shrink=0.8)
    return figure, style.layers(candidates=inside)


def _strain(ax: Axes, atoms: pd.DataFrame, window: Window) -> ScalarMappable:
    """Tiles of planar strain; grey dots where an atom's neighbourhood does not fit the template."""
    style.field(ax, window)
    ax.set_facecolor("#F4F4F4")
    known = atoms["planar"].notna()
    style.discs(ax, xy(atoms[~known]), 0.5, facecolors="0.6")
    return style.discs(
        ax,
        xy(atoms[known]),
        1.5,
        100 * atoms["planar"][known],
        cmap=style.STRAIN_COLOURS,
        norm=Normalize(-100 * style.STRAIN_LIMIT, 100 * style.STRAIN_LIMIT),
    )


def _strain_bar(figure: Figure, mappable: ScalarMappable, axes) -> None:
    figure.colorbar(
        mappable, ax=axes, label="planar strain (εxx + εyy)/2, %", extend="both", shrink=0.8
    )


@styled
def strain(
    images: Images,
    atoms: pd.DataFrame,
    bonds: pd.DataFrame,
    statistics: Mapping[str, float],
    material: Material,
) -> Drawn:
    """Image with atoms, map, and strain, of the clean region and the whole (Madsen, Fig. 7).

    Parameters
    ----------
    atoms
        The first frame's, with `planar`, the strain.
    bonds
        Theirs, with `length_angstrom`.
    statistics
        "mean bond" and "SD of bonds", Å, of the clean region; empty if it has none.
    """
    if images.problem:
        return notice(images.title, images.problem)
    frame = images.frames[0]
    windows = {"whole image": frame.window}
    if images.region:
        windows = {"clean region": frame.box(images.region)} | windows
    shapes = [(y1 - y0) / (x1 - x0) for x0, y0, x1, y1 in windows.values()]
    figure = Figure(figsize=(9.6, 3.0 * sum(shapes) + 2.6))
    grid = figure.add_gridspec(len(windows) + 1, 3, height_ratios=[*shapes, 0.55])
    letters = iter("abcdefg")
    right = []
    for row, (name, window) in enumerate(windows.items()):
        axes = [figure.add_subplot(grid[row, column]) for column in range(3)]
        inside = within(atoms, window)
        style.show_image(axes[0], frame.image, frame.sampling, window)
        style.discs(axes[0], xy(inside), 0.8, facecolors=style.ORANGE)
        style.label(axes[0], next(letters), f"{name}: {len(inside)} atoms")
        _map(axes[1], frame, window)
        style.label(axes[1], next(letters), "network's output")
        tiles = _strain(axes[2], inside, window)
        style.label(axes[2], next(letters), "strain")
        right.append(axes[2])
    _strain_bar(figure, tiles, right)
    ax = figure.add_subplot(grid[-1, :])
    _bond_histogram(ax, atoms, bonds, windows, statistics, material)
    style.label(ax, next(letters), "bond lengths")
    return figure, style.layers(atoms=atoms, bonds=bonds)


def _bond_histogram(
    ax: Axes,
    atoms: pd.DataFrame,
    bonds: pd.DataFrame,
    windows: Mapping[str, Window],
    statistics: Mapping[str, float],
    material: Material,
) -> None:
    """Lengths of all bonds, and of those with both atoms in the clean region."""
    edges = np.arange(0.9, 1.925, 0.02)
    ax.hist(
        bonds["length_angstrom"],
        edges,
        histtype="step",
        color="0.3",
        label=f"whole image, {len(bonds)} bonds",
    )
    if "clean region" in windows:
        rows = within(atoms.reset_index(drop=True), windows["clean region"]).index
        clean = bonds[bonds["first"].isin(rows) & bonds["second"].isin(rows)]
        ax.hist(
            clean["length_angstrom"],
            edges,
            color=style.BLUE,
            alpha=0.75,
            label=f"clean region, {len(clean)} bonds",
        )
    if material.bonds is not None:
        length = material.bonds.length
        words = f"{material.title}, {length:.2f} Å"
        ax.axvline(length, color=style.VERMILLION, linewidth=1, label=words)
    if statistics:
        ax.text(
            0.01,
            0.97,
            f"clean region: {statistics['mean bond']:.3f} Å, "
            f"SD {statistics['SD of bonds']:.3f} Å\n"
            f"Madsen 2018, pristine sheet: SD {PAPER_SD} Å",
            transform=ax.transAxes,
            va="top",
            linespacing=1.5,
        )
    ax.set(xlabel="distance of bonded atoms, Å", ylabel="bonds per 0.02 Å", xlim=(0.9, 1.92))
    ax.margins(y=0.3)
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3)


def ring_polygons(rings: pd.DataFrame) -> dict[int, list[np.ndarray]]:
    """Corners (size, 2) in Å of every ring, by its size; `rings` as `ring_table` gives them."""
    found: dict[int, list[np.ndarray]] = {}
    for _, corners in rings.groupby("ring"):
        if len(corners) in RING_COLOURS:
            found.setdefault(len(corners), []).append(xy(corners))
    return found


@styled
def defect(
    images: Images,
    atoms: pd.DataFrame,
    bonds: pd.DataFrame,
    rings: pd.DataFrame,
    reference: pd.DataFrame,
) -> Drawn:
    """A defect: image, output, rings by size with the reference's atoms, and strain.

    Tables of the first image; `reference` are the atoms that a person marked.
    """
    if images.problem:
        return notice(images.title, images.problem)
    frame = images.frames[0]
    figure = Figure(figsize=(9.2, 8.6))
    axes = figure.subplots(2, 2).ravel()
    style.show_image(axes[0], frame.image, frame.sampling, frame.window)
    shown = _map(axes[1], frame, frame.window)
    figure.colorbar(shown, ax=axes[1], label="probability of an atom", shrink=0.8)
    style.field(axes[2], frame.window)
    for size, corners in sorted(ring_polygons(rings).items()):
        axes[2].add_collection(
            PolyCollection(corners, facecolors=RING_COLOURS[size], rasterized=True)
        )
        axes[2].fill([], [], color=RING_COLOURS[size], label=f"{size}-rings: {len(corners)}")
    style.bonds(axes[2], bond_ends(atoms, bonds), colors="0.55", linewidths=0.6)
    style.discs(axes[2], xy(atoms), 0.6, facecolors=style.SKY)
    axes[2].plot(
        *xy(reference).T, "x", color="black", markersize=2.2, markeredgewidth=0.5, label="reference"
    )
    axes[2].legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=6, columnspacing=1)
    tiles = _strain(axes[3], atoms, frame.window)
    _strain_bar(figure, tiles, axes[3])
    titles = ("image", "network's output", f"{len(atoms)} atoms, their bonds and rings", "strain")
    for ax, letter, title in zip(axes, "abcd", titles, strict=True):
        style.label(ax, letter, title)
    return figure, style.layers(
        atoms=atoms,
        bonds=bonds,
        rings=rings,
        reference=reference,
    )
