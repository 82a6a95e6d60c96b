"""Figure: mean picture, occupancy and events of every movie of a study."""

import pandas as pd

from latticework import shards
from latticework.figures import style
from latticework.figures.gold import Film, dynamics
from latticework.logs import tee

tee(snakemake.log[0])
films = []
for title, mean, sites, rates in zip(
    snakemake.params.titles,
    snakemake.input.mean,
    snakemake.input.sites,
    snakemake.input.rates,
    strict=True,
):
    arrays, _ = shards.read(mean, "movie_mean")
    films.append(
        Film(
            title,
            arrays["mean"],
            float(arrays["sampling"]),
            pd.read_csv(sites),
            pd.read_csv(rates),
        )
    )
style.save(
    dynamics(films),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
