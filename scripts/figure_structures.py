"""Figure: how a training structure of graphene is made."""

from inspect import signature

from latticework.figures import style
from latticework.figures.training import structures
from latticework.logs import tee
from latticework.seeds import stream
from latticework.structures.graphene import graphene, stages

tee(snakemake.log[0])
# The way from seeds to a sheet is that of quasi-random sheets; pristine grains have none.
parameters = dict(snakemake.params.parameters) | {"crystalline": 0.0}
early = {name: parameters[name] for name in signature(stages).parameters if name in parameters}
# The first structure of the training's streams that has holes and contamination shows all steps.
for index in range(100):
    name = (snakemake.params.seed, f"{snakemake.wildcards.study}/train", index)
    made, atoms = stages(stream(*name), **early), graphene(stream(*name), **parameters)
    if len(made.holes) > 1 and not atoms.arrays["sheet"].all():
        break
print(f"structure {index}: {len(made.holes)} holes, {len(atoms)} atoms")
style.save(
    structures(made, atoms),
    snakemake.output.svg,
    snakemake.output.png,
    snakemake.output.csv,
    meaningful=snakemake.params.meaningful,
)
