"""Figures of metal particles: structures and their images, columns on a real image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from latticework.figures import style
from latticework.figures.panels import Images, Panel
from latticework.figures.style import Drawn, notice, styled

COLUMN = 1.3
COUNT_COLOURS = "viridis"


@dataclass(frozen=True)
class Example:
    """A simulated particle and what a network made of it.

    `positions` (n, 2) Å of its columns and `counts` (n,) of their atoms; `image` (ny, nx) and
    `foreground` (my, mx) with their pixels in Å; `found` (m, 2) Å; `title` in words.
    """

    positions: np.ndarray
    counts: np.ndarray
    image: np.ndarray
    sampling: float
    foreground: np.ndarray
    map_sampling: float
    found: np.ndarray
    title: str


def read_examples(
    arrays: Mapping[str, Any], attributes: Mapping[str, Any]
) -> tuple[list[Example], float]:
    """Examples in a file of format "examples", and the side of their field in Å."""
    shown = [
        Example(
            positions=arrays["positions"][number],
            counts=arrays["counts"][number],
            image=arrays["image"][number],
            sampling=float(arrays["sampling"]),
            foreground=arrays["foreground"][number],
            map_sampling=float(arrays["map_sampling"]),
            found=arrays["found"][number],
            title=title,
        )
        for number, title in enumerate(attributes["titles"])
    ]
    return shown, float(arrays["box"])


@styled
def particles(examples: Sequence[Example], box: float) -> Drawn:
    """Particles by atoms per column, their images, and outputs (Madsen 2018, Fig. 8)."""
    figure = Figure(figsize=(2.4 * len(examples), 7.6))
    axes = figure.subplots(3, len(examples), squeeze=False)
    tallest = max(int(e.counts.max()) for e in examples)
    window = (0, 0, box, box)
    rows = []
    for column, example in zip(axes.T, examples, strict=True):
        style.field(column[0], window)
        discs = style.discs(
            column[0],
            example.positions,
            COLUMN,
            example.counts,
            cmap=COUNT_COLOURS,
            clim=(1, tallest),
        )
        column[0].set_title(example.title, fontsize=7)
        style.scale_bar(column[0], "black")
        style.show_image(column[1], example.image, example.sampling, window)
        shown = style.show(
            column[2],
            example.foreground,
            example.map_sampling,
            window,
            cmap=style.MAP_COLOURS,
            vmin=0,
            vmax=1,
        )
        style.discs(
            column[2], example.found, 0.7, facecolors="none", edgecolors=style.SKY, linewidths=0.5
        )
        rows.append(
            pd.DataFrame(
                {
                    "particle": example.title.replace("\n", ", "),
                    "x_angstrom": example.positions[:, 0],
                    "y_angstrom": example.positions[:, 1],
                    "atoms": example.counts,
                }
            )
        )
    figure.colorbar(discs, ax=axes[0], label="atoms in the column", shrink=0.8)
    figure.colorbar(shown, ax=axes[2], label="probability of a column", shrink=0.8)
    return figure, pd.concat(rows, ignore_index=True)


def _show_columns(left: Axes, right: Axes, frame: Panel, found: pd.DataFrame) -> AxesImage:
    """The network's output of a frame, which is returned, and columns on its image."""
    output = style.show(
        left,
        frame.foreground,
        frame.map_sampling,
        frame.window,
        cmap=style.MAP_COLOURS,
        vmin=0,
        vmax=1,
    )
    style.show_image(right, frame.image, frame.sampling, frame.window)
    positions = found[["x_angstrom", "y_angstrom"]].to_numpy(dtype=float)
    style.discs(right, positions, COLUMN, facecolors=style.PURPLE)
    return output


@styled
def real_columns(images: Images, atoms: pd.DataFrame, outlines: Sequence[np.ndarray]) -> Drawn:
    """Images, the network's output, and the columns on the images (Madsen 2018, Fig. 9).

    `atoms` has the columns x_angstrom, y_angstrom, probability and frame; `outlines` are points
    (n, 2) in px, drawn on the first image.
    """
    if images.problem:
        return notice(images.title, images.problem)
    shown = [(n, f) for n, f in enumerate(images.frames) if f.foreground is not None]
    figure = Figure(figsize=(12, 4.3 * len(shown)))
    axes = figure.subplots(len(shown), 3, squeeze=False)
    for row, (number, frame) in zip(axes, shown, strict=True):
        found = atoms[atoms["frame"] == number]
        style.show_image(row[0], frame.image, frame.sampling, frame.window)
        output = _show_columns(row[1], row[2], frame, found)
        for outline in outlines if number == 0 else ():
            closed = np.concatenate([outline, outline[:1]]) * frame.sampling
            for ax in row[::2]:
                ax.plot(*closed.T, color=style.ORANGE, linewidth=0.9)
        row[0].set_title(f"{frame.name}, {frame.sampling:.4f} Å/px")
        row[1].set_title("network")
        row[2].set_title(f"{len(found)} columns")
    figure.colorbar(output, ax=axes[:, 1], label="probability of a column", shrink=0.5)
    return figure, atoms


@dataclass(frozen=True)
class Reading:
    """What a study makes of a dataset: its images with maps, its columns (as `real_columns`) and
    its checks (quantity, value, unit of `analysis.real_images`)."""

    study: str
    images: Images
    atoms: pd.DataFrame
    checks: pd.DataFrame


@styled
def comparison(readings: Sequence[Reading], outlines: Sequence[np.ndarray]) -> Drawn:
    """Output and columns on the first image of a dataset, one row per study.

    `outlines` are points (n, 2) in px, numbered in the order of the checks.
    """
    table = pd.concat([r.checks.assign(study=r.study) for r in readings], ignore_index=True)
    table = table[["study", "quantity", "value", "unit"]]
    images = readings[0].images
    if images.problem:
        return notice(images.title, images.problem)
    figure = Figure(figsize=(9.2, 4.6 * len(readings)))
    axes = figure.subplots(len(readings), 2, squeeze=False)
    for row, reading in zip(axes, readings, strict=True):
        frame = reading.images.frames[0]
        found = reading.atoms[reading.atoms["frame"] == 0]
        output = _show_columns(row[0], row[1], frame, found)
        value = reading.checks.set_index("quantity")["value"]
        for number, outline in enumerate(outlines, start=1):
            closed = np.concatenate([outline, outline[:1]]) * frame.sampling
            row[1].plot(*closed.T, color=style.ORANGE, linewidth=0.9)
            # Above the outline, where it hides no column.
            place = closed[:, 0].mean(), closed[:, 1].min() - 0.02 * frame.window[3]
            count = value[f"columns in outline {number}"]
            style.note(row[1], place, f"{count:.0f}", style.ORANGE)
        row[0].set_title(f"{reading.study}: network")
        elsewhere = value.get("columns outside of the outlines", len(found))
        row[1].set_title(f"{len(found)} columns, {elsewhere:.0f} of them outside of the outlines")
    figure.colorbar(
        output, ax=axes[:, 0], label="probability of a column", shrink=0.5, location="left"
    )
    return figure, table
