"""Figure: patterns, probes and structure factors of a few crystals at several thicknesses."""

from pathlib import Path

from latticework import shards
from latticework.figures import style
from latticework.figures.library import examples, triplets
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(patterns: Path) -> Drawn:
    """Draw some crystals of a shard."""
    arrays, attributes = shards.read(patterns, "diffraction")
    names = attributes["crystals"]
    return triplets(arrays, names, examples(arrays["zone_axis"], names))


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(Path(snakemake.input.patterns))
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
