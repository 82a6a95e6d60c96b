"""Tables that compare networks and correlation on the same patterns."""

import pandas as pd

from latticework import shards
from latticework.analysis.diffraction_scores import accuracy_in_bins, beats, table_1
from latticework.logs import tee

tee(snakemake.log[0])
scores = pd.concat([pd.read_csv(path) for path in snakemake.input.scores], ignore_index=True)
for path, table in (
    (snakemake.output.scores, scores),
    (snakemake.output.table1, table_1(scores)),
    (snakemake.output.accuracy, accuracy_in_bins(scores)),
    (
        snakemake.output.comparison,
        beats(scores, snakemake.params.networks, snakemake.params.baselines),
    ),
):
    shards.write_csv(path, table)
