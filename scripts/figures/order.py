"""Figure: order of a simulated surface as a network reads it, beside the true one."""

from pathlib import Path

from latticework import shards
from latticework.figures import style
from latticework.figures.order_maps import order_maps
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(details: Path) -> Drawn:
    """Draw the details of one structure."""
    arrays, attributes = shards.read(details, "evaluation")
    return order_maps(arrays, attributes["domains"], attributes["found"])


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(Path(snakemake.input.details[0]))
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
