"""Atoms counted in the columns of held-out particles: errors, confusion, reliability."""

from latticework import config, shards
from latticework.analysis.heights import (
    calibration_error,
    confusion,
    count_held_out,
    error_rates,
    reliability,
)
from latticework.inference.prediction import best_device
from latticework.learning import weights
from latticework.learning.data import load_wave_bank
from latticework.logs import tee
from latticework.structures import read_structures

tee(snakemake.log[0])
network, card = weights.load(snakemake.input.weights)
counts = count_held_out(
    network,
    card,
    load_wave_bank(snakemake.input.waves, card["imaging"]["band_limit"]),
    [atoms for path in snakemake.input.structures for atoms in read_structures(path)],
    config.Evaluation.model_validate(snakemake.params.evaluation),
    config.Inference.model_validate(snakemake.params.inference),
    snakemake.params.seed,
    best_device(),
)
stated = reliability(counts)
print("expected calibration error:\n" + calibration_error(stated).to_string())
shards.write_csv(snakemake.output.counts, counts)
shards.write_csv(snakemake.output.errors, error_rates(counts))
shards.write_csv(snakemake.output.confusion, confusion(counts))
shards.write_csv(snakemake.output.reliability, stated)
