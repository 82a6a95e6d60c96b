"""Figure: which crystals a library of diffraction patterns has."""

from latticework.figures import style
from latticework.figures.diffraction import crystals
from latticework.logs import tee
from latticework.structures import read_structures

tee(snakemake.log[0])
structures = [atoms for path in snakemake.input.structures for atoms in read_structures(path)]
style.save(
    crystals(
        [atoms.info["crystal"] for atoms in structures],
        [atoms.numbers for atoms in structures],
    ),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
