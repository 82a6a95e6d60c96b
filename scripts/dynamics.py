"""Sites of a movie, their occupancy and events, and the rates of the whole."""

import numpy as np
import pandas as pd

from latticework import shards
from latticework.analysis.dynamics import (
    events_in_time,
    find_sites,
    hidden_states,
    observe,
    rate_table,
    settled,
    site_table,
)
from latticework.analysis.matching import in_outlines
from latticework.logs import tee

tee(snakemake.log[0])
detections = pd.read_csv(snakemake.input.detections)
frames = pd.read_csv(snakemake.input.frames)
readable = frames.loc[frames["drift_x_angstrom"].notna(), "frame"].to_numpy()
arrays, _ = shards.read(snakemake.input.mean, "movie_mean", ["sampling"])
sites = find_sites(detections, len(readable), snakemake.params.least)
# The sites of all frames together say how far each frame still lies off.
detections = settled(detections, sites)
sites = find_sites(detections, len(readable), snakemake.params.least)
if snakemake.params.outlines:
    # What lies on the support is none of the particle's.
    sites = sites[in_outlines(sites / arrays["sampling"], snakemake.params.outlines)]
observed = observe(detections, sites, readable)
emission = pd.read_csv(snakemake.input.emission)[["empty", "occupied"]].to_numpy().T
hidden = hidden_states(observed, emission)
shards.write_csv(snakemake.output.sites, site_table(sites, observed, hidden))
shards.write_csv(snakemake.output.rates, rate_table(observed, hidden))
shards.write_csv(
    snakemake.output.events,
    pd.DataFrame({"frame": readable[1:], "events": events_in_time(hidden)}),
)
place = np.indices(observed.shape).reshape(2, -1)
shards.write_csv(
    snakemake.output.occupancy,
    pd.DataFrame(
        {
            "site": place[0],
            "frame": readable[place[1]],
            "probability": observed.ravel(),
            "occupied": hidden.occupied.ravel(),
        }
    ),
)
