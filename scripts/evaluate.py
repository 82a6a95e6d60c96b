"""Precision, recall, F1 and position error on held-out structures against dose and defocus."""

from latticework import shards
from latticework.analysis.evaluation import evaluate
from latticework.analysis.held_out import load_held_out
from latticework.logs import tee

tee(snakemake.log[0])
held_out = load_held_out(
    snakemake.input.weights,
    snakemake.input.structures,
    snakemake.input.waves,
    snakemake.params.evaluation,
    snakemake.params.inference,
)
shards.write_csv(snakemake.output[0], evaluate(held_out, snakemake.params.seed))
