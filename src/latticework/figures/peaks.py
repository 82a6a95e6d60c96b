"""Figures of peaks found by networks and by correlation (Munshi 2022, Fig. 2 and Table I)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from latticework.figures import style
from latticework.figures.library import FAINTEST, show_reciprocal
from latticework.figures.style import Drawn, layers, styled

BASELINES = {"quantem": "0.2", "py4dstem": "0.55"}
COLOURS = (style.BLUE, style.GREEN, style.VERMILLION, style.ORANGE, style.PURPLE, style.SKY)
PEAK_COLUMNS = ("qx", "qy", "intensity", "sigma", "x_px", "y_px")
LARGEST = 60  # area of the strongest diffracted peak's mark, points²
ZONES = {True: "on zone", False: "off zone"}
SCANS = {
    "thickness_angstrom": "thickness, nm",
    "semiangle_mrad": "semiangle, mrad",
    "dose": "electrons in the probe",
    "tilt_degrees": "tilt from a low-index axis, °",
}


def method_name(method: str) -> str:
    """The name of a network's row, or of an implementation of the correlation, in words."""
    words = method.replace("_", " ")
    return f"correlation ({words})" if method in BASELINES else words


def method_styles(methods: Sequence[str]) -> dict[str, dict[str, str]]:
    """Line styles of methods: networks in colour, correlations in dashed grey."""
    networks = [method for method in dict.fromkeys(methods) if method not in BASELINES]
    styles = {m: {"color": COLOURS[i % len(COLOURS)]} for i, m in enumerate(networks)}
    return styles | {m: {"color": c, "linestyle": "--"} for m, c in BASELINES.items()}


def shown_patterns(table: pd.DataFrame, on_zone: int = 3, off_zone: int = 2) -> list[int]:
    """Numbers of the first patterns of the test on and off zone, which stand in a random order.

    Of each kind the thinnest first.
    """
    test = table[table["subset"] == "test"].reset_index(drop=True)
    chosen = []
    for kind, count in ((True, on_zone), (False, off_zone)):
        rows = test[test["on_zone"] == kind].head(count)
        chosen += rows.sort_values("thickness_angstrom", kind="stable")["pattern"].tolist()
    return chosen


