"""Strain of simulated scans by every method, and how good it is."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from latticework import shards
from latticework.evaluation.scans import strain_scores
from latticework.logs import tee


def main(tables: Sequence[Path], strain: Path, scores: Path) -> None:
    """Write all tables as one, and a row of scores for each scan, dose and method."""
    measured = pd.concat([pd.read_csv(path) for path in tables])
    shards.write_csv(strain, measured)
    shards.write_csv(scores, strain_scores(measured))


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        [Path(path) for path in snakemake.input.tables],
        Path(snakemake.output.strain),
        Path(snakemake.output.scores),
    )
