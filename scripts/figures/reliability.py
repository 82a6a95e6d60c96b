"""Figure: which counts are confused, and whether stated probabilities hold."""

from pathlib import Path

import pandas as pd

from latticework.figures import style
from latticework.figures.counting import confusion_and_reliability
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(errors: Path, confusion: Path, reliability: Path) -> Drawn:
    """Draw confusions at every other dose, and the reliability."""
    doses = sorted(pd.read_csv(errors)["dose"].unique())[1::2]
    return confusion_and_reliability(pd.read_csv(confusion), pd.read_csv(reliability), doses)


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(
        Path(snakemake.input.errors),
        Path(snakemake.input.confusion),
        Path(snakemake.input.reliability),
    )
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
