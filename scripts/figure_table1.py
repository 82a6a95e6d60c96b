"""Figure: SSIM and accuracy of all methods on and off zone (Munshi 2022, Table I)."""

import pandas as pd

from latticework.figures import style
from latticework.figures.detection import table_1
from latticework.logs import tee

tee(snakemake.log[0])
style.save(
    table_1(pd.read_csv(snakemake.input.table1), pd.read_csv(snakemake.input.comparison)),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
