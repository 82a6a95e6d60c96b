"""Exit waves of structures for high-resolution images (Madsen 2018, §2.3)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from ase import Atoms
from tqdm import tqdm

from latticework.config.exit_waves import Simulation
from latticework.shards import Array
from latticework.structures import target_arrays


def wave_maker(parameters: Mapping[str, Any], device: str = "cpu") -> Callable[[Atoms], np.ndarray]:
    """Function that gives the exit wave (ny, nx) of a structure; arguments as in `simulate`."""
    from latticework.simulation.multislice import exit_wave

    return partial(exit_wave, **Simulation.model_validate(parameters).model_dump(), device=device)


def simulate(
    structures: Sequence[Atoms], parameters: Mapping[str, Any], device: str = "cpu"
) -> tuple[str, dict[str, Array], dict[str, Any]]:
    """Format, arrays and attributes of a shard of exit waves.

    Parameters
    ----------
    structures
        In boxes of one size; the beam runs along +z.
    parameters
        Of `config.exit_waves.Simulation`.
    device
        "cpu" or "gpu".

    Returns
    -------
    str, dict, dict
        "exit_waves"; waves, their pixels and the targets' positions, elements and classes; no
        attributes.
    """
    make = wave_maker(parameters, device)
    waves = [make(atoms) for atoms in tqdm(structures, desc="exit waves", unit="wave")]
    box = np.array([atoms.cell.lengths()[1::-1] for atoms in structures])
    arrays = {
        "wave": Array(np.stack(waves), "1", ("structure", "y", "x")),
        "sampling": Array(box / waves[0].shape, "Å", ("structure", "axis (y, x)")),
    }
    return "exit_waves", arrays | target_arrays(structures), {}
