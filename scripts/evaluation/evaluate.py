"""Scores of a network on held-out structures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from latticework import materials, names, shards
from latticework.logs import tee


def main(
    weights: Path,
    structures: Sequence[Path],
    simulations: Sequence[Path],
    prepared: Sequence[Path],
    scores: Path,
    details: Path,
    *,
    function: str,
    material: str | None,
    evaluation: Mapping[str, Any],
    inference: Mapping[str, Any],
    seed: int,
    study: str,
    name: str,
) -> None:
    """Write what `function` says of a network: a table of scores, and the details of it."""
    evaluated = names.resolve(function)(
        weights,
        structures,
        simulations,
        prepared,
        material=materials.load(material) if material else None,
        evaluation=evaluation,
        inference=inference,
        seed=seed,
        study=study,
        name=name,
    )
    shards.write_csv(scores, evaluated.scores)
    shards.write(details, "evaluation", evaluated.arrays, evaluated.attributes)


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.input.weights),
        [Path(path) for path in snakemake.input.structures],
        [Path(path) for path in snakemake.input.simulations],
        [Path(path) for path in snakemake.input.prepared],
        Path(snakemake.output.scores),
        Path(snakemake.output.details),
        function=snakemake.params.function,
        material=snakemake.params.material,
        evaluation=snakemake.params.evaluation,
        inference=snakemake.params.inference,
        seed=snakemake.params.seed,
        study=snakemake.wildcards.study,
        name=snakemake.wildcards.network,
    )
