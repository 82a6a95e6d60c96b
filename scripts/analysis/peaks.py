"""The Bragg peaks of a scan as a table."""

from pathlib import Path

from latticework import shards
from latticework.analysis.diffraction.peak_table import peak_table
from latticework.logs import tee


def main(peaks: Path, output: Path) -> None:
    """Write the table of a file of format "bragg_peaks"."""
    shards.write_csv(output, peak_table(peaks))


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(Path(snakemake.input.peaks), Path(snakemake.output[0]))
