"""How sure is it? A picture's atoms as a whole, and zooms into its most suspect regions."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from latticework.figures import style
from latticework.figures.style import Drawn, styled

ZOOMS = 6
SUBLATTICES = (style.SKY, style.ORANGE, style.GREEN, style.PURPLE)
TITLES = {
    "short_pairs": "atoms in short pairs",
    "uncovered": "area without atoms",
    "weak": "weak detections",
    "odd_neighbours": "odd numbers of neighbours",
}


@styled
def quality(
    image: np.ndarray,
    sampling: float,
    atoms: pd.DataFrame,
    shares: dict[str, float],
    regions: pd.DataFrame,
) -> Drawn:
    """The whole picture with its suspect regions, zooms, and histograms.

    Parameters
    ----------
    image, sampling
        (ny, nx), and its pixel in Å.
    atoms, shares, regions
        As `analysis.atoms.quality.Quality` holds them.
    """
    figure = Figure(figsize=(10.5, 6.6))
    upper, lower = figure.subfigures(2, 1, height_ratios=(2.2, 1))
    grid = upper.add_gridspec(2, 4, width_ratios=(2.2, 1, 1, 1))
    whole = upper.add_subplot(grid[:, 0])
    ny, nx = image.shape
    window = tuple((np.array([0, 0, nx, ny]) - 0.5) * sampling)
    style.show_image(whole, image, sampling, window)
    _dots(whole, atoms, sampling, 0.5)
    style.label(whole, "a", f"{len(atoms)} atoms, coloured by sublattice")
    boxes = regions[["x0_px", "y0_px", "x1_px", "y1_px"]].to_numpy(dtype=float) * sampling
    for number, (x0, y0, x1, y1) in enumerate(boxes[:ZOOMS], start=1):
        whole.add_patch(
            Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=style.VERMILLION)
        )
        style.note(whole, (x0 + 0.5 * (x1 - x0), y0 + 0.5 * (y1 - y0)), str(number), "white")
    for number in range(ZOOMS):
        ax = upper.add_subplot(grid[number // 3, 1 + number % 3])
        if number >= len(boxes):
            ax.set_axis_off()
            continue
        row = regions.iloc[number]
        style.show_image(ax, image, sampling, tuple(boxes[number]))
        _dots(ax, atoms, sampling, 0.35)
        style.label(ax, str(number + 1), f"{row['reason']} ({row['score']:.2f})")
    left, middle, ax = lower.subplots(1, 3, width_ratios=(2, 1, 1.6))
    _histograms(left, middle, atoms)
    names = list(TITLES)
    ax.barh(
        [TITLES[name] for name in names], [100 * shares[name] for name in names], color=style.BLUE
    )
    ax.invert_yaxis()
    ax.set_xlabel("share, %")
    style.label(ax, "d")
    table = style.layers(atoms=atoms, regions=regions, shares=pd.DataFrame([shares]))
    return figure, table


def _dots(ax: Axes, atoms: pd.DataFrame, sampling: float, diameter: float) -> None:
    """Atoms by sublattice; suspects red, and hollow where they are weak."""
    places = atoms[["x_px", "y_px"]].to_numpy(dtype=float) * sampling
    suspect = (atoms["short"] | atoms["weak"]).to_numpy(dtype=bool)
    sublattice = atoms["sublattice"].to_numpy(dtype=int)
    for number in np.unique(sublattice):
        own = (sublattice == number) & ~suspect
        colour = style.GREY if number < 0 else SUBLATTICES[number % len(SUBLATTICES)]
        style.discs(ax, places[own], diameter, facecolors=colour)
    style.discs(ax, places[suspect], 1.5 * diameter, facecolors="none", edgecolors="red")


def _histograms(left: Axes, right: Axes, atoms: pd.DataFrame) -> None:
    nearest = atoms["nearest_angstrom"].to_numpy(dtype=float)
    nearest = nearest[np.isfinite(nearest)]
    if len(nearest):
        left.hist(nearest, bins=np.linspace(0, 2 * np.median(nearest), 61), color=style.BLUE)
    left.set(xlabel="distance to the nearest atom, Å", ylabel="atoms")
    style.label(left, "b")
    counts = atoms["n_neighbours"].value_counts().sort_index()
    right.bar(counts.index, counts.to_numpy(), color=style.BLUE)
    right.set(xlabel="neighbours", xticks=counts.index)
    style.label(right, "c")


def save_quality(path: str | Path, drawn: Drawn) -> None:
    """Save the figure alone as PNG."""
    from latticework.shards import atomic

    with atomic(path) as temporary:
        drawn[0].savefig(temporary, format="png", dpi=130)
