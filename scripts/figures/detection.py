"""Figure: true peaks, and those that a correlation and a network found in a few patterns."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from latticework import shards
from latticework.evaluation.peak_tuning import peak_table, read_patterns
from latticework.figures import style
from latticework.figures.peaks import detection, shown_patterns
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(
    patterns: Path,
    table: Path,
    scores: Sequence[Path],
    details: Sequence[Path],
    *,
    methods: Sequence[str],
    radius: float,
) -> Drawn:
    """Draw the first patterns of the test; files and methods are in the same order."""
    arrays, rows = read_patterns(patterns, table)
    peaks = [peak_table(shards.read(path, "evaluation")[0]) for path in details]
    return detection(
        arrays,
        rows,
        dict(zip(methods, peaks, strict=True)),
        dict(zip(methods, map(pd.read_csv, scores), strict=True)),
        shown_patterns(rows),
        radius,
    )


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(
        Path(snakemake.input.patterns),
        Path(snakemake.input.table),
        snakemake.input.scores,
        snakemake.input.details,
        methods=snakemake.params.methods,
        radius=snakemake.params.radius,
    )
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
