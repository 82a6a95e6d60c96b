"""Figure: what is answered to images of something else than the study's."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from latticework.figures import style
from latticework.figures.gallery import out_of_distribution
from latticework.figures.panels import read_images
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(
    datasets: Sequence[Path],
    class_maps: Sequence[Path],
    atoms: Sequence[Path],
    frames: Sequence[Path],
) -> Drawn:
    """Draw the first image of every dataset; all files are in the same order."""
    return out_of_distribution(
        [read_images(*files) for files in zip(datasets, class_maps, strict=True)],
        [pd.read_csv(path) for path in atoms],
        [pd.read_csv(path) for path in frames],
    )


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(
        snakemake.input.datasets,
        snakemake.input.class_maps,
        snakemake.input.atoms,
        snakemake.input.frames,
    )
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
