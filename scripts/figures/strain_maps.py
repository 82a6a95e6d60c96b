"""Figure: maps of strain of a scan, and the lattice on its mean pattern."""

from pathlib import Path

from latticework.analysis.diffraction import strain_map
from latticework.figures import style
from latticework.figures.strain_maps import strain_maps
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(maps: Path) -> Drawn:
    """Draw a file of format 'strain'."""
    found, mean, _ = strain_map.read(maps)
    return strain_maps(mean, found)


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(Path(snakemake.input.maps))
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
