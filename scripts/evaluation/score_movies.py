"""What is recovered of the simulated movies' truth, and whether two of them differ."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from latticework import shards
from latticework.analysis.movies.rates import compare_rates
from latticework.evaluation.movies import movie_score
from latticework.logs import tee

TABLES = ("sites", "rates", "truth", "events", "drift", "frames")
AXES = ["drift_x_angstrom", "drift_y_angstrom"]


def main(
    tables: Mapping[str, Sequence[Path]], scores: Path, comparisons: Path, *, names: Sequence[str]
) -> None:
    """Write a row a movie, and one for each pair of movies; files are in the order of `names`."""
    rows, events = [], {}
    files = (map(pd.read_csv, tables[kind]) for kind in TABLES)
    for name, sites, rates, truth, found, drift, frames in zip(names, *files, strict=True):
        error = frames[AXES].to_numpy() - drift[AXES].to_numpy()
        score = movie_score(sites, rates, truth, len(frames))
        rows.append({"movie": name, **score, "drift_rms": float(np.sqrt(np.mean(error**2)))})
        events[name] = found["events"].to_numpy()
    shards.write_csv(scores, pd.DataFrame(rows))
    pairs = [
        {"first": a, "second": b, "p_value": compare_rates(events[a], events[b])}
        for a, b in combinations(events, 2)
    ]
    columns = ["first", "second", "p_value"]
    shards.write_csv(comparisons, pd.DataFrame(pairs, columns=columns))


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        {kind: snakemake.input[kind] for kind in TABLES},
        Path(snakemake.output.scores),
        Path(snakemake.output.comparisons),
        names=snakemake.params.names,
    )
