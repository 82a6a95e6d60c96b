"""Precision, recall, F1 and position error on held-out structures against dose and defocus."""

from latticework import config, shards
from latticework.analysis.evaluation import evaluate
from latticework.inference.prediction import best_device
from latticework.learning import weights
from latticework.learning.data import load_wave_bank
from latticework.logs import tee
from latticework.structures import read_structures

tee(snakemake.log[0])
network, card = weights.load(snakemake.input.weights)
scores = evaluate(
    network,
    card,
    load_wave_bank(snakemake.input.waves, card["imaging"]["band_limit"]),
    [atoms for path in snakemake.input.structures for atoms in read_structures(path)],
    config.Evaluation.model_validate(snakemake.params.evaluation),
    config.Inference.model_validate(snakemake.params.inference),
    snakemake.params.seed,
    best_device(),
)
shards.write_csv(snakemake.output[0], scores)
