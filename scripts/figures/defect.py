"""Figure: a defect's atoms, rings and strain beside the atoms that a person marked."""

from pathlib import Path

import pandas as pd

from latticework.figures import style
from latticework.figures.atoms import defect
from latticework.figures.panels import read_images
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(
    dataset: Path,
    class_maps: Path,
    atoms: Path,
    bonds: Path,
    rings: Path,
    reference: Path,
) -> Drawn:
    """Draw the first image of a dataset; `atoms` have their strain."""
    tables = (pd.read_csv(path) for path in (atoms, bonds, rings))
    return defect(
        read_images(dataset, class_maps),
        *(table[table["frame"] == 0] for table in tables),
        pd.read_csv(reference),
    )


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(
        Path(snakemake.input.dataset),
        Path(snakemake.input.class_maps),
        Path(snakemake.input.strain),
        Path(snakemake.input.bonds),
        Path(snakemake.input.rings),
        Path(snakemake.input.reference),
    )
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
