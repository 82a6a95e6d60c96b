"""Sites of a movie that change their class: where, how many in time, and how often."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from latticework.figures import style
from latticework.figures.style import Drawn, styled
from latticework.shards import atomic

COLOURS = (style.SKY, style.ORANGE, style.GREEN, style.VERMILLION, style.PURPLE, style.BLUE)
DOT = 0.9  # Å


@styled
def transitions(
    image: np.ndarray,
    sampling: float,
    states: pd.DataFrame,
    shares: pd.DataFrame,
    table: pd.DataFrame,
) -> Drawn:
    """The first frame with the sites' states, their shares in time, and the rates of changes.

    Parameters
    ----------
    image, sampling
        The first frame (ny, nx), and its pixel in Å.
    states, shares, table
        Of `analysis.movies.transitions`. Where `table` has `true_rate`, the truth is drawn.
    """
    figure = Figure(figsize=(11, 3.7))
    where, time, rates = figure.subplots(1, 3, width_ratios=(1, 1, 1.25))
    ny, nx = image.shape
    style.show_image(where, image, sampling, (0, 0, nx * sampling, ny * sampling))
    names = shares.groupby(["host", "state"])["share"].mean().sort_values(ascending=False).index
    colours = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(names)}
    first = states[(states["frame"] == states["frame"].min()) & (states["seen"] != "")]
    for name, own in first.groupby(["host", "state"]):
        places = own[["x_angstrom", "y_angstrom"]].to_numpy()
        style.discs(where, places, DOT, facecolors=colours[name])
    style.label(where, "a", "states in the first frame")
    for (host, state), own in shares.groupby(["host", "state"]):
        label = f"{state} on {host}"
        time.plot(own["frame"], own["share"], color=colours[host, state], label=label)
    time.set(xlabel="frame", ylabel="share of the sites", ylim=(-0.02, 1.02))
    time.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    style.label(time, "b", "shares in time")
    known = table[table["events"].round() + table["events_raw"] > 0].reset_index(drop=True)
    line = np.arange(len(known))
    rates.hlines(line, known["low"], known["high"], color=style.BLUE)
    rates.plot(known["rate"], line, "o", color=style.BLUE, label="corrected, 95 %")
    rates.plot(known["rate_raw"], line, "x", color=style.VERMILLION, label="as seen")
    if "true_rate" in known:
        rates.plot(known["true_rate"], line, "|", color="black", markersize=14, label="true")
    if (known["rate"] > 0).any():
        rates.set_xscale("log")
        lowest = known.loc[known["rate"] > 1e-6, "rate"].min()
        rates.set_xlim(0.1 * lowest, 1)
    changes = known["host"] + ": " + known["from"] + " → " + known["to"]
    rates.set_yticks(line, changes)
    rates.invert_yaxis()
    rates.set_xlabel("probability of the change from a frame to the next")
    rates.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)
    style.label(rates, "c", "changes")
    return figure, table


def save_transitions(path: str | Path, drawn: Drawn) -> None:
    """Save as PNG."""
    with atomic(path) as temporary:
        drawn[0].savefig(temporary, format="png", dpi=130)
