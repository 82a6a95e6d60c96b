"""Order of a simulated surface: its domains as read beside the true ones, and over what length."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from latticework.figures import style
from latticework.figures.style import Drawn, styled

COLOURS = [style.BLUE, style.ORANGE, style.GREEN, style.PURPLE, style.SKY, style.VERMILLION]


@styled
def order_maps(arrays: Mapping[str, np.ndarray], names: Sequence[str], read: bool) -> Drawn:
    """Image, domains read and true, local order parameters, and correlation functions.

    Parameters
    ----------
    arrays
        Details of `evaluation.order_stm`.
    names
        Of the domains.
    read
        Whether the sites that were found have a lattice; only the truth is drawn otherwise.
    """
    figure = Figure(figsize=(9, 5.6))
    axes = figure.subplots(2, 3)
    box = len(arrays["true_map"]) * float(arrays["grid"])
    window = (0.0, 0.0, box, box)
    style.show_image(axes[0, 0], arrays["image"], float(arrays["sampling"]), window)
    style.label(axes[0, 0], "a", "image")
    for ax, letter, which in ((axes[0, 1], "b", "found"), (axes[0, 2], "c", "true")):
        if which == "true" or read:
            _domains(ax, arrays[f"{which}_map"], names, box)
        style.label(ax, letter, f"domains, {'read' if which == 'found' else which}")
    for ax, letter, which in ((axes[1, 0], "d", "found"), (axes[1, 1], "e", "true")):
        if which == "true" or read:
            places = arrays[f"{which}_sites"]
            shown = ax.scatter(
                *places.T, c=arrays[f"{which}_local"], s=2.0e4 / len(places) / 9,
                cmap=style.MAP_COLOURS, vmin=0, vmax=1, linewidths=0,
            )  # fmt: skip
            style.field(ax, window)
            figure.colorbar(shown, ax=ax, shrink=0.8)
        said = "read" if which == "found" else which
        style.label(ax, letter, f"local order parameter, {said}")
    tables = {}
    for which, said, how in (("true", "true", "k--"), ("found", "read", "o-")):
        if which == "true" or read:
            length = float(arrays[f"{which}_length"])
            frame = pd.DataFrame(
                {
                    "distance_angstrom": arrays[f"{which}_distance"],
                    "correlation": arrays[f"{which}_correlation"],
                    "length_angstrom": length,
                }
            ).dropna(subset="correlation")  # at some distances a lattice has no pairs
            axes[1, 2].plot(
                frame["distance_angstrom"], frame["correlation"], how,
                markersize=3, linewidth=1, label=f"{said}, ξ = {length:.3g} Å",
            )  # fmt: skip
            tables[f"{said}_correlation"] = frame
            x, y = arrays[f"{which}_sites"].T
            local = {"x_angstrom": x, "y_angstrom": y, "local_order": arrays[f"{which}_local"]}
            tables[f"{said}_sites"] = pd.DataFrame(local)
    axes[1, 2].axhline(0, color="0.7", linewidth=0.6)
    axes[1, 2].set(xlabel="distance, Å", ylabel="correlation of domains", ylim=(None, 1.02))
    axes[1, 2].legend()
    style.label(axes[1, 2], "f", "correlation")
    if not read:
        for ax in (axes[0, 1], axes[1, 0]):
            style.say(ax, "The sites that were found have no lattice.", width=24)
    return figure, style.layers(**tables)


def _domains(ax: Axes, labels: np.ndarray, names: Sequence[str], box: float) -> None:
    """A map of domains, a square of `box` Å, with their names; -1 is none."""
    colours = ListedColormap([COLOURS[n % len(COLOURS)] for n in range(len(names))])
    norm = BoundaryNorm(np.arange(len(names) + 1) - 0.5, len(names))
    known = np.ma.masked_less(labels, 0)
    ax.imshow(known, cmap=colours, norm=norm, extent=(0, box, box, 0), interpolation="nearest")
    style.field(ax, (0.0, 0.0, box, box))
    style.scale_bar(ax)
    for number in np.unique(known.compressed()):
        ax.scatter([], [], marker="s", color=colours(int(number)), label=names[number])
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=2)
