"""Figure: how atoms are counted in one particle."""

from pathlib import Path

from latticework import shards
from latticework.figures import style
from latticework.figures.counting import method, read_series
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(example: Path) -> Drawn:
    """Draw the example at its middle dose, format 'examples'."""
    series = read_series(*shards.read(example, "examples"))
    return method(series[len(series) // 2])


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(Path(snakemake.input.example))
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
