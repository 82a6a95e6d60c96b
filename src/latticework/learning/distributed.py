"""Training by several processes, one a device: started by srun under Slurm, by torchrun elsewhere.

Lightning's DDP: each process makes its own share of a step's batch, `batch_size` images, and
gradients are averaged, so a step sees devices · nodes · batch_size images. Batch normalisation
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

from latticework import shards
from latticework.config.base import Section
from latticework.learning import weights
from latticework.learning.recipe import Recipe, Runtime
from latticework.learning.training import train


class DistributedError(RuntimeError):
    """The processes of a training could not be started, or one of them failed."""


class Job(Section):
    """What every process of a training is told: the arguments of `train`, and where to write."""

    recipe: Recipe
    runtime: Runtime
    shard_paths: list[Path]
    held_out_paths: list[Path]
    folder: Path
    code: str
    result: Path


def launcher(runtime: Runtime) -> list[str]:
    """Command that starts all processes of a training; what each is to run comes after it.

    Raises DistributedError for several nodes outside of a Slurm job.
    """
    if "SLURM_JOB_ID" in os.environ:
        return [
            "srun",
            f"--nodes={runtime.nodes}",
            f"--ntasks={runtime.devices * runtime.nodes}",
            f"--ntasks-per-node={runtime.devices}",
            f"--cpus-per-task={runtime.threads}",
            "--kill-on-bad-exit=1",
            sys.executable,
        ]
    if runtime.nodes > 1:
        raise DistributedError(f"{runtime.nodes} nodes need Slurm (snakemake --profile slurm)")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return [*torchrun, f"--nproc-per-node={runtime.devices}"]


def train_distributed(
    recipe: Recipe,
    runtime: Runtime,
    shard_paths: Sequence[Path],
    held_out_paths: Sequence[Path],
    folder: Path,
    code: str = "",
) -> tuple[torch.nn.Module, dict[str, Any]]:
    """As `train`, by runtime.devices processes on each of runtime.nodes nodes.

    Raises DistributedError if one of them fails; what it said is printed before.
    """
    result = folder / "checkpoints" / "distributed.safetensors"
    job = Job(
        recipe=recipe,
        runtime=runtime,
        shard_paths=shard_paths,
        held_out_paths=held_out_paths,
        folder=folder,
        code=code,
        result=result,
    )
    path = result.with_name("distributed.json")
    with shards.atomic(path) as temporary:
        temporary.write_text(job.model_dump_json(indent=2))
    starter = launcher(runtime)
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
            f"training by {runtime.devices} x {runtime.nodes} processes failed "
            f"with exit code {process.returncode}; see the lines above"
        )
    return weights.load(result)


def train_and_save(
    recipe: Recipe,
    runtime: Runtime,
    shard_paths: Sequence[Path],
    held_out_paths: Sequence[Path],
    weights_path: Path,
    card_path: Path,
    code: str,
) -> None:
    """Train by as many processes as there are devices; write weights and card, drop checkpoints.

    A killed training goes on from its last checkpoint, which lies beside the weights.
    """
    learn = train_distributed if runtime.processes > 1 else train
    folder = weights_path.parent
    network, card = learn(recipe, runtime, shard_paths, held_out_paths, folder, code)
    with shards.atomic(card_path) as temporary:
        temporary.write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    weights.save(weights_path, network, card)
    # One that outlived a killed driver may be at the same.
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)


def main(path: str) -> None:
    """One process of a training: trains its share; the first one writes the weights."""
    job = Job.model_validate_json(Path(path).read_text())
    network, card = train(
        job.recipe, job.runtime, job.shard_paths, job.held_out_paths, job.folder, job.code
    )
    if torch.distributed.get_rank() == 0:
        weights.save(job.result, network, card)


if __name__ == "__main__":
    main(sys.argv[1])
