"""Figure: mean image, occupancy and events of every movie of a study."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from latticework import shards
from latticework.figures import style
from latticework.figures.movies import Film, dynamics
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(
    mean: Sequence[Path], sites: Sequence[Path], rates: Sequence[Path], *, titles: Sequence[str]
) -> Drawn:
    """Draw a row a movie; files and titles are in the same order."""
    films = []
    for title, path, places, table in zip(titles, mean, sites, rates, strict=True):
        arrays, _ = shards.read(path, "movie_mean")
        films.append(
            Film(
                title,
                arrays["mean"],
                float(arrays["sampling"]),
                pd.read_csv(places),
                pd.read_csv(table),
            )
        )
    return dynamics(films)


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(
        snakemake.input.mean,
        snakemake.input.sites,
        snakemake.input.rates,
        titles=snakemake.params.titles,
    )
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
