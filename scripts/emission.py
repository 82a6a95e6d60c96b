"""How a network answers at empty and at occupied sites, from a movie whose truth is known."""

import pandas as pd

from latticework import shards
from latticework.analysis.dynamics import LEVELS, emissions, settled
from latticework.logs import tee

tee(snakemake.log[0])
detections, truth = pd.read_csv(snakemake.input.detections), pd.read_csv(snakemake.input.truth)
columns = truth.groupby(["i", "j"])[["x_angstrom", "y_angstrom"]].mean().to_numpy()
empty, occupied = emissions(settled(detections, columns), truth)
shards.write_csv(
    snakemake.output[0],
    pd.DataFrame({"from_probability": [0.0, *LEVELS], "empty": empty, "occupied": occupied}),
)
