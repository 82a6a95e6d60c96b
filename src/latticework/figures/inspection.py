"""A file at a glance: the image with what is no specimen, and its spectrum with the lattices."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from latticework.datasets.read import Picture
from latticework.figures.overlay import show_logarithm
from latticework.inference.scale import LatticeScale
from latticework.inference.spectrum import power_spectrum
from latticework.shards import atomic


def save_picture(
    path: Path, picture: Picture, scales: Mapping[str, Sequence[LatticeScale]]
) -> None:
    """Save the first frame beside its power spectrum as PNG.

    What is no specimen is red on the frame; first-order reflections of a material's lattice, and
    their Friedel partners, are circles on the spectrum, a colour each lattice.
    """
    frame = picture.image[0]
    figure = Figure(figsize=(11, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    low, high = np.percentile(frame, (0.5, 99.5))
    left.imshow(frame, cmap="gray", vmin=low, vmax=high)
    if picture.mask is not None:
        red = np.zeros((*frame.shape, 4))
        red[picture.mask[0]] = (0.9, 0.1, 0.1, 0.6)
        left.imshow(red)
    left.set_title("the image, and in red what is no specimen")
    power = power_spectrum(frame)
    half = 0.5
    level = np.log10(power + 1e-3 * np.median(power) + 1e-30)
    right.imshow(
        level,
        cmap="gray",
        extent=(-half, half, half, -half),
        vmin=np.percentile(level, 20),
        vmax=np.percentile(level, 99.95),
    )
    number = 0
    for name, found in scales.items():
        for scale in found:
            both = np.concatenate([scale.peaks, -scale.peaks])
            label = f"{name}, {scale.sampling:.4f} Å/px"
            right.scatter(*both.T, s=70, facecolors="none", edgecolors=f"C{number}", label=label)
            number += 1
    if number:
        right.legend(loc="upper right", fontsize="small")
    right.set_title("its power spectrum, cycles per px")
    left.set_axis_off()
    _save(figure, path)


def save_pattern(path: Path, mean: np.ndarray, beam: Sequence[float] | None) -> None:
    """Save a mean pattern (ky, kx) with a cross at the direct beam (x, y) in px as PNG."""
    figure = Figure(figsize=(6, 6 * mean.shape[0] / mean.shape[1]), layout="constrained")
    axes = figure.add_subplot()
    show_logarithm(axes, mean)
    if beam is not None:
        axes.plot(*beam, "+", color="tab:orange", markersize=16)
    axes.set_axis_off()
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with atomic(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
