"""Figure: detections per nm² inside and outside the hand masks, image by image."""

from pathlib import Path

import pandas as pd

from latticework import materials, shards
from latticework.figures import style
from latticework.figures.gallery import contamination_densities
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(dataset: Path, checks: Path, *, name: str, material: str) -> Drawn:
    """Draw the checks of the dataset of a name, beside the density of a perfect crystal."""
    _, attributes = shards.read(dataset, "dataset", ["sampling"])
    rows = pd.read_csv(checks)
    skipped = attributes["skipped"]
    return contamination_densities(
        attributes["entry"]["title"],
        f"Skipped: {skipped}" if skipped else "",
        rows[rows["dataset"] == name],
        100 * materials.load(material).density,
    )


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(
        Path(snakemake.input.dataset),
        Path(snakemake.input.checks),
        name=snakemake.params.dataset,
        material=snakemake.params.material,
    )
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
