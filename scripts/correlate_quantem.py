"""Peaks of the evaluation's patterns by template correlation with quantem, tuned."""

from latticework.analysis.correlation import on_patterns
from latticework.analysis.correlation_quantem import SPACE, detect
from latticework.analysis.peak_detection import read_patterns, tuned_detection, write_detection
from latticework.logs import tee

tee(snakemake.log[0])
p = snakemake.params
arrays, table = read_patterns(snakemake.input.patterns, snakemake.input.table)
detection = tuned_detection(
    on_patterns(detect, arrays),
    SPACE,
    arrays,
    table,
    trials=p.trials,
    radius=p.radius,
    seed=p.seed,
    name="quantem",
)
write_detection(detection, snakemake.output)
