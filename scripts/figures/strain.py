"""Figure: atoms, output and strain of a clean region and of the whole image, and its bonds."""

from pathlib import Path

import pandas as pd

from latticework import materials
from latticework.figures import style
from latticework.figures.atoms import strain
from latticework.figures.panels import read_images
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(
    dataset: Path,
    class_maps: Path,
    atoms: Path,
    bonds: Path,
    checks: Path,
    *,
    name: str,
    material: str,
) -> Drawn:
    """Draw the first image of the dataset of a name; `atoms` have their strain."""
    strains, lengths, rows = (pd.read_csv(path) for path in (atoms, bonds, checks))
    rows = rows[(rows["dataset"] == name) & (rows["frame"] == 0)]
    statistics = rows[rows["quantity"].isin(["mean bond", "SD of bonds"])]
    return strain(
        read_images(dataset, class_maps),
        strains[strains["frame"] == 0],
        lengths[lengths["frame"] == 0],
        dict(zip(statistics["quantity"], statistics["value"], strict=True)),
        materials.load(material),
    )


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(
        Path(snakemake.input.dataset),
        Path(snakemake.input.class_maps),
        Path(snakemake.input.strain),
        Path(snakemake.input.bonds),
        Path(snakemake.input.checks),
        name=snakemake.params.dataset,
        material=snakemake.params.material,
    )
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
