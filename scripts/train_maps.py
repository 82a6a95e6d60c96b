"""Train one network of a diffraction study; a killed training goes on from its last checkpoint."""

from pathlib import Path

from latticework.learning.distributed import train_and_save
from latticework.learning.training import MapRecipe
from latticework.logs import tee

tee(snakemake.log[0])
train_and_save(
    MapRecipe.of(snakemake.wildcards.study, snakemake.params),
    snakemake.input.patterns,
    snakemake.input.held_out,
    Path(snakemake.output.weights),
    Path(snakemake.output.card),
    snakemake.input.code,
)
