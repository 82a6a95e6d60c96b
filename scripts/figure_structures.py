"""Figure: how a training structure of graphene is made."""

from inspect import signature

from latticework.figures import style
from latticework.figures.training import structures
from latticework.logs import tee
from latticework.seeds import stream
from latticework.structures.graphene import graphene, stages

tee(snakemake.log[0])
parameters = dict(snakemake.params.parameters)
early = {name: parameters[name] for name in signature(stages).parameters if name in parameters}
# The structures that training uses; the first with holes and contamination shows all steps.
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
