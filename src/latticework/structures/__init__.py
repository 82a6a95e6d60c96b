"""Atoms: generators by name, and shards of structures. A generator is a function of a random
generator and its parameters that returns `ase.Atoms` with the boolean array `visible`, which
marks the atoms that a network is to find, and optionally the integer array `classes`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from tqdm import tqdm

from latticework.seeds import stream
from latticework.shards import ShardError, atomic
from latticework.structures.graphene import graphene

GENERATORS = {"graphene": graphene}


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


def classes_of(atoms: Atoms) -> np.ndarray:
    """Class of every visible atom, 1 unless the generator says otherwise."""
    classes = atoms.arrays.get("classes", np.ones(len(atoms), dtype=np.int64))
    return classes[atoms.arrays["visible"]].astype(np.int64)
