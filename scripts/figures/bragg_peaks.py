"""Figure: patterns of a scan and the Bragg peaks found in them."""

from pathlib import Path

from latticework import shards
from latticework.figures import style
from latticework.figures.peaks import scan
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(peaks: Path) -> Drawn:
    """Draw the excerpt of a file of format 'bragg_peaks'."""
    return scan(*shards.read(peaks, "bragg_peaks"))


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(Path(snakemake.input.peaks))
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
