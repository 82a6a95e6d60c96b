"""Figure: real pictures of particles, the network's output, and the columns it finds."""

import numpy as np
import pandas as pd

from latticework.figures import style
from latticework.figures.gold import real_columns
from latticework.figures.pictures import read_pictures
from latticework.logs import tee

tee(snakemake.log[0])
style.save(
    real_columns(
        read_pictures(snakemake.input.dataset, snakemake.input.maps),
        pd.read_csv(snakemake.input.atoms),
        [np.array(outline) for outline in snakemake.params.outlines],
    ),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
