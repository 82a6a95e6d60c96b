"""Figure: accuracy of all methods against thickness, semiangle, dose and tilt."""

from pathlib import Path

import pandas as pd

from latticework.figures import style
from latticework.figures.peaks import accuracy
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(table: Path) -> Drawn:
    """Draw the table of accuracies in bins."""
    return accuracy(pd.read_csv(table))


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(Path(snakemake.input.accuracy))
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
