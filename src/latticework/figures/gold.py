"""Figures of metal particles: structures and their pictures, columns on a real picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from latticework.figures import style
from latticework.figures.pictures import Frame, Pictures
from latticework.figures.style import Drawn, notice, styled

COLUMN = 1.3
HEIGHT_COLOURS = "viridis"


@dataclass(frozen=True)
class Example:
    """A simulated particle and what a network made of it.

    positions (n, 2) Å and heights (n,) of its columns; picture (ny, nx) and foreground (my, mx)
    with their pixels in Å; found (m, 2) Å; title in words.
    """

    positions: np.ndarray
    heights: np.ndarray
    picture: np.ndarray
    sampling: float
    foreground: np.ndarray
    map_sampling: float
    found: np.ndarray
    title: str


@styled
def particles(examples: Sequence[Example], box: float) -> Drawn:
    """Particles by height, their pictures, the network's output (Madsen 2018, Fig. 8)."""
    figure = Figure(figsize=(2.4 * len(examples), 7.6))
    axes = figure.subplots(3, len(examples), squeeze=False)
    tallest = max(int(e.heights.max()) for e in examples)
    window = (0, 0, box, box)
    rows = []
    for column, example in zip(axes.T, examples, strict=True):
        style.field(column[0], window)
        discs = style.discs(
            column[0],
            example.positions,
            COLUMN,
            example.heights,
            cmap=HEIGHT_COLOURS,
            clim=(1, tallest),
        )
        column[0].set_title(example.title, fontsize=7)
        style.scale_bar(column[0], "black")
        style.show_picture(column[1], example.picture, example.sampling, window)
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
                    "height": example.heights,
                }
            )
        )
    figure.colorbar(discs, ax=axes[0], label="atoms in the column", shrink=0.8)
    figure.colorbar(shown, ax=axes[2], label="probability of a column", shrink=0.8)
    return figure, pd.concat(rows, ignore_index=True)


def _show_columns(left: Axes, right: Axes, frame: Frame, found: pd.DataFrame) -> AxesImage:
    """The network's output of a frame, which is returned, and columns on its picture."""
    output = style.show(
        left,
        frame.foreground,
        frame.map_sampling,
        frame.window,
        cmap=style.MAP_COLOURS,
        vmin=0,
        vmax=1,
    )
    style.show_picture(right, frame.image, frame.sampling, frame.window)
    positions = found[["x_angstrom", "y_angstrom"]].to_numpy(dtype=float)
    style.discs(right, positions, COLUMN, facecolors=style.PURPLE)
    return output


@styled
def real_columns(pictures: Pictures, atoms: pd.DataFrame, outlines: Sequence[np.ndarray]) -> Drawn:
    """Pictures, the network's output, and the columns on the pictures (Madsen 2018, Fig. 9).

    `atoms` has the columns x_angstrom, y_angstrom, probability and frame; `outlines` are points
    (n, 2) in px, drawn on the first picture.
    """
    if pictures.problem:
        return notice(pictures.title, pictures.problem)
    shown = [(n, f) for n, f in enumerate(pictures.frames) if f.foreground is not None]
    figure = Figure(figsize=(12, 4.3 * len(shown)))
    axes = figure.subplots(len(shown), 3, squeeze=False)
    for row, (number, frame) in zip(axes, shown, strict=True):
        found = atoms[atoms["frame"] == number]
        style.show_picture(row[0], frame.image, frame.sampling, frame.window)
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
    """What a study makes of a dataset: its pictures with maps, its columns (as `real_columns`) and
    its checks (quantity, value, unit of `analysis.real_pictures`)."""

    study: str
    pictures: Pictures
    atoms: pd.DataFrame
    checks: pd.DataFrame


@styled
def comparison(readings: Sequence[Reading], outlines: Sequence[np.ndarray]) -> Drawn:
    """Output and columns on the first picture of a dataset, a row a study.

    `outlines` are points (n, 2) in px, numbered in the order of the checks.
    """
    table = pd.concat([r.checks.assign(study=r.study) for r in readings], ignore_index=True)
    table = table[["study", "quantity", "value", "unit"]]
    pictures = readings[0].pictures
    if pictures.problem:
        return notice(pictures.title, pictures.problem)
    figure = Figure(figsize=(9.2, 4.6 * len(readings)))
    axes = figure.subplots(len(readings), 2, squeeze=False)
    for row, reading in zip(axes, readings, strict=True):
        frame = reading.pictures.frames[0]
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


@dataclass(frozen=True)
class Film:
    """A movie for figures: its mean picture (ny, nx) of pixels of `sampling` Å, and its tables
    of sites and of rates."""

    title: str
    mean: np.ndarray
    sampling: float
    sites: pd.DataFrame
    rates: pd.DataFrame


@styled
def dynamics(films: Sequence[Film]) -> Drawn:
    """Mean picture, occupancy, and events of sites, a row a movie (Madsen 2018, Fig. 10)."""
    if not films:
        return notice("Surface dynamics", "the study lists no movies")
    figure = Figure(figsize=(10.6, 3.5 * len(films)))
    axes = figure.subplots(len(films), 3, squeeze=False)
    most = max([0.05, *(film.sites["events"].max() for film in films if len(film.sites))])
    for row, film in zip(axes, films, strict=True):
        ny, nx = film.mean.shape
        window = (0, 0, nx * film.sampling, ny * film.sampling)
        style.show_picture(row[0], film.mean, film.sampling, window)
        row[0].set_title(f"{film.title}\nmean of the frames")
        positions = film.sites[["x_angstrom", "y_angstrom"]].to_numpy()
        for ax, name, limit, colours in (
            (row[1], "occupancy", 1.0, "viridis"),
            (row[2], "events", most, "inferno"),
        ):
            style.field(ax, window)
            ax.set_facecolor("0.93")
            drawn = style.discs(ax, positions, 2.0, film.sites[name], cmap=colours, clim=(0, limit))
            label = "fraction of frames" if name == "occupancy" else "events a frame"
            figure.colorbar(drawn, ax=ax, label=label, shrink=0.8)
        row[1].set_title("occupancy")
        rates = film.rates.set_index("kind")
        row[2].set_title(
            f"events: {rates.at['corrected', 'rate']:.2f} "
            f"({rates.at['corrected', 'low']:.2f} to {rates.at['corrected', 'high']:.2f}) a frame, "
            f"raw {rates.at['raw', 'rate']:.2f}",
            fontsize=7,
        )
    return figure, pd.concat(
        [film.sites.assign(movie=film.title) for film in films], ignore_index=True
    )
