"""Real crystals, frozen: a file of cells and a table of their ids and hashes.

Databases change; a frozen library does not. What was fetched once (`scripts/freeze_crystals.py`)
is read back only if every crystal is the one in the table.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import ase.io
import numpy as np
import pandas as pd
from ase import Atoms

from latticework.shards import ShardError, atomic, write_csv

COLUMNS = ["id", "formula", "prototype", "sha256"]
DIGITS = 5


def crystal_hash(atoms: Atoms) -> str:
    """sha256 of a crystal's elements, cell (Å) and fractions of it, to five decimals."""
    # Adding zero turns −0 into 0; a fraction that rounds to one is zero.
    cell = np.round(atoms.cell[:], DIGITS) + 0.0
    fractions = np.round(atoms.get_scaled_positions(), DIGITS) % 1 + 0.0
    text = json.dumps([atoms.get_chemical_symbols(), cell.tolist(), fractions.tolist()])
    return hashlib.sha256(text.encode()).hexdigest()


def freeze(path: str | Path, crystals: Sequence[Atoms]) -> None:
    """Write crystals to `path` (extended XYZ) and their table beside it (`.csv`), sorted by id.

    Each has `info["id"]` and `info["prototype"]`.
    """
    ordered = sorted(crystals, key=lambda atoms: atoms.info["id"])
    with atomic(path) as temporary:
        ase.io.write(temporary, ordered, format="extxyz")
    # Hashes are those of what is read back: text has fewer digits.
    rows = [
        (a.info["id"], a.get_chemical_formula("metal"), a.info["prototype"], crystal_hash(a))
        for a in ase.io.read(path, index=":", format="extxyz")
    ]
    write_csv(Path(path).with_suffix(".csv"), pd.DataFrame(rows, columns=COLUMNS))


def read_frozen(path: str | Path) -> list[Atoms]:
    """Crystals that were frozen, with `info["crystal"]` and `info["prototype"]`.

    Raises ShardError where the file or its table cannot be read, or where they disagree.
    """
    table_path = Path(path).with_suffix(".csv")
    try:
        crystals = ase.io.read(path, index=":", format="extxyz")
        table = pd.read_csv(table_path, dtype=str)[COLUMNS]
    except Exception as error:
        raise ShardError(
            f"{path}: expected frozen crystals with their table {table_path}, found: "
            f"{error or type(error).__name__}"
        ) from error
    found = {str(atoms.info.get("id")): crystal_hash(atoms) for atoms in crystals}
    expected = dict(zip(table["id"], table["sha256"], strict=True))
    wrong = sorted(k for k in found.keys() | expected if found.get(k) != expected.get(k))
    if wrong:
        raise ShardError(
            f"{path}: expected the crystals of {table_path}, found others for {len(wrong)} ids, "
            f"{wrong[:3]} first"
        )
    prototypes = dict(zip(table["id"], table["prototype"], strict=True))
    for atoms in crystals:
        name = str(atoms.info["id"])
        atoms.info = {
            "crystal": f"{prototypes[name]}/{name}",
            "prototype": prototypes[name],
        }
    return crystals
