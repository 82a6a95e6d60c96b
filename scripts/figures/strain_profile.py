"""Figure: strain along x of a scan, beside what the composition of its layers lets expect."""

from pathlib import Path

import numpy as np

from latticework import shards
from latticework.analysis.diffraction import epitaxy, strain_map
from latticework.figures import style
from latticework.figures.strain_maps import strain_profile
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(maps: Path, dataset: Path) -> Drawn:
    """Draw a file of format 'strain'; the calibrated scan may hold its composition."""
    found, _, _ = strain_map.read(maps)
    arrays, known = shards.read(dataset, "dataset")
    expected = None
    if "composition" in arrays:
        x, share = arrays["composition"].T
        expected = np.column_stack([x, epitaxy.expected_strain(share)])
    return strain_profile(found, expected, known["entry"]["reference_region"])


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(Path(snakemake.input.maps), Path(snakemake.input.dataset))
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
