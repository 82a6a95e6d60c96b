"""Diffraction patterns of one shard of oriented crystals."""

from latticework import config, shards
from latticework.logs import tee
from latticework.simulation.diffraction import diffraction_arrays
from latticework.structures import read_structures

tee(snakemake.log[0])
structures = read_structures(snakemake.input.structures)
parameters = dict(snakemake.params.simulation)
method = parameters.pop("method")
shards.write(
    snakemake.output[0],
    method,
    diffraction_arrays(structures, parameters),
    {
        "study": snakemake.wildcards.study,
        "run": snakemake.params.run,
        "config_hash": config.fingerprint(snakemake.params.simulation),
        "crystals": [atoms.info["crystal"] for atoms in structures],
    },
)
