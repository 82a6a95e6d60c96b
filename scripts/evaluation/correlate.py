"""Peaks of the evaluation's patterns by template correlation, tuned as the networks are."""

from pathlib import Path

from latticework import names, shards
from latticework.analysis.diffraction.correlation import on_patterns
from latticework.evaluation.peak_tuning import evaluated, read_patterns, tuned_detection
from latticework.logs import tee


def main(
    patterns: Path,
    table: Path,
    scores: Path,
    details: Path,
    *,
    method: str,
    trials: int,
    radius: float,
    seed: int,
) -> None:
    """Write the scores of the implementation `method`, and the details of them."""
    module = f"analysis.diffraction.correlation_{method}"
    detect, space = names.resolve(f"{module}:detect"), names.resolve(f"{module}:SPACE")
    arrays, rows = read_patterns(patterns, table)
    found = evaluated(
        tuned_detection(
            on_patterns(detect, arrays),
            space,
            arrays,
            rows,
            trials=trials,
            radius=radius,
            seed=seed,
            name=method,
        )
    )
    shards.write_csv(scores, found.scores)
    shards.write(details, "evaluation", found.arrays, found.attributes)


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.input.patterns),
        Path(snakemake.input.table),
        Path(snakemake.output.scores),
        Path(snakemake.output.details),
        method=snakemake.params.method,
        trials=snakemake.params.trials,
        radius=snakemake.params.radius,
        seed=snakemake.params.seed,
    )
