"""Figure: real images of particles, the network's output, and the columns it finds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from latticework.figures import style
from latticework.figures.columns import real_columns
from latticework.figures.panels import read_images
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(dataset: Path, class_maps: Path, atoms: Path, *, outlines: Sequence[Sequence]) -> Drawn:
    """Draw every image of a dataset, with hand-drawn outlines (points x, y in px)."""
    return real_columns(
        read_images(dataset, class_maps),
        pd.read_csv(atoms),
        [np.array(outline) for outline in outlines],
    )


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(
        Path(snakemake.input.dataset),
        Path(snakemake.input.class_maps),
        Path(snakemake.input.atoms),
        outlines=snakemake.params.outlines,
    )
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
