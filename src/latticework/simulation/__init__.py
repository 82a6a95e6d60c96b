"""Atoms → waves, diffraction patterns and pictures: the only modules that import abTEM."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from tqdm import tqdm

from latticework.shards import Array
from latticework.simulation.exit_waves import exit_wave
from latticework.structures import targets


def exit_wave_arrays(
    structures: Sequence[Atoms], parameters: Mapping[str, Any]
) -> dict[str, Array]:
    """Arrays of an exit-wave shard: waves, pixels, and what is to be found with its classes."""
    waves = [
        exit_wave(atoms, **parameters) for atoms in tqdm(structures, desc="exit waves", unit="wave")
    ]
    box = np.array([atoms.cell.lengths()[1::-1] for atoms in structures])
    wanted = [targets(atoms) for atoms in structures]
    ragged = {"positions": "Å", "numbers": "1", "classes": "1"}
    return {
        "wave": Array(np.stack(waves), "1", ("structure", "y", "x")),
        "sampling": Array(box / waves[0].shape, "Å", ("structure", "axis (y, x)")),
    } | {
        name: Array(
            [getattr(t, name) for t in wanted],
            units,
            ("structure", "atom", *(["axis (x, y, z)"] if name == "positions" else [])),
            ragged=True,
        )
        for name, units in ragged.items()
    }


METHODS = {"exit_waves": exit_wave_arrays}
