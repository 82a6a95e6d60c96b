"""Figure: a held-out structure, its image, its label and the network's prediction."""

from pathlib import Path

from latticework import shards
from latticework.figures import style
from latticework.figures.style import Drawn
from latticework.figures.training import training_example
from latticework.logs import tee


def main(example: Path) -> Drawn:
    """Draw the example, format 'examples'."""
    return training_example(*shards.read(example, "examples"))


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(Path(snakemake.input.example))
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
