"""Atoms → waves, diffraction patterns and pictures: the only modules that import abTEM."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from tqdm import tqdm

from latticework.shards import Array
from latticework.simulation.exit_waves import exit_wave
from latticework.structures import classes_of


def exit_wave_arrays(
    structures: Sequence[Atoms], parameters: Mapping[str, Any]
) -> dict[str, Array]:
    """Arrays of an exit-wave shard: waves, pixels, and the visible atoms with their classes."""
    waves = [
        exit_wave(atoms, **parameters) for atoms in tqdm(structures, desc="exit waves", unit="wave")
    ]
    box = np.array([atoms.cell.lengths()[1::-1] for atoms in structures])
    visible = [atoms[atoms.arrays["visible"]] for atoms in structures]
    return {
        "wave": Array(np.stack(waves), "1", ("structure", "y", "x")),
        "sampling": Array(box / waves[0].shape, "Å", ("structure", "axis (y, x)")),
        "positions": Array(
            [atoms.positions for atoms in visible],
            "Å",
            ("structure", "atom", "axis (x, y, z)"),
            ragged=True,
        ),
        "numbers": Array(
            [atoms.numbers for atoms in visible], "1", ("structure", "atom"), ragged=True
        ),
        "classes": Array(
            [classes_of(atoms) for atoms in structures], "1", ("structure", "atom"), ragged=True
        ),
    }


METHODS = {"exit_waves": exit_wave_arrays}
