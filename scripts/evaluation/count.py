"""Atoms counted in the columns of held-out particles: errors, confusion, reliability."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from latticework import shards
from latticework.evaluation.counting import (
    calibration_error,
    calibration_errors,
    confusion,
    count_held_out,
    error_rates,
    reliability,
)
from latticework.evaluation.held_out import load_held_out
from latticework.logs import tee


def main(
    weights: Path,
    structures: Sequence[Path],
    simulations: Sequence[Path],
    counts: Path,
    errors: Path,
    confusions: Path,
    reliabilities: Path,
    calibrations: Path,
    *,
    evaluation: Mapping[str, Any],
    inference: Mapping[str, Any],
    seed: int,
) -> None:
    """Count held-out columns with a network, and write five tables of how well it does."""
    held_out = load_held_out(weights, structures, simulations, evaluation, inference)
    counted, uncalibrated = count_held_out(held_out, seed)
    stated = reliability(counted)
    calibrated = calibration_errors(counted, uncalibrated)
    print("expected calibration error:\n" + calibration_error(stated).to_string())
    print("of the likeliest count:\n" + calibrated.to_string(index=False))
    shards.write_csv(counts, counted)
    shards.write_csv(errors, error_rates(counted))
    shards.write_csv(confusions, confusion(counted))
    shards.write_csv(reliabilities, stated)
    shards.write_csv(calibrations, calibrated)


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.input.weights),
        [Path(path) for path in snakemake.input.structures],
        [Path(path) for path in snakemake.input.simulations],
        Path(snakemake.output.counts),
        Path(snakemake.output.errors),
        Path(snakemake.output.confusion),
        Path(snakemake.output.reliability),
        Path(snakemake.output.calibration),
        evaluation=snakemake.params.evaluation,
        inference=snakemake.params.inference,
        seed=snakemake.params.seed,
    )
