"""Figure: the losses of a diffraction study's networks against the step."""

import pandas as pd

from latticework.figures import style
from latticework.figures.diffraction import map_training
from latticework.logs import tee

tee(snakemake.log[0])
logs = map(pd.read_csv, snakemake.input.logs)
style.save(
    map_training(dict(zip(snakemake.params.networks, logs, strict=True))),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
