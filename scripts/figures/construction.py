"""Figure: how a training structure is made."""

from pathlib import Path

from latticework import shards
from latticework.figures import style
from latticework.figures.construction import construction
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(arrays: Path) -> Drawn:
    """Draw the steps, format 'construction'."""
    return construction(shards.read(arrays, "construction")[0])


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(Path(snakemake.input.construction))
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