def _areas(peaks: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    """Areas of marks in proportion to the amplitude, at most that of the strongest beside 0."""
    away = np.hypot(*(peaks[:, :2] - centre).T) > radius
    strongest = peaks[away, 2].max() if away.any() else 1.0
    return LARGEST * np.minimum(peaks[:, 2] / strongest, 1)


def _found(
    ax: Axes, truth: np.ndarray, found: np.ndarray, centre: np.ndarray, radius: float
) -> None:
    """Circles where the true peaks are, crosses where peaks were found."""
    circles = {"facecolors": "none", "edgecolors": style.BLUE}
    for peaks, how in ((truth, circles), (found, {"marker": "x", "c": "black"})):
        areas = _areas(peaks, centre, radius)
        ax.scatter(*peaks[:, :2].T, s=areas, linewidths=0.5, rasterized=True, **how)


@styled
def detection(
    arrays: Mapping[str, np.ndarray],
    table: pd.DataFrame,
    peaks: Mapping[str, pd.DataFrame],
    scores: Mapping[str, pd.DataFrame],
    chosen: Sequence[int],
    radius: float,
) -> Drawn:
    """Patterns, and the true peaks with those that methods found in them (Fig. 2).

    `arrays` and `table` are the evaluation's patterns, `peaks` and `scores` the tables of each
    method, a row of the figure each; `radius` is that of a match, 1/Å. The accuracy stands above.
    """
    step = float(arrays["reciprocal_sampling"])
    half = arrays["pattern"].shape[-1] // 2 * step
    figure = Figure(figsize=(1.5 * len(chosen), 1.68 * (1 + len(peaks))))
    axes = figure.subplots(1 + len(peaks), len(chosen), squeeze=False)
    drawn = []
    for column, number in enumerate(chosen):
        row = table.loc[table["pattern"] == number].iloc[0]
        ax = axes[0, column]
        show_reciprocal(ax, arrays["pattern"][number], step, "gray", FAINTEST)
        ax.set_title(
            f"{row['thickness_angstrom'] / 10:g} nm, {row['semiangle_mrad']:g} mrad\n"
            f"{ZONES[bool(row['on_zone'])]}, $10^{{{np.log10(row['dose']):.1f}}}$ electrons",
            fontsize=5.5,
        )
        truth, centre = arrays["peaks"][number], arrays["centre"][number]
        for ax, method in zip(axes[1:, column], peaks, strict=True):
            lines = peaks[method][peaks[method]["pattern"] == number]
            found = lines[["qx", "qy", "amplitude"]].to_numpy()
            _found(ax, truth, found, centre, radius)
            of_method = scores[method]
            accuracy = of_method.loc[(of_method["pattern"] == number), "accuracy"].iloc[0]
            ax.set(xlim=(-half, half), ylim=(half, -half), xticks=[], yticks=[], aspect="equal")
            ax.spines[:].set_visible(True)
            ax.set_title(f"accuracy {100 * accuracy:.0f} %", fontsize=6.5)
            drawn.append(lines.assign(method=method, accuracy=accuracy))
        drawn.append(
            pd.DataFrame(truth, columns=["qx", "qy", "amplitude"]).assign(
                pattern=number, method="truth"
            )
        )
    axes[0, 0].plot([-0.9 * half, 1 - 0.9 * half], [0.85 * half] * 2, color="white", linewidth=2)
    axes[0, 0].text(-0.9 * half, 0.8 * half, "1 1/Å", color="white", fontsize=5.5, va="bottom")
    names = ["patterns", *(method_name(method) for method in peaks)]
    for line, letter, name in zip(axes, "abcdefgh", names, strict=False):
        line[0].set_ylabel(rf"$\bf{{{letter}}}$  {name}", fontsize=6.5)
    figure.legend(
        handles=[
            Line2D([], [], marker="o", color="none", markeredgecolor=style.BLUE, label="true"),
            Line2D([], [], marker="x", color="none", markeredgecolor="black", label="found"),
        ],
        loc="outside lower center",
        ncols=2,
    )
    return figure, pd.concat(drawn, ignore_index=True)


def _scan(ax: Axes, rows: pd.DataFrame, quantity: str, styles: Mapping) -> None:
    """Accuracy of each method against one quantity, with standard errors."""
    for method, line in rows.groupby("method", sort=False):
        x = line["value"] / (10 if quantity == "thickness_angstrom" else 1)
        ax.errorbar(
            x,
            line["accuracy"],
            line["accuracy_error"].fillna(0),
            marker="o",
            markersize=3,
            elinewidth=0.7,
            capsize=1.5,
            **styles[method],
        )
    if quantity == "dose":
        ax.set_xscale("log")
    ax.set(xlabel=SCANS[quantity], ylabel="accuracy (eq. 1)", ylim=(0, 1))


@styled
def accuracy(table: pd.DataFrame) -> Drawn:
    """Accuracy of all methods against thickness, semiangle, dose and tilt, on and off zone.

    `table` is that of `evaluation.bragg.accuracy_in_bins`.
    """
    methods = table["method"].unique()
    styles = method_styles(methods)
    figure = Figure(figsize=(10, 4.6))
    grid = figure.add_gridspec(2, 4)
    letters = iter("abcdefg")
    for line, zone in enumerate(("on", "off")):
        for column, quantity in enumerate(("thickness_angstrom", "semiangle_mrad", "dose")):
            ax = figure.add_subplot(grid[line, column])
            rows = table[(table["quantity"] == quantity) & (table["zone"] == zone)]
            _scan(ax, rows, quantity, styles)
            style.label(ax, next(letters), f"{zone} zone")
    ax = figure.add_subplot(grid[:, 3])
    _scan(
        ax,
        table[(table["quantity"] == "tilt_degrees") & (table["zone"] == "all")],
        "tilt_degrees",
        styles,
    )
    style.label(ax, next(letters), "all")
    handles = [Line2D([], [], marker="o", label=method_name(m), **styles[m]) for m in methods]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(methods))
    return figure, table


def _name_methods(ax: Axes, methods: Sequence[str]) -> None:
    ax.set_xticks(
        range(len(methods)), [method_name(m) for m in methods], rotation=35, ha="right", va="top"
    )
    ax.tick_params(axis="x", length=0, pad=2)


