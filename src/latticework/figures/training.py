"""Figure of what a network learns from: a structure, its image, its label and the prediction."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from latticework.figures import style
from latticework.figures.construction import kinds, points, show_atoms
from latticework.figures.style import Drawn, styled


@styled
def training_example(arrays: Mapping[str, Any], attributes: Mapping[str, Any]) -> Drawn:
    """A structure, its image, its label and the prediction (Madsen 2018, Fig. 5).

    Parameters
    ----------
    arrays
        `box` Å; `positions` (n, 3) Å with `specimen` and `visible` (n,); `image` and `label`
        (ny, nx) over the whole box; `prediction` (ny', nx') with its pixel `map_sampling` Å.
    attributes
        The image's `dose` (e/Å²) and `defocus` (Å).
    """
    box, image = float(arrays["box"]), arrays["image"]
    sampling, map_sampling = box / len(image), float(arrays["map_sampling"])
    window = (-sampling / 2, -sampling / 2, box - sampling / 2, box - sampling / 2)
    figure = Figure(figsize=(7.4, 8.2))
    axes = figure.subplots(2, 2).ravel()
    style.field(axes[0], window)
    kind = kinds(arrays["specimen"], arrays["visible"])
    show_atoms(axes[0], arrays["positions"], kind)
    style.scale_bar(axes[0], "black")
    style.show_image(axes[1], image, sampling, window)
    how = {"cmap": style.MAP_COLOURS, "vmin": 0, "vmax": 1}
    shown = style.show(axes[2], arrays["label"], sampling, window, **how)
    style.show(axes[3], arrays["prediction"], map_sampling, window, **how)
    conditions = f"{attributes['dose']:,.0f} e/Å², defocus {attributes['defocus']:g} Å"
    titles = (
        "held-out structure",
        f"simulated image, {conditions}".replace("-", "−"),
        "label",
        "prediction",
    )
    for ax, letter, title in zip(axes, "abcd", titles, strict=True):
        style.label(ax, letter, title)
    figure.colorbar(
        shown, ax=axes[2:], location="bottom", label="probability of an atom", shrink=0.5
    )
    return figure, style.layers(structure=points(arrays["positions"], kind))
