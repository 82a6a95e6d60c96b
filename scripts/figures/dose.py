"""Figure: scores and position errors against dose and defocus, beside the bound."""

from pathlib import Path

import pandas as pd

from latticework import materials
from latticework.figures import style
from latticework.figures.scores import dose
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(scores: Path, bounds: Path, *, material: str) -> Drawn:
    """Draw the scores of a network, by the groups and classes of a material."""
    return dose(pd.read_csv(scores), pd.read_csv(bounds), materials.load(material))


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(
        Path(snakemake.input.scores[0]),
        Path(snakemake.input.bounds),
        material=snakemake.params.material,
    )
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
