"""The trials of all workers as one table, and the best one's parameters as a configuration."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from latticework import shards
from latticework.config.tuning import Tuning
from latticework.learning.tuning import best_config
from latticework.logs import tee


def main(
    tables: Sequence[Path],
    table: Path,
    best: Path,
    *,
    study: str,
    network: str,
    tuning: Mapping[str, Any],
) -> None:
    """Write the table and the configuration."""
    read = pd.concat([pd.read_csv(path) for path in tables])
    trials = read.drop_duplicates("trial").sort_values("trial", ignore_index=True)
    shards.write_csv(table, trials)
    with shards.atomic(best) as temporary:
        temporary.write_text(best_config(trials, study, network, Tuning.model_validate(tuning)))


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        [Path(path) for path in snakemake.input.tables],
        Path(snakemake.output.table),
        Path(snakemake.output.best),
        study=snakemake.wildcards.study,
        network=snakemake.wildcards.network,
        tuning=snakemake.params.tuning,
    )
