"""The trials of all workers as one table, and the best one's parameters as a configuration."""

import pandas as pd

from latticework import shards
from latticework.learning.tuning import best_config
from latticework.logs import tee

tee(snakemake.log[0])
tables = [pd.read_csv(path) for path in snakemake.input.tables]
table = pd.concat(tables).drop_duplicates("trial").sort_values("trial", ignore_index=True)
shards.write_csv(snakemake.output.table, table)
with shards.atomic(snakemake.output.best) as temporary:
    wildcards = snakemake.wildcards
    temporary.write_text(best_config(table, wildcards.study, wildcards.network))
