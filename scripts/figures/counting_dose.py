"""Figure: wrong counts against dose beside the bound."""

from pathlib import Path

import pandas as pd

from latticework.figures import style
from latticework.figures.counting import errors_against_dose
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(errors: Path, bounds: Path) -> Drawn:
    """Draw the errors and the bound of every dose."""
    return errors_against_dose(pd.read_csv(errors), pd.read_csv(bounds))


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(Path(snakemake.input.errors), Path(snakemake.input.bounds))
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
