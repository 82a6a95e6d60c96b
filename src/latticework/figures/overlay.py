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


def save_residual(path: str | Path, residual: np.ndarray) -> None:
    """Draw what a fit leaves of an image (ny, nx), in units of its mean, and save it as PNG."""
    limit = 4 * np.nanstd(residual) if np.isfinite(residual).any() else 1.0
    figure = Figure(figsize=(9, 9 * residual.shape[0] / residual.shape[1]), layout="constrained")
    axes = figure.add_subplot()
    shown = axes.imshow(residual, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.set_axis_off()
    figure.colorbar(shown, ax=axes, shrink=0.6, label="image less model, share of the mean")
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)


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


def save_lattice(path: str | Path, image: np.ndarray, vectors: np.ndarray | None) -> None:
    """Draw an image (ny, nx) and a grid of lattice vectors (2, 2) in px, save it as PNG.

    The grid is thin and starts in the middle: it shows spacing and direction, not where atoms are.
    """
    ny, nx = image.shape
    low, high = np.percentile(image, (0.5, 99.5))
    figure = Figure(figsize=(8, 8 * ny / nx), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(image, cmap="gray", vmin=low, vmax=high)
    if vectors is not None:
        middle, reach = np.array([nx, ny]) / 2, float(np.hypot(nx, ny))
        for along, across in (vectors, vectors[::-1]):
            direction = along / np.linalg.norm(along)
            step = abs(float(np.cross(np.append(direction, 0), np.append(across, 0))[2]))
            count = min(int(reach / step) + 1, 400)
            for number in range(-count, count + 1):
                start = middle + number * across
                ends = np.stack([start - reach * direction, start + reach * direction])
                axes.plot(*ends.T, color="tab:orange", linewidth=0.5, alpha=0.7)
    axes.set_xlim(-0.5, nx - 0.5)
    axes.set_ylim(ny - 0.5, -0.5)
    axes.set_axis_off()
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
