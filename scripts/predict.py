"""Probability maps of all frames of a dataset."""

import numpy as np
from tqdm import tqdm

from latticework import shards
from latticework.inference.prediction import best_device, predict, working_sampling
from latticework.learning import weights
from latticework.logs import tee

tee(snakemake.log[0])
network, card = weights.load(snakemake.input.weights)
arrays, attributes = shards.read(snakemake.input.dataset, "dataset")
maps = {"map_sampling": shards.Array(np.float64(working_sampling(card)), "Å", ())}
pairs = list(zip(shards.numbered(arrays, "image"), arrays["sampling"], strict=True))
for number, (image, sampling) in enumerate(tqdm(pairs, desc="pictures", unit="picture")):
    if np.isfinite(sampling):
        probabilities, _ = predict(
            network,
            card,
            image[None],
            sampling,
            tile=snakemake.params.tile,
            overlap=snakemake.params.overlap,
            symmetries=snakemake.params.symmetries,
            device=best_device(),
        )
        maps[f"map_{number:04d}"] = shards.Array(probabilities, "1", ("class", "y", "x"))
shards.write(
    snakemake.output[0],
    "maps",
    maps,
    {"study": snakemake.wildcards.study, "run": snakemake.params.run, "card": card},
)
