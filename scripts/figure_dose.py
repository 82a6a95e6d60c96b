"""Figure: scores and position errors against dose and defocus, beside the bound."""

import pandas as pd

from latticework.figures import style
from latticework.figures.scores import dose
from latticework.logs import tee

tee(snakemake.log[0])
style.save(
    dose(pd.read_csv(snakemake.input.scores), pd.read_csv(snakemake.input.bounds)),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
