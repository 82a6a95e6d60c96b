"""Diffraction patterns of one shard of a simulated scan."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from latticework import shards
from latticework.logs import tee
from latticework.simulation.scans import simulate_positions


def main(
    output: Path,
    *,
    scan: Mapping[str, Any],
    seed: int,
    name: str,
    number: int,
    shard_size: int,
    positions: int,
    device: str,
) -> None:
    """Write the patterns of shard `number`, on the "cpu" or the "gpu"."""
    first = number * shard_size
    arrays = simulate_positions(
        scan["specimen"],
        scan["parameters"],
        scan["simulation"],
        seed=seed,
        name=name,
        indices=range(first, min(first + shard_size, positions)),
        device=device,
    )
    shards.write(output, "scan", arrays, {"title": scan["title"]})


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.output[0]),
        scan=snakemake.params.scan,
        seed=snakemake.params.seed,
        name=f"{snakemake.wildcards.study}/{snakemake.wildcards.scan}",
        number=int(snakemake.wildcards.number),
        shard_size=snakemake.params.shard_size,
        positions=snakemake.params.positions,
        device="gpu" if snakemake.resources.get("gpu", 0) else "cpu",
    )
