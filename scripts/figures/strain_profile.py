"""Figure: strain along x of a scan, beside what the composition of its layers lets expect."""

from pathlib import Path

import numpy as np

from latticework.analysis.diffraction import epitaxy, strain_map
from latticework.figures import style
from latticework.figures.strain_maps import strain_profile
from latticework.figures.style import Drawn
from latticework.logs import tee


def main(maps: Path) -> Drawn:
    """Draw a file of format 'strain', which may hold the composition of the layers."""
    found, _, known = strain_map.read(maps)
    expected = None
    if known.get("composition") is not None:
        x, share = np.array(known["composition"]).T
        expected = np.column_stack([x, epitaxy.expected_strain(share)])
    return strain_profile(found, expected, known.get("reference_region"))


if __name__ == "__main__":
    tee(snakemake.log[0])
    drawn = main(Path(snakemake.input.maps))
    style.save_all(drawn, snakemake.output, meaningful=snakemake.params.meaningful)
