"""Figure: what two studies find on the same real picture."""

import numpy as np
import pandas as pd

from latticework.figures import style
from latticework.figures.gold import Reading, comparison
from latticework.figures.pictures import read_pictures
from latticework.logs import tee

tee(snakemake.log[0])
readings = []
for study, maps, atoms, path in zip(
    snakemake.params.studies,
    snakemake.input.maps,
    snakemake.input.atoms,
    snakemake.input.checks,
    strict=True,
):
    checks = pd.read_csv(path)
    here = (checks["dataset"] == snakemake.wildcards.dataset) & (checks["frame"] == 0)
    readings.append(
        Reading(
            study,
            read_pictures(snakemake.input.dataset, maps),
            pd.read_csv(atoms),
            checks.loc[here, ["quantity", "value", "unit"]],
        )
    )
style.save(
    comparison(readings, [np.array(outline) for outline in snakemake.params.outlines]),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
