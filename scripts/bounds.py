"""Cramér–Rao bound of an atom's position in a perfect crystal against dose and defocus."""

from latticework import config, shards
from latticework.analysis.bounds import position_bounds
from latticework.logs import tee
from latticework.simulation.exit_waves import exit_wave

tee(snakemake.log[0])
parameters = dict(snakemake.params.simulation) | {"device": "cpu"}
parameters.pop("method")
sampling = snakemake.params.imaging["sampling"]
bounds = position_bounds(
    lambda atoms: exit_wave(atoms, **parameters),
    snakemake.params.generator,
    config.Evaluation.model_validate(snakemake.params.evaluation),
    energy=parameters["energy"],
    sampling=0.5 * (sampling["low"] + sampling["high"]),
    band_limit=snakemake.params.imaging["band_limit"],
    series=snakemake.params.imaging["series"],
)
shards.write_csv(snakemake.output[0], bounds)
