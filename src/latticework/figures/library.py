"""Figures of the diffraction library: crystals drawn (Munshi 2022, Fig. 6), triplets simulated."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from latticework.figures import style
from latticework.figures.style import Drawn, layers, styled

MOST_COMMON = 4
SHOWN_THICKNESSES = 4
# Intensities over the brightest pixel of the probe: what is fainter is black.
FAINTEST = 1e-5


@styled
def crystals(names: Sequence[str], numbers: Sequence[np.ndarray]) -> Drawn:
    """Crystals of each prototype, and the elements of the commonest (Munshi 2022, Fig. 6).

    `names` are "prototype/elements" of all structures, `numbers` their atomic numbers; a crystal
    that comes in several orientations counts once.
    """
    kinds = dict(zip(names, numbers, strict=True))
    counts = Counter(name.split("/")[0] for name in kinds)
    labels = sorted(counts, key=lambda label: (-counts[label], label))
    figure = Figure(figsize=(7, 4.2))
    grid = figure.add_gridspec(2, MOST_COMMON, height_ratios=[1.2, 1])
    ax = figure.add_subplot(grid[0, :])
    rank = np.arange(1, len(labels) + 1)
    values = np.array([counts[label] for label in labels])
    ax.bar(rank, values, width=1, color=style.SKY, edgecolor="white", linewidth=0.2)
    ax.set(xlabel="prototype, by rank", ylabel="crystals", xlim=(0.4, len(labels) + 0.6))
    ax.yaxis.get_major_locator().set_params(integer=True)
    total = ax.twinx()
    total.plot(rank, values.cumsum() / values.sum(), color=style.VERMILLION)
    total.set(ylabel="share of all crystals", ylim=(0, 1.03))
    total.spines["right"].set_visible(True)
    style.label(ax, "a", f"{len(kinds)} crystals of {len(labels)} prototypes")
    elements = []
    for i, label in enumerate(labels[:MOST_COMMON]):
        members = [zs for name, zs in kinds.items() if name.split("/")[0] == label]
        found = Counter(int(z) for zs in members for z in np.unique(zs))
        ax = figure.add_subplot(grid[1, i])
        ax.bar(list(found), list(found.values()), width=1, color=style.BLUE)
        ax.set(xlabel="atomic number", xlim=(0, 93))
        ax.set_title(rf"$\bf{{{'bcde'[i]}}}$  {label}", fontsize=6)
        ax.yaxis.get_major_locator().set_params(integer=True)
        if not i:
            ax.set_ylabel("crystals with it")
        elements += [(label, z, count) for z, count in sorted(found.items())]
    return figure, layers(
        prototypes=pd.DataFrame({"prototype": labels, "crystals": values}),
        elements=pd.DataFrame(elements, columns=["prototype", "atomic_number", "crystals"]),
    )


def examples(zone_axes: np.ndarray, names: Sequence[str], count: int = 2) -> list[int]:
    """Numbers of an orientation on a zone axis of each of `count` crystals, and of one off it."""
    on_zone = zone_axes.any(axis=1)
    crystals_of = np.unique(names, return_inverse=True)[1]
    chosen = []
    for kind in (on_zone, ~on_zone):
        numbers = np.flatnonzero(kind)
        first = np.unique(crystals_of[numbers], return_index=True)[1]
        chosen += numbers[np.sort(first)[:count]].tolist()
    return chosen


def show_reciprocal(ax: Axes, values: np.ndarray, step: float, colours: str, low: float) -> None:
    """Draw values (ky, kx) of pixels of `step` 1/Å, logarithmic down to `low` of their maximum."""
    half = values.shape[-1] // 2 * step
    shade = np.log10(np.clip(values / values.max(), low, 1))
    ax.imshow(
        shade,
        cmap=colours,
        vmin=np.log10(low),
        vmax=0,
        extent=(-half - step / 2, half - step / 2, half - step / 2, -half - step / 2),
        interpolation="nearest",
    )
    ax.set(xticks=[], yticks=[])


@styled
def triplets(
    arrays: Mapping[str, np.ndarray], names: Sequence[str], chosen: Sequence[int]
) -> Drawn:
    """Probe, patterns at several thicknesses and structure factors, a row an orientation.

    `arrays` are those of a diffraction shard, `names` its crystals. The semiangle goes on from row
    to row. Patterns and probes on a logarithmic scale of five decades, structure factors of two.
    """
    step, thickness = float(arrays["reciprocal_sampling"]), arrays["thickness"]
    shown = np.unique(np.linspace(0, len(thickness) - 1, SHOWN_THICKNESSES).round().astype(int))
    figure = Figure(figsize=(1.25 * (len(shown) + 2), 1.42 * len(chosen)))
    axes = figure.subplots(len(chosen), len(shown) + 2, squeeze=False)
    rows = []
    for row, (line, number) in enumerate(zip(axes, chosen, strict=True)):
        probe_number = row % len(arrays["semiangle"])
        semiangle = arrays["semiangle"][probe_number]
        axis = arrays["zone_axis"][number]
        zone = f"[{axis[0]} {axis[1]} {axis[2]}]" if axis.any() else "off zone"
        show_reciprocal(line[0], arrays["probe"][probe_number], step, "gray", FAINTEST)
        line[0].set_ylabel(
            names[number].replace("/", "\n") + f"\n{zone}, {semiangle:g} mrad", fontsize=5.5
        )
        patterns = arrays["pattern"][number, probe_number]
        for ax, index in zip(line[1:-1], shown, strict=True):
            show_reciprocal(ax, patterns[index], step, "gray", FAINTEST)
        show_reciprocal(
            line[-1], arrays["structure_factors"][number], step, style.MAP_COLOURS, 0.01
        )
        rows += [
            {
                "crystal": names[number],
                "zone_axis": zone,
                "semiangle_mrad": semiangle,
                "thickness_angstrom": thickness[index],
                "electrons_recorded": patterns[index].sum() / arrays["probe"][probe_number].sum(),
                "largest_structure_factor_volts": arrays["structure_factors"][number].max(),
            }
            for index in shown
        ]
    titles = ["probe", *(f"{t / 10:g} nm" for t in thickness[shown]), "structure factors"]
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title, fontsize=7)
    half = arrays["probe"].shape[-1] // 2 * step
    axes[-1, 0].plot([-0.9 * half, -0.9 * half + 1], [0.85 * half] * 2, color="white", linewidth=2)
    axes[-1, 0].text(-0.9 * half, 0.8 * half, "1 1/Å", color="white", fontsize=5.5, va="bottom")
    return figure, pd.DataFrame(rows)
