"""Figures of many images: contamination, and images of something else."""

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latticework.figures import style
from latticework.figures.panels import Images, Panel
from latticework.figures.style import Drawn, notice, styled

ALLOWED_DENSITY = 1.0
COLUMNS = 6
GALLERY_DPI = 75  # noisy images are what makes a report large
INSIDE, OUTSIDE = "density inside the mask", "density outside of the mask"


def _detections(ax: Axes, frame: Panel, atoms: pd.DataFrame) -> None:
    """An image with its atoms and its mask's outline; in words if its pixel is unknown."""
    if frame.foreground is None:
        style.say(ax, "; ".join(frame.warnings) or "not read", width=34)
        return
    style.show_image(ax, frame.image, frame.sampling, frame.window)
    positions = atoms[["x_angstrom", "y_angstrom"]].to_numpy(dtype=float)
    style.discs(ax, positions, 0.6, facecolors=style.SKY)
    if frame.mask is not None and frame.mask.any():
        y, x = (np.arange(length) * frame.sampling for length in frame.mask.shape)
        ax.contour(x, y, frame.mask, levels=[0.5], colors=style.ORANGE, linewidths=1.2)


def density_table(checks: pd.DataFrame) -> pd.DataFrame:
    """Detections per nm² inside and outside of the masks, one row an image."""
    wanted = checks[checks["quantity"].isin([INSIDE, OUTSIDE, "masked area"])]
    table = wanted.pivot_table(index=["frame", "image"], columns="quantity", values="value")
    return table.reindex(columns=["masked area", INSIDE, OUTSIDE]).reset_index()


@styled
def contamination(images: Images, atoms: pd.DataFrame, checks: pd.DataFrame) -> Drawn:
    """All images of a set, with detections (blue) and hand masks (orange).

    `checks` are the set's rows of real_images.csv.
    """
    if images.skipped or not images.frames:
        return notice(images.title, images.problem)
    table = density_table(checks)
    columns = min(COLUMNS, len(images.frames))
    rows = -(-len(images.frames) // columns)
    figure = Figure(figsize=(max(6, 2.8 * columns), 3.1 * rows), dpi=GALLERY_DPI)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    for number, frame in enumerate(images.frames):
        ax = axes[number]
        _detections(ax, frame, atoms[atoms["frame"] == number])
        ax.set_axis_on()
        found = table[table["frame"] == number]
        text = "not read"
        if len(found):
            text = f"{found[INSIDE].iat[0]:.1f} | {found[OUTSIDE].iat[0]:.1f} nm⁻²"
        stem = frame.name.rsplit(".", 1)[0]
        ax.set_title(f"{number + 1}. {stem}\n{text}", fontsize=6.5)
    return figure, table


@styled
def contamination_densities(
    title: str, problem: str, checks: pd.DataFrame, pristine: float
) -> Drawn:
    """Detections per nm² inside and outside the hand masks, one row per image.

    `pristine` is the density of a perfect crystal.
    """
    table = density_table(checks)
    if problem or table.empty:
        return notice(title, problem or "no image with a mask and a known pixel size")
    figure = Figure(figsize=(7, 1.2 + 0.16 * len(table)))
    ax = figure.add_subplot()
    rows = np.arange(len(table))
    ax.hlines(rows, table[INSIDE], table[OUTSIDE], color="0.85", linewidth=1)
    ax.plot(table[INSIDE], rows, "o", color=style.ORANGE, markersize=4, label="inside the mask")
    ax.plot(table[OUTSIDE], rows, "o", color=style.BLUE, markersize=4, label="outside")
    ax.axvline(ALLOWED_DENSITY, color=style.VERMILLION, linewidth=0.8, label="1 nm⁻²")
    ax.axvline(pristine, color="0.4", linewidth=0.8, linestyle=":", label="pristine sheet")
    names = [
        f"{n + 1}. {p.rsplit('.', 1)[0]}"
        for n, p in zip(table["frame"], table["image"], strict=True)
    ]
    ax.set_yticks(rows, names, fontsize=5.5)
    ax.set(xlabel="detections per nm²", ylim=(len(table) - 0.5, -0.5))
    ax.set_xscale("symlog", linthresh=1)
    ax.set_xlim(-0.05, 60)
    ax.set_xticks([0, 0.5, 1, 2, 5, 10, 20, 40], ["0", "0.5", "1", "2", "5", "10", "20", "40"])
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=4)
    return figure, table


@styled
def out_of_distribution(
    datasets: Sequence[Images], atoms: Sequence[pd.DataFrame], frames: Sequence[pd.DataFrame]
) -> Drawn:
    """Images of something else, the atoms found in them, and what the tables warn of.

    Each dataset's first image, with its tables of atoms and of frames.
    """
    if not datasets:
        return notice("Images of something else", "the study lists none")
    figure = Figure(figsize=(4.2 * len(datasets), 5.6))
    axes = figure.subplots(1, len(datasets), squeeze=False)[0]
    rows = []
    for ax, images, found, notes in zip(axes, datasets, atoms, frames, strict=True):
        if not images.frames:
            style.say(ax, images.problem, width=44)
            ax.set_title(images.title)
            continue
        frame, note = images.frames[0], notes.iloc[0]
        here = found[found["frame"] == 0]
        if frame.foreground is None:
            low, high = np.percentile(frame.image, (0.5, 99.5))
            ax.imshow(frame.image, cmap=style.IMAGE_COLOURS, vmin=low, vmax=high)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(True)
        else:
            _detections(ax, frame, here)
        warnings = str(note["warnings"]) if pd.notna(note["warnings"]) else "no warning"
        ax.set_title(f"{images.title}: {len(here)} atoms")
        ax.set_xlabel(
            textwrap.fill(warnings, 58), loc="left", color=style.VERMILLION, linespacing=1.4
        )
        rows.append(
            {"dataset": images.title, "image": frame.name, "atoms": len(here)}
            | {"warnings": warnings}
        )
    return figure, pd.DataFrame(rows, columns=["dataset", "image", "atoms", "warnings"])
