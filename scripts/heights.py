"""Atoms counted in the columns of held-out particles: errors, confusion, reliability."""

from latticework import shards
from latticework.analysis.heights import (
    calibration_error,
    confusion,
    count_held_out,
    error_rates,
    reliability,
)
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
counts = count_held_out(held_out, snakemake.params.seed)
stated = reliability(counts)
print("expected calibration error:\n" + calibration_error(stated).to_string())
shards.write_csv(snakemake.output.counts, counts)
shards.write_csv(snakemake.output.errors, error_rates(counts))
shards.write_csv(snakemake.output.confusion, confusion(counts))
shards.write_csv(snakemake.output.reliability, stated)
