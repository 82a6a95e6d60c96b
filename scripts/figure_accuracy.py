"""Figure: accuracy of all methods against thickness, semiangle, dose and tilt."""

import pandas as pd

from latticework.figures import style
from latticework.figures.detection import accuracy
from latticework.logs import tee

tee(snakemake.log[0])
style.save(
    accuracy(pd.read_csv(snakemake.input.accuracy)),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
