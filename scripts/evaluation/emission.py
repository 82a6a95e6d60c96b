"""How a network answers at empty and at occupied sites, from a movie whose truth is known."""

from pathlib import Path

import pandas as pd

from latticework import shards
from latticework.analysis.movies.hidden_markov import LEVELS, emissions
from latticework.analysis.movies.sites import settled
from latticework.logs import tee


def main(detections: Path, truth: Path, output: Path) -> None:
    """Write the probability of each level of the answer."""
    found, columns = pd.read_csv(detections), pd.read_csv(truth)
    places = columns.groupby(["i", "j"])[["x_angstrom", "y_angstrom"]].mean().to_numpy()
    empty, occupied = emissions(settled(found, places), columns)
    table = pd.DataFrame({"from_probability": [0.0, *LEVELS], "empty": empty, "occupied": occupied})
    shards.write_csv(output, table)


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.input.detections),
        Path(snakemake.input.truth),
        Path(snakemake.output[0]),
    )
