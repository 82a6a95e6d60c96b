"""Atoms on their image, or peaks on their pattern, for a quick look."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imsave

from latticework.shards import atomic


def save_overlay(path: str | Path, image: np.ndarray, atoms: pd.DataFrame) -> None:
    """Draw atoms (x_px, y_px, probability) on an image (ny, nx) and save it as PNG."""
    low, high = np.percentile(image, (0.5, 99.5))
    figure = Figure(figsize=(9, 9 * image.shape[0] / image.shape[1]), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(image, cmap="gray", vmin=low, vmax=high)
    points = axes.scatter(
        atoms["x_px"], atoms["y_px"], c=atoms["probability"], s=9, cmap="viridis", vmin=0, vmax=1
    )
    axes.set_axis_off()
    figure.colorbar(points, ax=axes, shrink=0.6, label="probability")
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def save_mask(path: str | Path, frame: np.ndarray, mask: np.ndarray | None) -> float:
    """Save what shows no specimen in the first frame as a PNG of its size (ny, nx), white on black.

    `mask` is bool (frames, ny, nx), or None where all is specimen. Returns the masked share.
    """
    first = np.zeros(frame.shape, dtype=bool) if mask is None else mask[0]
    with atomic(path) as temporary:
        imsave(temporary, first, cmap="gray", vmin=0, vmax=1, format="png")
    return float(first.mean())


def save_peaks(path: str | Path, pattern: np.ndarray, peaks: pd.DataFrame) -> None:
    """Draw Bragg peaks (x_px, y_px, intensity) on a pattern (ky, kx) and save it as PNG.

    The pattern is on a logarithmic scale; a circle's area is its structure factor.
    """
    figure = Figure(figsize=(7, 7 * pattern.shape[0] / pattern.shape[1]), layout="constrained")
    axes = figure.add_subplot()
    show_logarithm(axes, pattern)
    axes.scatter(
        peaks["x_px"],
        peaks["y_px"],
        s=10 + 250 * peaks["intensity"],
        facecolors="none",
        edgecolors="tab:orange",
        linewidths=0.8,
    )
    axes.set_axis_off()
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


def show_logarithm(axes: Axes, pattern: np.ndarray) -> None:
    """Show a pattern (ky, kx) on a logarithmic scale of grey."""
    low = max(np.percentile(pattern, 30), pattern.max() * 1e-5, 1e-12)
    axes.imshow(np.log10(np.maximum(pattern, low)), cmap="gray")
