"""Likelihood bound of counting atoms, on a few columns of held-out particles."""

from latticework import config, shards
from latticework.analysis.count_bounds import count_bounds
from latticework.logs import tee
from latticework.simulation.exit_waves import exit_wave
from latticework.structures import read_structures

tee(snakemake.log[0])
parameters = dict(snakemake.params.simulation) | {"device": "cpu"}
parameters.pop("method")
imaging = config.Imaging.model_validate(snakemake.params.imaging)
held_out = read_structures(snakemake.input.structures[0])
# As many aligned as tilted ones, where there are.
aligned = [atoms for atoms in held_out if atoms.info["tilt_degrees"] == 0]
tilted = [atoms for atoms in held_out if atoms.info["tilt_degrees"] != 0]
half = snakemake.params.particles // 2
bounds = count_bounds(
    lambda atoms: exit_wave(atoms, **parameters),
    aligned[:half] + tilted[:half],
    config.Evaluation.model_validate(snakemake.params.evaluation),
    energy=parameters["energy"],
    sampling=0.5 * (imaging.sampling.low + imaging.sampling.high),
    band_limit=imaging.band_limit,
    series=imaging.series,
    columns=snakemake.params.columns,
)
shards.write_csv(snakemake.output[0], bounds)
