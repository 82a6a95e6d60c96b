"""Figure: lattices of any symmetry, in STEM and STM, read by one network."""

from collections.abc import Mapping
from pathlib import Path

from latticework import shards
from latticework.figures import style
from latticework.figures.one_network import one_network
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(details: Path, titles: Mapping[str, str]) -> Drawn:
    """Draw the details of an evaluation of sites at any scale."""
    arrays, attributes = shards.read(details, "evaluation")
    unseen = {name: " (unseen)" for name in attributes["unseen"]}
    return one_network(
        arrays, [titles.get(name, name) + unseen.get(name, "") for name in attributes["shown"]]
    )


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(Path(snakemake.input.details[0]), snakemake.params.titles)
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
