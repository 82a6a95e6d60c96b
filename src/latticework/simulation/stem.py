"""Scanning transmission images of structures by a perfect probe, in shards."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from tqdm import tqdm

from latticework import names
from latticework.config.stem import Simulation
from latticework.shards import Array
from latticework.structures import target_arrays


def simulate(
    structures: Sequence[Atoms], parameters: Mapping[str, Any], device: str = "cpu"
) -> tuple[str, dict[str, Array], dict[str, Any]]:
    """Format, arrays and attributes of a shard of images.

    Parameters
    ----------
    structures
        In square boxes of one size; the beam runs along +z.
    parameters
        Of `config.stem.Simulation`.
    device
        "cpu" or "gpu".

    Returns
    -------
    str, dict, dict
        "stem_images"; the share of the beam that each detector collects, boxes, and the targets'
        positions, elements and classes; no attributes.
    """
    given = Simulation.model_validate(parameters)
    images = [
        image_of(atoms, given, device) for atoms in tqdm(structures, desc="images", unit="image")
    ]
    box = np.array([atoms.cell.lengths()[1::-1] for atoms in structures])
    arrays = {
        "image": Array(np.stack(images), "1", ("structure", "detector", "y", "x")),
        "box": Array(box, "Å", ("structure", "axis (y, x)")),
    }
    return "stem_images", arrays | target_arrays(structures), {"detectors": given.detectors}


def image_of(atoms: Atoms, given: Simulation, device: str = "cpu") -> np.ndarray:
    """Images (detector, ny, nx) of one structure by the method of the simulation."""
    method = names.load("simulation", given.method["name"])
    return method.image(
        atoms,
        given.of_method(),
        energy=given.energy,
        semiangle=given.semiangle,
        detectors=given.detectors,
        device=device,
    )
