"""Figure: patterns, probes and structure factors of a few crystals at several thicknesses."""

from latticework import shards
from latticework.figures import style
from latticework.figures.diffraction import examples, triplets
from latticework.logs import tee

tee(snakemake.log[0])
arrays, attributes = shards.read(snakemake.input.patterns, "diffraction")
names = attributes["crystals"]
style.save(
    triplets(arrays, names, examples(arrays["zone_axis"], names)),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
