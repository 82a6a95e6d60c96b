"""One shard of crystals in their orientations."""

from latticework.logs import tee
from latticework.structures import write_structures
from latticework.structures.crystals import make_crystals

tee(snakemake.log[0])
structures = make_crystals(
    snakemake.params.seed,
    snakemake.wildcards.study,
    snakemake.wildcards.kind,
    range(*snakemake.params.indices),
    **snakemake.params.parameters,
)
write_structures(snakemake.output[0], structures)