@styled
def table_1(table: pd.DataFrame, comparison: pd.DataFrame, published: pd.DataFrame) -> Drawn:
    """SSIM (Table I) and accuracy of all methods, and how often a network beats the correlation.

    `table` and `comparison` are those of `evaluation.bragg`; `published` has the SSIM of methods
    of the same names in Munshi 2022 (method, on_zone, ssim).
    """
    paper = published.set_index(["method", "on_zone"])["ssim"].to_dict()
    methods = list(dict.fromkeys(table["method"]))
    networks = [method for method in methods if method not in BASELINES]
    styles = method_styles(methods)
    figure = Figure(figsize=(10, 3.4))
    axes = figure.subplots(1, 3, width_ratios=[len(networks), len(methods), len(networks)])
    for ax, column, shown in ((axes[0], "ssim", networks), (axes[1], "accuracy", methods)):
        for place, method in enumerate(shown):
            rows = table[table["method"] == method].set_index("on_zone")
            for offset, zone in ((-0.2, True), (0.2, False)):
                if zone not in rows.index:
                    continue
                value, error = rows.loc[zone, column], rows.loc[zone, f"{column}_error"]
                ax.bar(
                    place + offset,
                    value,
                    0.36,
                    yerr=np.nan_to_num(error),
                    color=styles[method]["color"],
                    alpha=1 if zone else 0.5,
                    error_kw={"elinewidth": 0.8},
                )
                ax.text(
                    place + offset,
                    0.02,
                    f"{value:.2f}",
                    ha="center",
                    rotation=90,
                    color="white",
                    fontsize=6,
                    weight="bold",
                )
                if column == "ssim" and (method, zone) in paper:
                    ax.plot(
                        place + offset,
                        paper[method, zone],
                        "D",
                        color="black",
                        markersize=3.5,
                        markerfacecolor="white",
                    )
        ax.set(ylim=(0, 1))
        _name_methods(ax, shown)
    for zone, dash in ((True, "-"), (False, ":")):
        floor = table.loc[table["on_zone"] == zone, "ssim_direct_beam"]
        if len(floor):
            axes[0].axhline(floor.iloc[0], color="0.5", linestyle=dash, linewidth=0.8)
    axes[0].set_ylabel("SSIM")
    axes[1].set_ylabel("accuracy (eq. 1)")
    for place, network in enumerate(networks):
        rows = comparison[comparison["network"] == network]
        for offset, zone in ((-0.2, True), (0.2, False)):
            share = rows.loc[rows["on_zone"] == zone, "share_better"]
            if len(share):
                axes[2].bar(
                    place + offset,
                    share.iloc[0],
                    0.36,
                    alpha=1 if zone else 0.5,
                    color=styles[network]["color"],
                )
    axes[2].axhline(0.5, color="0.5", linewidth=0.8)
    axes[2].set(ylim=(0, 1), ylabel="share of patterns")
    _name_methods(axes[2], networks)
    first = comparison["baseline"].iloc[0]
    titles = ("similarity of structure factors", "peaks", f"better than {method_name(first)}")
    for ax, letter, title in zip(axes, "abc", titles, strict=True):
        style.label(ax, letter, title)
    figure.legend(
        handles=[
            Line2D([], [], color="0.3", linewidth=5, label="on zone"),
            Line2D([], [], color="0.3", linewidth=5, alpha=0.5, label="off zone"),
            Line2D([], [], marker="D", color="none", markeredgecolor="black", label="Munshi 2022"),
            Line2D([], [], color="0.5", linewidth=0.8, label="direct beam alone, on zone"),
            Line2D([], [], color="0.5", linewidth=0.8, linestyle=":", label="… off zone"),
        ],
        loc="outside lower center",
        ncols=5,
    )
    return figure, layers(methods=table, comparison=comparison)


@styled
def scan(arrays: Mapping[str, Any], attributes: Mapping[str, Any]) -> Drawn:
    """Patterns of a scan and the Bragg peaks found in them; a circle's area is its strength.

    `arrays` and `attributes` are those of a file of format "bragg_peaks".
    """
    if attributes["skipped"]:
        return style.notice(attributes["title"], f"Skipped: {attributes['skipped']}")
    excerpt, numbers = arrays["excerpt"], arrays["excerpt_position"]
    columns = min(3, len(excerpt))
    rows = -(-len(excerpt) // columns)
    figure = Figure(figsize=(3.4 * columns, 3.6 * rows))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    tables = []
    for ax in axes[len(excerpt) :]:
        ax.set_axis_off()
    for ax, pattern, number in zip(axes, excerpt, numbers, strict=False):
        peaks = pd.DataFrame({name: arrays[name][number] for name in PEAK_COLUMNS})
        low = max(np.percentile(pattern, 30), pattern.max() * 1e-5, 1e-12)
        ax.imshow(np.log10(np.maximum(pattern, low)), cmap=style.IMAGE_COLOURS)
        ax.scatter(
            peaks["x_px"],
            peaks["y_px"],
            s=6 + 150 * peaks["intensity"],
            facecolors="none",
            edgecolors=style.ORANGE,
            linewidths=0.8,
        )
        place = np.unravel_index(number, attributes["scan"]) if attributes["scan"] else ()
        where = ", ".join(str(int(i)) for i in place)
        title = f"position ({where}): {len(peaks)} peaks" if where else f"{len(peaks)} peaks"
        ax.set(title=title, xticks=[], yticks=[])
        tables.append(peaks.assign(pattern=number))
    figure.suptitle(attributes["title"], fontsize=8)
    return figure, pd.concat(tables, ignore_index=True)
