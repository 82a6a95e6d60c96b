"""Figure: held-out particles, their images in several microscopes, and the output."""

from pathlib import Path

from latticework import shards
from latticework.figures import style
from latticework.figures.columns import particles, read_examples
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(examples: Path) -> Drawn:
    """Draw the examples, format 'examples'."""
    return particles(*read_examples(*shards.read(examples, "examples")))


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(Path(snakemake.input.examples))
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
