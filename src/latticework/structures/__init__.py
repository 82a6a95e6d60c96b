"""Atoms: shards of structures, and what a network is to find in them.

A generator is a file of this room that a configuration names. It makes `ase.Atoms` with the
boolean array `visible`, which marks the atoms that a network is to find, and optionally the
integer arrays `classes` (from 1 on) and `column` (atoms of one column are found together) and the
boolean array `specimen` (atoms of the specimen itself, though perhaps covered). The array
`displacement` (n, 2) says how far an atom is from where it would be in an undisturbed structure;
`adatom`, boolean, marks single atoms on the specimen, which a network may find and need not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from tqdm import tqdm

from latticework.seeds import stream
from latticework.shards import Array, ShardError, atomic


def numbered(
    make: Callable[[np.random.Generator], Atoms],
    *,
    seed: int,
    study: str,
    split: str,
    indices: range,
) -> list[Atoms]:
    """Structures number `indices` of a study's split, with a progress bar.

    Each is made from the random stream of its own number: shards of any size hold the same
    structures.
    """
    name = f"{study}/{split}"
    return [
        make(stream(seed, name, index))
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
            "Delete it and run again to make it anew."
        ) from error
    if not structures or any("visible" not in atoms.arrays for atoms in structures):
        raise ShardError(f"{path}: expected structures with the array 'visible', found none")
    return structures


@dataclass(frozen=True)
class Targets:
    """Atoms, or columns of atoms, that are found as one.

    `positions` (n, 3) Å, `numbers` (n,), `classes` (n,) from 1 on, `visible` (n,): False where
    an atom is covered.
    """

    positions: np.ndarray
    numbers: np.ndarray
    classes: np.ndarray
    visible: np.ndarray


def targets(atoms: Atoms) -> Targets:
    """What a network is to find: the visible atoms of a structure, or its visible columns."""
    return _found_together(atoms[atoms.arrays["visible"]])


def target_arrays(structures: Sequence[Atoms]) -> dict[str, Array]:
    """The targets of structures as a shard holds them: `positions`, `numbers` and `classes`."""
    found = [targets(atoms) for atoms in structures]
    arrays = {
        "positions": Array(
            [t.positions for t in found],
            "Å",
            ("structure", "atom", "axis (x, y, z)"),
            ragged=True,
        ),
    }
    for name in ("numbers", "classes"):
        values = [getattr(t, name) for t in found]
        arrays[name] = Array(values, "1", ("structure", "atom"), ragged=True)
    return arrays


def specimen(atoms: Atoms) -> Targets:
    """All atoms, or columns, of the specimen, also those that something covers."""
    return _found_together(atoms[atoms.arrays.get("specimen", atoms.arrays["visible"])])


def displacement_of(atoms: Atoms) -> np.ndarray | None:
    """Displacements (n, 2) in Å of the `specimen`'s atoms or columns in the image plane.

    From where they would be in the undisturbed structure, as its generator says in the array
    `displacement`; None where it says nothing.
    """
    if "displacement" not in atoms.arrays:
        return None
    seen = atoms[atoms.arrays.get("specimen", atoms.arrays["visible"])]
    if "column" not in seen.arrays:
        return seen.arrays["displacement"]
    _, first = np.unique(seen.arrays["column"], return_index=True)
    return seen.arrays["displacement"][first]


def _found_together(seen: Atoms) -> Targets:
    """Atoms, or where they belong to columns their columns.

    A column is at the mean of its atoms' positions: the beam is parallel, so a tilted column
    appears about the middle of its height, whatever plane is in focus. The class is 1 unless the
    generator says otherwise.
    """
    visible = seen.arrays["visible"]
    classes = seen.arrays.get("classes", np.ones(len(seen), dtype=np.int64)).astype(np.int64)
    if "column" not in seen.arrays:
        return Targets(seen.positions, seen.numbers, classes, visible)
    _, first, column, height = np.unique(
        seen.arrays["column"], return_index=True, return_inverse=True, return_counts=True
    )
    sums = [np.bincount(column, seen.positions[:, axis]) for axis in range(3)]
    positions = np.stack(sums, axis=1) / height[:, None]
    return Targets(positions, seen.numbers[first], classes[first], visible[first])
