"""Patterns of held-out crystals in drawn microscopes, with their true peaks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from latticework import shards
from latticework.config.evaluation_peaks import Patterns
from latticework.config.patterns import Imaging
from latticework.evaluation.patterns import choose_sources, make_patterns
from latticework.logs import tee
from latticework.seeds import stream
from latticework.structures import read_structures


def main(
    structures: Sequence[Path],
    simulations: Sequence[Path],
    patterns: Path,
    table: Path,
    *,
    settings: Mapping[str, Any],
    imaging: Mapping[str, Any],
    seed: int,
    study: str,
    run: str,
) -> None:
    """Write the patterns, format "evaluation_patterns", and their table."""
    typed = Patterns.model_validate(settings)
    crystals = [atoms for path in structures for atoms in read_structures(path)]
    first, _ = shards.read(simulations[0], "diffraction", ["semiangle", "thickness"])
    sources = choose_sources(
        crystals,
        len(first["semiangle"]),
        len(first["thickness"]),
        typed,
        stream(seed, f"{study}/evaluation sources"),
    )
    ranges = Imaging.model_validate(imaging).ranges()
    arrays, rows = make_patterns(sources, simulations, crystals, typed, ranges, seed, study)
    shards.write(patterns, "evaluation_patterns", arrays, {"study": study, "run": run})
    shards.write_csv(table, rows)


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        [Path(path) for path in snakemake.input.structures],
        [Path(path) for path in snakemake.input.simulations],
        Path(snakemake.output.patterns),
        Path(snakemake.output.table),
        settings=snakemake.params.settings,
        imaging=snakemake.params.imaging,
        seed=snakemake.params.seed,
        study=snakemake.wildcards.study,
        run=snakemake.params.run,
    )
