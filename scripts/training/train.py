"""Train one network of a study; a killed training goes on from its last checkpoint."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from latticework.learning.distributed import train_and_save
from latticework.learning.recipe import Recipe, Runtime
from latticework.logs import tee


def main(
    simulations: Sequence[Path],
    held_out: Sequence[Path],
    weights: Path,
    card: Path,
    *,
    recipe: Mapping[str, Any],
    source: str,
    code: str,
    runtime: Runtime,
) -> None:
    """Write the weights and their card; the log lies beside them."""
    typed = Recipe.model_validate(dict(recipe) | {"source": source})
    train_and_save(typed, runtime, simulations, held_out, weights, card, code)


def runtime_of(threads: int, resources: Any) -> Runtime:
    """The runtime that a job has: one process a GPU, at least one."""
    nodes = int(getattr(resources, "nodes", 1))
    devices = max(1, int(getattr(resources, "gpu", 0)) // nodes)
    return Runtime(threads=threads, devices=devices, nodes=nodes)


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        [Path(path) for path in snakemake.input.simulations],
        [Path(path) for path in snakemake.input.held_out],
        Path(snakemake.output.weights),
        Path(snakemake.output.card),
        recipe=snakemake.params.recipe,
        source=snakemake.params.function,
        code=snakemake.params.code,
        runtime=runtime_of(snakemake.threads, snakemake.resources),
    )
