"""Figure: a set of contaminated images, with detections and hand masks."""

from pathlib import Path

import pandas as pd

from latticework.figures import style
from latticework.figures.gallery import contamination
from latticework.figures.panels import read_images
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(dataset: Path, class_maps: Path, atoms: Path, checks: Path, *, name: str) -> Drawn:
    """Draw all images of the dataset of a name."""
    rows = pd.read_csv(checks)
    return contamination(
        read_images(dataset, class_maps), pd.read_csv(atoms), rows[rows["dataset"] == name]
    )


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(
        Path(snakemake.input.dataset),
        Path(snakemake.input.class_maps),
        Path(snakemake.input.atoms),
        Path(snakemake.input.checks),
        name=snakemake.params.dataset,
    )
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
