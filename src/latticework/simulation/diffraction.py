"""Convergent-beam diffraction patterns of thick crystals (Munshi 2022, Methods)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from tqdm import tqdm

from latticework.config.thick_crystals import Simulation
from latticework.shards import Array
from latticework.structures.orientations import fill_box

PIXELS = ("y", "x")
BRIGHTEST = "brightest pixel of the probe"  # the unit of patterns


def simulate(
    structures: Sequence[Atoms], parameters: Mapping[str, Any], device: str = "cpu"
) -> tuple[str, dict[str, Array], dict[str, Any]]:
    """Format, arrays and attributes of a shard of diffraction patterns.

    Patterns and probes are divided by the probe's largest pixel, so that a probe is one at its
    brightest, whatever its semiangle.

    Parameters
    ----------
    structures
        Crystals' cells with an orientation.
    parameters
        Of `config.thick_crystals.Simulation`.
    device
        "cpu" or "gpu".

    Returns
    -------
    str, dict, dict
        "diffraction"; patterns, probes, structure factors and what they belong to; `crystals`,
        the name of each structure's crystal.
    """
    from latticework.simulation.structure_factors import crystal_structure_factors
    from latticework.simulation.thick_crystals import diffraction_patterns

    settings = Simulation.model_validate(parameters)
    step = settings.binning / settings.box
    every = settings.thickness_step
    thickness = every * np.arange(1, round(settings.height / every) + 1)
    shape = len(structures), len(settings.semiangles), len(thickness), settings.size, settings.size
    # A shard is about a gigabyte: written in place, not collected and copied.
    patterns = np.empty(shape, dtype=np.float32)
    truths, probes = [], None
    for number, atoms in enumerate(tqdm(structures, desc="diffraction", unit="orientation")):
        recorded, vacuum = diffraction_patterns(
            fill_box(atoms, (settings.box, settings.box, settings.height)),
            energy=settings.energy,
            gpts=settings.gpts,
            size=settings.size,
            binning=settings.binning,
            slice_thickness=settings.slice_thickness,
            thickness_step=every,
            semiangles=settings.semiangles,
            device=device,
        )
        brightest = vacuum.max(axis=(-2, -1))
        probes = vacuum / brightest[:, None, None]
        patterns[number] = recorded / brightest[:, None, None, None]
        truths.append(
            crystal_structure_factors(
                atoms,
                atoms.info["orientation"],
                energy=settings.energy,
                size=settings.size,
                step=step,
                sigma=settings.excitation_sigma,
                ewald=settings.ewald,
                taper=settings.taper,
            )
        )
    arrays = {
        "pattern": Array(patterns, BRIGHTEST, ("orientation", "semiangle", "thickness", *PIXELS)),
        "probe": Array(probes, BRIGHTEST, ("semiangle", *PIXELS)),
        "structure_factors": Array(np.stack(truths), "V", ("orientation", *PIXELS)),
        "thickness": Array(thickness, "Å", ("thickness",)),
        "semiangle": Array(np.array(settings.semiangles, float), "mrad", ("semiangle",)),
        "reciprocal_sampling": Array(np.array(step), "1/Å", ()),
    }
    attributes = {"crystals": [str(atoms.info["crystal"]) for atoms in structures]}
    return "diffraction", arrays | orientation_arrays(structures), attributes


def orientation_arrays(structures: Sequence[Atoms]) -> dict[str, Array]:
    """Orientations of crystals and their zone axes, [0, 0, 0] off a zone axis."""
    info = [atoms.info for atoms in structures]
    orientations = np.stack([i["orientation"] for i in info])
    axes = np.stack([i["zone_axis"] for i in info])
    return {
        "orientation": Array(orientations, "1", ("orientation", "lab", "crystal")),
        "zone_axis": Array(axes, "1", ("orientation", "index")),
    }
