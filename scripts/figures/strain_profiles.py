"""Figure: strain of simulated scans by every method, beside the truth."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from latticework import shards
from latticework.figures import style
from latticework.figures.strain_maps import strain_profiles
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(
    strain: Path, scores: Path, scans: Sequence[Path], *, names: Sequence[str], titles: Mapping
) -> Drawn:
    """Draw profiles; `scans` has the first shard of each, whose first pattern is shown."""
    patterns = {
        name: shards.read(path, "scan", ["pattern"])[0]["pattern"][0]
        for name, path in zip(names, scans, strict=True)
    }
    return strain_profiles(pd.read_csv(strain), pd.read_csv(scores), patterns, titles)


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(
        Path(snakemake.input.strain),
        Path(snakemake.input.scores),
        [Path(path) for path in snakemake.input.scans],
        names=list(snakemake.params.titles),
        titles=snakemake.params.titles,
    )
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
