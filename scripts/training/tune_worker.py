"""Trials of a tuning, until all workers together have made enough of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from latticework import shards
from latticework.config.tuning import Tuning
from latticework.learning.recipe import Recipe, Runtime
from latticework.learning.tuning import work
from latticework.logs import tee


def main(
    simulations: Sequence[Path],
    output: Path,
    *,
    recipe: Mapping[str, Any],
    source: str,
    tuning: Mapping[str, Any],
    journal: Path,
    worker: int,
    threads: int,
) -> None:
    """Write the table of all trials that there are when this worker stops."""
    table = work(
        Recipe.model_validate(dict(recipe) | {"source": source}),
        Runtime(threads=threads),
        Tuning.model_validate(tuning),
        simulations,
        journal,
        worker,
    )
    shards.write_csv(output, table)


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        [Path(path) for path in snakemake.input.simulations],
        Path(snakemake.output[0]),
        recipe=snakemake.params.recipe,
        source=snakemake.params.function,
        tuning=snakemake.params.tuning,
        journal=Path(snakemake.output[0]).with_name("journal.log"),
        worker=int(snakemake.wildcards.number),
        threads=snakemake.threads,
    )
