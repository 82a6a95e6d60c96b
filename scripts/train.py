"""Train a study's network; a killed training goes on from its last checkpoint."""

import json
import shutil
from pathlib import Path

from latticework import shards
from latticework.learning import weights
from latticework.learning.distributed import train_distributed
from latticework.learning.training import Recipe, train
from latticework.logs import tee

tee(snakemake.log[0])
params = snakemake.params
recipe = Recipe.model_validate(
    {
        "study": snakemake.wildcards.study,
        "seed": params.seed,
        "structures": params.structures,
        "simulation": params.simulation,
        "imaging": params.imaging,
        "network": params.network,
        "training": params.training,
    }
)
folder = Path(snakemake.output.weights).parent
several = recipe.training.devices * recipe.training.nodes > 1
network, card = (train_distributed if several else train)(
    recipe, snakemake.input.waves, snakemake.input.held_out, folder, snakemake.input.code
)
with shards.atomic(snakemake.output.card) as temporary:
    temporary.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
weights.save(snakemake.output.weights, network, card)
# One that outlived a killed driver may be at the same.
shutil.rmtree(folder / "checkpoints", ignore_errors=True)
