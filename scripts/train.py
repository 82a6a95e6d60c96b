"""Train a study's network; a killed training goes on from its last checkpoint."""

from pathlib import Path

from latticework.learning.distributed import train_and_save
from latticework.learning.training import Recipe
from latticework.logs import tee

tee(snakemake.log[0])
train_and_save(
    Recipe.of(snakemake.wildcards.study, snakemake.params),
    snakemake.input.waves,
    snakemake.input.held_out,
    Path(snakemake.output.weights),
    Path(snakemake.output.card),
    snakemake.input.code,
)
