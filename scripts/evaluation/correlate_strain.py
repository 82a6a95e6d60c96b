"""Strain of simulated scans by template correlation, tuned on scans that it is not judged on."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from latticework import names, shards
from latticework.evaluation.peak_tuning import draw_trials
from latticework.evaluation.scans import (
    SPACE,
    Measured,
    correlated,
    exposed,
    read_scan,
    strain_table,
    tuned,
)
from latticework.logs import tee
from latticework.seeds import stream


def main(
    scans: Mapping[str, Sequence[Path]],
    output: Path,
    *,
    tuning: Sequence[str],
    references: Mapping[str, Sequence[int] | None],
    doses: Sequence[float],
    method: str,
    trials: int,
    seed: int,
) -> None:
    """Write a row a position of every scan at every dose, and without noise (dose 0)."""
    module = f"analysis.diffraction.correlation_{method}"
    detect, space = names.resolve(f"{module}:detect"), names.resolve(f"{module}:SPACE")
    drawn = draw_trials(space | SPACE, trials, stream(seed, "tuning of strain"))
    read = {name: read_scan(paths) for name, paths in scans.items()}
    tables = []
    for dose in (0, *doses):
        seen = {name: exposed(arrays, dose, seed, name) for name, arrays in read.items()}
        # At each dose anew, as somebody would who sees the patterns.
        best, complete = tuned(
            [(seen[name], read[name]) for name in tuning],
            detect,
            drawn,
            lambda trials: tqdm(trials, desc=f"{method} tuning", unit="trial"),
        )
        found: dict[str, list[Measured]] = {}
        for label, chosen in ((method, best), (f"{method}, complete", complete)):
            print(f"{label}, dose {dose:g}: {dict(chosen)}")
            if not found or chosen is not best:
                found = {
                    name: correlated(seen[name], read[name], detect, chosen) for name in references
                }
            for name, lattices in found.items():
                labels = {"scan": name, "dose": dose, "method": label}
                tables.append(strain_table(lattices, read[name], references[name], **labels))
    shards.write_csv(output, pd.concat(tables))


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        {name: [Path(p) for p in paths] for name, paths in snakemake.input.items()},
        Path(snakemake.output[0]),
        tuning=snakemake.params.tuning,
        references=snakemake.params.references,
        doses=snakemake.params.doses,
        method=snakemake.params.method,
        trials=snakemake.params.trials,
        seed=snakemake.params.seed,
    )
