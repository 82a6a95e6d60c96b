"""What is recovered of the simulated movies' truth, and whether two of them differ."""

from itertools import combinations

import numpy as np
import pandas as pd

from latticework import shards
from latticework.analysis.dynamics import compare_rates
from latticework.analysis.movie_scores import movie_score
from latticework.logs import tee

tee(snakemake.log[0])
rows, events = [], {}
for name, sites, rates, truth, found, drift, frames in zip(
    snakemake.params.names,
    *(
        map(pd.read_csv, snakemake.input[kind])
        for kind in ("sites", "rates", "truth", "events", "drift", "frames")
    ),
    strict=True,
):
    axes = ["drift_x_angstrom", "drift_y_angstrom"]
    error = frames[axes].to_numpy() - drift[axes].to_numpy()
    score = movie_score(sites, rates, truth, len(frames))
    rows.append({"movie": name, **score, "drift_rms": float(np.sqrt(np.mean(error**2)))})
    events[name] = found["events"].to_numpy()
shards.write_csv(snakemake.output.scores, pd.DataFrame(rows))
pairs = [
    {"first": a, "second": b, "p_value": compare_rates(events[a], events[b])}
    for a, b in combinations(events, 2)
]
shards.write_csv(
    snakemake.output.comparisons, pd.DataFrame(pairs, columns=["first", "second", "p_value"])
)
