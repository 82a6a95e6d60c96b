"""Figure: loss against the training step."""

import pandas as pd

from latticework.figures import style
from latticework.figures.scores import training_curve
from latticework.logs import tee

tee(snakemake.log[0])
style.save(
    training_curve(pd.read_csv(snakemake.input.log)),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
