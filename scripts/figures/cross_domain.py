"""Figure: networks on each other's materials, and whether they say that images are foreign."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from latticework.figures import style
from latticework.figures.scores import cross_domain
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(scores: Sequence[Path]) -> Drawn:
    """Draw the tables of all networks as one."""
    return cross_domain(pd.concat(map(pd.read_csv, scores), ignore_index=True))


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main([Path(path) for path in snakemake.input.scores])
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
