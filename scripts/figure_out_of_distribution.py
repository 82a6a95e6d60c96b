"""Figure: what is answered to pictures of something else than the study's."""

import pandas as pd

from latticework.figures import style
from latticework.figures.gallery import out_of_distribution
from latticework.figures.pictures import read_pictures
from latticework.logs import tee

tee(snakemake.log[0])
style.save(
    out_of_distribution(
        [
            read_pictures(dataset, maps)
            for dataset, maps in zip(snakemake.input.datasets, snakemake.input.maps, strict=True)
        ],
        [pd.read_csv(path) for path in snakemake.input.atoms],
        [pd.read_csv(path) for path in snakemake.input.frames],
    ),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
