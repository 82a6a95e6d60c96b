"""Trials of a tuning, until there are enough of all workers' together."""

from pathlib import Path

from latticework import shards
from latticework.config_diffraction import Tuning
from latticework.learning.training import MapRecipe
from latticework.learning.tuning import work
from latticework.logs import tee

tee(snakemake.log[0])
params = snakemake.params
recipe = MapRecipe.of(snakemake.wildcards.study, params)
table = work(
    recipe,
    Tuning.model_validate(params.tuning),
    snakemake.input.patterns,
    Path(params.journal),
    int(snakemake.wildcards.number),
)
shards.write_csv(snakemake.output[0], table)
