"""Atoms: generators by name, and shards of structures. A generator is a function of a random
generator and its parameters that returns `ase.Atoms` with the boolean array `visible`, which
marks the atoms that a network is to find, and optionally the integer arrays `classes` and
`column`: atoms of one column are found together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from tqdm import tqdm

from latticework.seeds import stream
from latticework.shards import ShardError, atomic
from latticework.structures.graphene import graphene
from latticework.structures.nanoparticles import nanoparticle

GENERATORS = {"graphene": graphene, "nanoparticles": nanoparticle}


def make_shard(
    generator: str, parameters: Mapping[str, Any], seed: int, name: str, indices: range
) -> list[Atoms]:
    """Structures number `indices` of the stream `name`, with a progress bar.

    A structure depends on its own number only: shards of any size hold the same structures.
    """
    return [
        GENERATORS[generator](stream(seed, name, index), **parameters)
        for index in tqdm(indices, desc=f"{name} structures", unit="structure")
    ]


def write_structures(path: str | Path, structures: list[Atoms]) -> None:
    """Write structures as extended XYZ, atomically."""
    with atomic(path) as temporary:
        ase.io.write(temporary, structures, format="extxyz")


def read_structures(path: str | Path) -> list[Atoms]:
    """Read a structure shard. Raises ShardError for one that is missing or corrupt."""
    try:
        structures = ase.io.read(path, index=":", format="extxyz")
    except Exception as error:
        raise ShardError(
            f"{path}: expected extended XYZ structures, found: {error or type(error).__name__}. "
            "Delete it and run again: it is made anew."
        ) from error
    if not structures or any("visible" not in atoms.arrays for atoms in structures):
        raise ShardError(f"{path}: expected structures with the array 'visible', found none")
    return structures


@dataclass(frozen=True)
class Targets:
    """What a network is to find: `positions` (n, 3) Å, `numbers` (n,), `classes` (n,)."""

    positions: np.ndarray
    numbers: np.ndarray
    classes: np.ndarray


def targets(atoms: Atoms) -> Targets:
    """The visible atoms of a structure, or, where atoms belong to columns, its visible columns.

    A column is at the mean of its atoms' positions: the beam is parallel, so a tilted column
    appears about the middle of its height, whatever plane is in focus. The class is 1 unless the
    generator says otherwise.
    """
    seen = atoms[atoms.arrays["visible"]]
    classes = seen.arrays.get("classes", np.ones(len(seen), dtype=np.int64)).astype(np.int64)
    if "column" not in seen.arrays:
        return Targets(seen.positions, seen.numbers, classes)
    _, first, column, height = np.unique(
        seen.arrays["column"], return_index=True, return_inverse=True, return_counts=True
    )
    sums = [np.bincount(column, seen.positions[:, axis]) for axis in range(3)]
    return Targets(np.stack(sums, axis=1) / height[:, None], seen.numbers[first], classes[first])
