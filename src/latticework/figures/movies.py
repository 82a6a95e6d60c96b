"""Figures of movies of particles: occupancy and events of sites (Madsen 2018, Fig. 10)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from latticework.figures import style
from latticework.figures.style import Drawn, notice, styled


@dataclass(frozen=True)
class Film:
    """A movie for figures: its mean image (ny, nx) of pixels of `sampling` Å, and its tables
    of sites and of rates."""

    title: str
    mean: np.ndarray
    sampling: float
    sites: pd.DataFrame
    rates: pd.DataFrame


@styled
def dynamics(films: Sequence[Film]) -> Drawn:
    """Mean image, occupancy, and events of sites, one row per movie (Madsen 2018, Fig. 10)."""
    if not films:
        return notice("Surface dynamics", "the study lists no movies")
    figure = Figure(figsize=(10.6, 3.5 * len(films)))
    axes = figure.subplots(len(films), 3, squeeze=False)
    most = max([0.05, *(film.sites["events"].max() for film in films if len(film.sites))])
    for row, film in zip(axes, films, strict=True):
        ny, nx = film.mean.shape
        window = (0, 0, nx * film.sampling, ny * film.sampling)
        style.show_image(row[0], film.mean, film.sampling, window)
        row[0].set_title(f"{film.title}\nmean of the frames")
        positions = film.sites[["x_angstrom", "y_angstrom"]].to_numpy()
        for ax, name, limit, colours in (
            (row[1], "occupancy", 1.0, "viridis"),
            (row[2], "events", most, "inferno"),
        ):
            style.field(ax, window)
            ax.set_facecolor("0.93")
            drawn = style.discs(ax, positions, 2.0, film.sites[name], cmap=colours, clim=(0, limit))
            label = "fraction of frames" if name == "occupancy" else "events per frame"
            figure.colorbar(drawn, ax=ax, label=label, shrink=0.8)
        row[1].set_title("occupancy")
        rates = film.rates.set_index("kind")
        row[2].set_title(
            f"events: {rates.at['corrected', 'rate']:.2f} "
            f"({rates.at['corrected', 'low']:.2f} to {rates.at['corrected', 'high']:.2f}) "
            f"per frame, raw {rates.at['raw', 'rate']:.2f}",
            fontsize=7,
        )
    return figure, pd.concat(
        [film.sites.assign(movie=film.title) for film in films], ignore_index=True
    )
