"""Figure: candidates in a real image, coloured by probability, at two cut-offs."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from latticework.figures import style
from latticework.figures.atoms import probability
from latticework.figures.panels import read_images
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(
    dataset: Path,
    class_maps: Path,
    candidates: Path,
    *,
    region: Sequence[int] | None,
    cutoffs: Sequence[float],
) -> Drawn:
    """Draw a region (x0, y0, x1, y1 in px) of the first image, or all of it."""
    images = read_images(dataset, class_maps)
    return probability(images, pd.read_csv(candidates), region, cutoffs)


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(
        Path(snakemake.input.dataset),
        Path(snakemake.input.class_maps),
        Path(snakemake.input.candidates),
        region=snakemake.params.region,
        cutoffs=snakemake.params.cutoffs,
    )
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
