"""Exit waves of one shard of structures."""

from latticework import config, shards
from latticework.logs import tee
from latticework.simulation import METHODS
from latticework.structures import read_structures

tee(snakemake.log[0])
parameters = dict(snakemake.params.simulation)
method = parameters.pop("method")
arrays = METHODS[method](read_structures(snakemake.input.structures), parameters)
shards.write(
    snakemake.output[0],
    method,
    arrays,
    {
        "study": snakemake.wildcards.study,
        "run": snakemake.params.run,
        "config_hash": config.fingerprint(snakemake.params.simulation),
    },
)
