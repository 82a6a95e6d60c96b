"""Figure: losses of the networks that a run trained, against the step."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from latticework.figures import style
from latticework.figures.scores import training_curve
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(logs: Sequence[Path], *, networks: Sequence[str]) -> Drawn:
    """Draw the logs of the networks, which are in the same order."""
    return training_curve(dict(zip(networks, map(pd.read_csv, logs), strict=True)))


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(snakemake.input.logs, networks=snakemake.params.networks)
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
