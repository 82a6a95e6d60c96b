"""Figure: candidates on a real picture, coloured by probability, at two cutoffs."""

import pandas as pd

from latticework.figures import style
from latticework.figures.graphene import peaks
from latticework.figures.pictures import read_pictures
from latticework.logs import tee

tee(snakemake.log[0])
style.save(
    peaks(
        read_pictures(snakemake.input.dataset, snakemake.input.maps),
        pd.read_csv(snakemake.input.candidates),
        snakemake.params.region,
        snakemake.params.cutoffs,
    ),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
