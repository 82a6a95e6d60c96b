"""Figure: what two studies find in the same real image."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from latticework.figures import style
from latticework.figures.columns import Reading, comparison
from latticework.figures.panels import read_images
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(
    dataset: Path,
    class_maps: Sequence[Path],
    atoms: Sequence[Path],
    checks: Sequence[Path],
    *,
    studies: Sequence[str],
    name: str,
    outlines: Sequence[Sequence],
) -> Drawn:
    """Draw a row a study; files and studies are in the same order."""
    readings = []
    for study, maps, table, path in zip(studies, class_maps, atoms, checks, strict=True):
        rows = pd.read_csv(path)
        here = (rows["dataset"] == name) & (rows["frame"] == 0)
        readings.append(
            Reading(
                study,
                read_images(dataset, maps),
                pd.read_csv(table),
                rows.loc[here, ["quantity", "value", "unit"]],
            )
        )
    return comparison(readings, [np.array(outline) for outline in outlines])


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(
        Path(snakemake.input.dataset),
        snakemake.input.class_maps,
        snakemake.input.atoms,
        snakemake.input.checks,
        studies=snakemake.params.studies,
        name=snakemake.params.dataset,
        outlines=snakemake.params.outlines,
    )
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
