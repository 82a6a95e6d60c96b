"""Sites of a movie, their occupancy and events, and the rates of the whole."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from latticework import shards
from latticework.analysis.atoms.regions import in_outlines
from latticework.analysis.movies.hidden_markov import hidden_states
from latticework.analysis.movies.rates import events_in_time, rate_table, site_table
from latticework.analysis.movies.sites import find_sites, observe, settled
from latticework.logs import tee


def main(
    detections: Path,
    frames: Path,
    mean: Path,
    emission: Path,
    sites: Path,
    rates: Path,
    events: Path,
    occupancy: Path,
    *,
    least: float,
    outlines: Sequence[Sequence],
) -> None:
    """Write four tables; only what lies inside hand-drawn outlines counts, where there are any."""
    found, listed = pd.read_csv(detections), pd.read_csv(frames)
    readable = listed.loc[listed["drift_x_angstrom"].notna(), "frame"].to_numpy()
    arrays, _ = shards.read(mean, "movie_mean", ["sampling"])
    places = find_sites(found, len(readable), least)
    # The sites of all frames together say how far each frame still lies off.
    found = settled(found, places)
    places = find_sites(found, len(readable), least)
    if outlines:
        # What lies on the support does not belong to the particle.
        places = places[in_outlines(places / arrays["sampling"], outlines)]
    observed = observe(found, places, readable)
    answers = pd.read_csv(emission)[["empty", "occupied"]].to_numpy().T
    hidden = hidden_states(observed, answers)
    shards.write_csv(sites, site_table(places, observed, hidden))
    shards.write_csv(rates, rate_table(observed, hidden))
    changes = pd.DataFrame({"frame": readable[1:], "events": events_in_time(hidden)})
    shards.write_csv(events, changes)
    place = np.indices(observed.shape).reshape(2, -1)
    shards.write_csv(
        occupancy,
        pd.DataFrame(
            {
                "site": place[0],
                "frame": readable[place[1]],
                "probability": observed.ravel(),
                "occupied": hidden.occupied.ravel(),
            }
        ),
    )


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.input.detections),
        Path(snakemake.input.frames),
        Path(snakemake.input.mean),
        Path(snakemake.input.emission),
        Path(snakemake.output.sites),
        Path(snakemake.output.rates),
        Path(snakemake.output.events),
        Path(snakemake.output.occupancy),
        least=snakemake.params.least,
        outlines=snakemake.params.outlines,
    )
