"""SSIM and peaks of one network's maps of the evaluation's patterns."""

import torch

from latticework.analysis.map_scores import judge_maps
from latticework.analysis.peak_detection import read_patterns, write_detection
from latticework.hardware import best_device
from latticework.inference.maps import predict_maps
from latticework.learning import weights
from latticework.logs import tee
from latticework.seeds import torch_seed

tee(snakemake.log[0])
name, p = snakemake.wildcards.network, snakemake.params
network, _ = weights.load(snakemake.input.weights)
arrays, table = read_patterns(snakemake.input.patterns, snakemake.input.table)
maps = predict_maps(
    network.to(best_device(p.accelerator)),
    torch.from_numpy(arrays["pattern"]),
    torch.from_numpy(arrays["probe"]),
    samples=p.samples,
    seed=torch_seed(p.seed, f"{snakemake.wildcards.study}/{name}/evaluation"),
    precision=p.precision,
)
detection = judge_maps(
    maps, arrays, table, trials=p.trials, radius=p.radius, seed=p.seed, name=name
)
write_detection(detection, snakemake.output)
