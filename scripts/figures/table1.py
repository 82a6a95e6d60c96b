"""Figure: SSIM and accuracy of all methods on and off zone (Munshi 2022, Table I)."""

from pathlib import Path

import pandas as pd

from latticework.figures import style
from latticework.figures.peaks import table_1
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(table: Path, comparison: Path, published: Path) -> Drawn:
    """Draw the tables beside what was published."""
    return table_1(*(pd.read_csv(path) for path in (table, comparison, published)))


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(
        Path(snakemake.input.table1),
        Path(snakemake.input.comparison),
        Path(snakemake.input.published),
    )
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
