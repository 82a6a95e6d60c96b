"""Tables that compare networks and correlation on the same patterns."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from latticework import shards
from latticework.evaluation.bragg import accuracy_in_bins, table_1, win_rates
from latticework.logs import tee


def main(
    tables: Sequence[Path],
    scores: Path,
    table1: Path,
    accuracy: Path,
    comparison: Path,
    *,
    networks: Sequence[str],
    baselines: Sequence[str],
) -> None:
    """Write all scores as one table, their means, and how often a network wins."""
    rows = pd.concat([pd.read_csv(path) for path in tables], ignore_index=True)
    shards.write_csv(scores, rows)
    shards.write_csv(table1, table_1(rows))
    shards.write_csv(accuracy, accuracy_in_bins(rows))
    shards.write_csv(comparison, win_rates(rows, networks, baselines))


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        [Path(path) for path in snakemake.input.scores],
        Path(snakemake.output.scores),
        Path(snakemake.output.table1),
        Path(snakemake.output.accuracy),
        Path(snakemake.output.comparison),
        networks=snakemake.params.networks,
        baselines=snakemake.params.baselines,
    )
