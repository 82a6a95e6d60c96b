"""One network for lattices of any symmetry: an image a study, with the sites found in it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from latticework.figures import style
from latticework.figures.style import Drawn, styled

COLUMNS = 3


@styled
def one_network(arrays: Mapping[str, Any], titles: Sequence[str]) -> Drawn:
    """An image a study with its sites, true (dots) and found (rings).

    Parameters
    ----------
    arrays
        Details of `evaluation.sites`: example_image (n, ny, nx), and lists of sites (m, 2) in px,
        example_true and example_found.
    titles
        Of the studies.
    """
    rows = -(-len(titles) // COLUMNS)
    figure = Figure(figsize=(3.2 * COLUMNS, 3.4 * rows))
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    counts = []
    for ax in axes[len(titles) :]:
        ax.set_axis_off()
    for number, title in enumerate(titles):
        ax, image = axes[number], arrays["example_image"][number]
        low, high = np.percentile(image, (0.5, 99.5))
        ax.imshow(image, cmap=style.IMAGE_COLOURS, vmin=low, vmax=high)
        true, found = (
            np.reshape(arrays[f"example_{k}"][number], (-1, 2)) for k in ("true", "found")
        )
        ax.plot(*true.T, ".", color=style.SKY, markersize=2)
        ax.plot(*found.T, "o", color=style.ORANGE, markersize=4.5, fillstyle="none", mew=0.7)
        ax.set(xticks=[], yticks=[], title=title)
        ax.set(xlim=(-0.5, image.shape[1] - 0.5), ylim=(image.shape[0] - 0.5, -0.5))
        counts.append({"study": title, "sites": len(true), "found": len(found)})
    return figure, pd.DataFrame(counts)
