"""Figure: where counting goes wrong in one particle, at three doses."""

from pathlib import Path

from latticework import shards
from latticework.figures import style
from latticework.figures.counting import errors_in_place, read_series
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(example: Path) -> Drawn:
    """Draw the example at its highest dose, format 'examples'."""
    return errors_in_place(read_series(*shards.read(example, "examples"))[0])


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(Path(snakemake.input.example))
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
