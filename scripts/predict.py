"""Probability maps of all frames of a dataset."""

import numpy as np

from latticework import shards
from latticework.inference.prediction import predict_fields, working_sampling
from latticework.learning import weights
from latticework.logs import tee

tee(snakemake.log[0])
network, card = weights.load(snakemake.input.weights)
arrays, _ = shards.read(snakemake.input.dataset, "dataset")
images = shards.numbered(arrays, "image")
fields = [(i[None], s) for i, s in zip(images, arrays["sampling"], strict=True)]
maps = {"map_sampling": shards.Array(np.float64(working_sampling(card)), "Å", ())}
read = predict_fields(
    network,
    card,
    fields,
    tile=snakemake.params.tile,
    overlap=snakemake.params.overlap,
    symmetries=snakemake.params.symmetries,
)
for number, probabilities in enumerate(read):
    if probabilities is not None:
        maps[f"map_{number:04d}"] = shards.Array(probabilities, "1", ("class", "y", "x"))
shards.write(
    snakemake.output[0],
    "maps",
    maps,
    {"study": snakemake.wildcards.study, "run": snakemake.params.run, "card": card},
)
