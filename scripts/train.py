"""Train a study's network; a killed training goes on from its last checkpoint."""

from pathlib import Path

from latticework.learning.distributed import train_and_save
from latticework.learning.training import Recipe
from latticework.logs import tee

tee(snakemake.log[0])
params = snakemake.params
train_and_save(
    Recipe.model_validate(
        {
            "study": snakemake.wildcards.study,
            "seed": params.seed,
            "structures": params.structures,
            "simulation": params.simulation,
            "imaging": params.imaging,
            "network": params.network,
            "training": params.training,
        }
    ),
    snakemake.input.waves,
    snakemake.input.held_out,
    Path(snakemake.output.weights),
    Path(snakemake.output.card),
    snakemake.input.code,
)
