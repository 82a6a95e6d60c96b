"""Train one network of a diffraction study; a killed training goes on from its last checkpoint."""

from pathlib import Path

from latticework.learning.distributed import train_and_save
from latticework.learning.training import MapRecipe
from latticework.logs import tee

tee(snakemake.log[0])
params = snakemake.params
train_and_save(
    MapRecipe.model_validate(
        {
            "study": snakemake.wildcards.study,
            "seed": params.seed,
            "structures": params.structures,
            "simulation": params.simulation,
            "imaging": params.imaging,
            "row": params.row,
            "training": params.training,
        }
    ),
    snakemake.input.patterns,
    snakemake.input.held_out,
    Path(snakemake.output.weights),
    Path(snakemake.output.card),
    snakemake.input.code,
)
