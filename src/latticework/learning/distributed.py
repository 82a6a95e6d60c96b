"""Training by several processes, one a device: started by srun under Slurm, by torchrun elsewhere.

Lightning's DDP: each process makes its own share of a step's pictures, `batch_size` of them, and
gradients are averaged, so a step sees devices · nodes · batch_size pictures. Batch normalisation
uses the statistics of a process's own share, in training; the running statistics that are saved
are those of the first process.
"""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from latticework import config, shards
from latticework.config_base import Schedule
from latticework.learning import weights
from latticework.learning.training import MapRecipe, Recipe, train


class DistributedError(RuntimeError):
    """The processes of a training could not be started, or one of them failed."""


class Job(config.Section):
    """What every process of a training is told: the arguments of `train`, and where to write."""

    recipe: Recipe | MapRecipe
    shard_paths: list[Path]
    held_out_paths: list[Path]
    folder: Path
    sources: list[Path]
    result: Path


def launcher(settings: Schedule) -> list[str]:
    """Command that starts all processes of a training; what each is to run comes after it.

    Raises DistributedError for several nodes outside of a Slurm job.
    """
    if "SLURM_JOB_ID" in os.environ:
        return [
            "srun",
            f"--nodes={settings.nodes}",
            f"--ntasks={settings.devices * settings.nodes}",
            f"--ntasks-per-node={settings.devices}",
            f"--cpus-per-task={settings.threads}",
            "--kill-on-bad-exit=1",
            sys.executable,
        ]
    if settings.nodes > 1:
        raise DistributedError(
            f"training.nodes = {settings.nodes}: several nodes need Slurm "
            "(snakemake --profile slurm)"
        )
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return [*torchrun, f"--nproc-per-node={settings.devices}"]


def train_distributed(
    recipe: Recipe | MapRecipe,
    shard_paths: Sequence[Path],
    held_out_paths: Sequence[Path],
    folder: Path,
    sources: Sequence[Path] = (),
) -> tuple[torch.nn.Module, dict[str, Any]]:
    """As `train`, by training.devices processes on each of training.nodes nodes.

    Raises DistributedError if one of them fails; what it said is printed before.
    """
    result = folder / "checkpoints" / "distributed.safetensors"
    job = Job(
        recipe=recipe,
        shard_paths=shard_paths,
        held_out_paths=held_out_paths,
        folder=folder,
        sources=sources,
        result=result,
    )
    path = result.with_name("distributed.json")
    with shards.atomic(path) as temporary:
        temporary.write_text(job.model_dump_json(indent=2))
    starter = launcher(recipe.training)
    module = ["-m", "latticework.learning.distributed", str(path)]
    print(" ".join([*starter, *module]), flush=True)
    with subprocess.Popen(
        [*starter, *module], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        # Lines as they come, a progress bar's redrawing inside of them.
        for line in io.TextIOWrapper(process.stdout, encoding="utf-8", newline="\n"):
            print(line, end="", flush=True)
    if process.returncode:
        raise DistributedError(
            f"training by {recipe.training.devices} x {recipe.training.nodes} processes failed "
            f"with exit code {process.returncode}; see the lines above"
        )
    return weights.load(result)


def train_and_save(
    recipe: Recipe | MapRecipe,
    shard_paths: Sequence[Path],
    held_out_paths: Sequence[Path],
    weights_path: Path,
    card_path: Path,
    sources: Sequence[Path],
) -> None:
    """Train by as many processes as the recipe asks for; write weights and card, drop checkpoints.

    A killed training goes on from its last checkpoint, which lies beside the weights.
    """
    several = recipe.training.devices * recipe.training.nodes > 1
    learn = train_distributed if several else train
    folder = weights_path.parent
    network, card = learn(recipe, shard_paths, held_out_paths, folder, sources)
    with shards.atomic(card_path) as temporary:
        temporary.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    weights.save(weights_path, network, card)
    # One that outlived a killed driver may be at the same.
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def main(path: str) -> None:
    """One process of a training: trains its share; the first one writes the weights."""
    job = Job.model_validate_json(Path(path).read_text())
    network, card = train(job.recipe, job.shard_paths, job.held_out_paths, job.folder, job.sources)
    if torch.distributed.get_rank() == 0:
        weights.save(job.result, network, card)


if __name__ == "__main__":
    main(sys.argv[1])
