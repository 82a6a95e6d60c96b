"""Figures: wrong counts against dose beside the bound; confusion and reliability."""

import pandas as pd

from latticework.figures import style
from latticework.figures.heights import confusion_and_reliability, errors_against_dose
from latticework.logs import tee

tee(snakemake.log[0])
errors, bounds = pd.read_csv(snakemake.input.errors), pd.read_csv(snakemake.input.bounds)
meaningful = snakemake.params.meaningful
style.save(errors_against_dose(errors, bounds), *snakemake.output.errors, meaningful=meaningful)
style.save(
    confusion_and_reliability(
        pd.read_csv(snakemake.input.confusion),
        pd.read_csv(snakemake.input.reliability),
        sorted(errors["dose"].unique())[1::2],
    ),
    *snakemake.output.reliability,
    meaningful=meaningful,
)
