"""Figure: which crystals a library of diffraction patterns has."""

from collections.abc import Sequence
from pathlib import Path

from latticework.figures import style
from latticework.figures.library import crystals
from latticework.figures.style import Drawn
from latticework.logs import tee
from latticework.structures import read_structures


def main(structures: Sequence[Path]) -> Drawn:
    """Draw the crystals of all shards."""
    read = [atoms for path in structures for atoms in read_structures(path)]
    return crystals([atoms.info["crystal"] for atoms in read], [atoms.numbers for atoms in read])


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(snakemake.input.structures)
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
