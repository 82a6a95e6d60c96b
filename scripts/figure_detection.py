"""Figure: true peaks and those that a correlation and a network found in a few patterns."""

import pandas as pd

from latticework.analysis.peak_detection import read_patterns
from latticework.figures import style
from latticework.figures.detection import detection, shown_patterns
from latticework.logs import tee

tee(snakemake.log[0])
arrays, table = read_patterns(snakemake.input.patterns, snakemake.input.table)
methods = snakemake.params.methods
drawn = detection(
    arrays,
    table,
    {name: pd.read_csv(p) for name, p in zip(methods, snakemake.input.peaks, strict=True)},
    {name: pd.read_csv(p) for name, p in zip(methods, snakemake.input.scores, strict=True)},
    shown_patterns(table),
    snakemake.params.radius,
)
style.save(
    drawn,
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
