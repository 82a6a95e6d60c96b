"""One shard of random structures."""

from latticework.logs import tee
from latticework.structures import make_shard, write_structures

tee(snakemake.log[0])
structures = make_shard(
    snakemake.params.generator,
    snakemake.params.parameters,
    snakemake.params.seed,
    f"{snakemake.wildcards.study}/{snakemake.wildcards.kind}",
    range(*snakemake.params.indices),
)
write_structures(snakemake.output[0], structures)
