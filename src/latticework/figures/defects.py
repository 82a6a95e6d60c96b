"""Named defects on their picture, and a gallery of them."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latticework.figures import style
from latticework.shards import atomic

COLOURS = (
    style.ORANGE,
    style.SKY,
    style.GREEN,
    style.VERMILLION,
    style.PURPLE,
    style.BLUE,
)
# Å: of the ring around a defect, and of an atom's dot.
RING, DOT = 5.0, 0.5
# Most defects whose names are written beside them; examples of a name in a gallery.
MOST_WRITTEN, EXAMPLES = 40, 6


def colours_of(named: pd.Series) -> dict[str, str]:
    """A colour for each name, the most frequent first."""
    frequent = named.value_counts(sort=True).index
    return {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(frequent)}


def save_defects(
    path: str | Path,
    image: np.ndarray,
    sampling: float,
    atoms: pd.DataFrame,
    defects: pd.DataFrame,
) -> None:
    """Draw atoms and defects on an image (ny, nx) and save it as PNG.

    `sampling` is the pixel in Å; `atoms` have x_px, y_px and class, `defects` x_px, y_px and name.
    """
    figure = Figure(figsize=(9, 9 * image.shape[0] / image.shape[1] + 0.4), layout="constrained")
    axes = figure.add_subplot()
    ny, nx = image.shape
    style.show_image(axes, image, sampling, tuple((np.array([0, 0, nx, ny]) - 0.5) * sampling))
    _atoms(axes, atoms, sampling)
    colours = colours_of(defects["name"])
    for name, colour in colours.items():
        own = defects[defects["name"] == name]
        places = own[["x_px", "y_px"]].to_numpy() * sampling
        style.discs(axes, places, RING, facecolors="none", edgecolors=colour, linewidths=1.4)
        axes.plot([], [], "o", mfc="none", mec=colour, label=f"{name}: {len(own)}")
        if len(defects) <= MOST_WRITTEN:
            for x, y in places:
                style.note(axes, (x, y - 0.7 * RING), name, colour)
    if colours:
        figure.legend(loc="outside lower center", ncols=min(len(colours), 5), frameon=False)
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def _atoms(axes: Axes, atoms: pd.DataFrame, sampling: float) -> None:
    """Small dots, each class in its colour."""
    for name, colour in colours_of(atoms["class"].astype(str)).items():
        own = atoms[atoms["class"].astype(str) == name]
        style.discs(axes, own[["x_px", "y_px"]].to_numpy() * sampling, DOT, facecolors=colour)


def save_gallery(
    path: str | Path, crops: np.ndarray, sampling: float, defects: pd.DataFrame
) -> None:
    """Draw examples of every name, the most certain first, with their counts, and save as PNG.

    `crops` (defects, size, size), in the order of the table `defects`; the pixel is in Å.
    """
    counts = defects["name"].value_counts()
    rows = max(len(counts), 1)
    figure = Figure(figsize=(1.5 * EXAMPLES, 1.65 * rows), layout="constrained")
    axes = figure.subplots(rows, EXAMPLES, squeeze=False)
    for ax in axes.ravel():
        ax.set_axis_off()
    if not len(counts):
        style.say(axes[0, 0], "no defects")
    window = (0, 0, crops.shape[2] * sampling, crops.shape[1] * sampling)
    for line, (name, count) in zip(axes, counts.items(), strict=False):
        own = defects[defects["name"] == name].sort_values("confidence", ascending=False)
        for ax, (number, row) in zip(line, own.iterrows(), strict=False):
            image = np.where(np.isfinite(crops[number]), crops[number], np.nanmin(crops[number]))
            ax.set_axis_on()
            style.show_image(ax, image, sampling, window)
            corner = 0.84 * window[2], 0.93 * window[3]
            style.note(ax, corner, f"{row['confidence']:.2f}", style.ORANGE)
        line[0].set_title(f"{name}: {count}", fontsize=9, loc="left")
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
