"""Figure: atoms, output and strain of a clean region and of the whole picture, and its bonds."""

import pandas as pd

from latticework.figures import style
from latticework.figures.graphene import strain
from latticework.figures.pictures import read_pictures
from latticework.logs import tee

tee(snakemake.log[0])
atoms, bonds = pd.read_csv(snakemake.input.strain), pd.read_csv(snakemake.input.bonds)
checks = pd.read_csv(snakemake.input.checks)
rows = checks[(checks["dataset"] == snakemake.params.dataset) & (checks["frame"] == 0)]
statistics = rows[rows["quantity"].isin(["mean bond", "SD of bonds"])]
style.save(
    strain(
        read_pictures(snakemake.input.dataset, snakemake.input.maps),
        atoms[atoms["frame"] == 0],
        bonds[bonds["frame"] == 0],
        dict(zip(statistics["quantity"], statistics["value"], strict=True)),
    ),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
