"""Tunnelling images of structures by a sharp tip, in shards (Tersoff & Hamann 1985).

The current is proportional to the density of states at the middle of the tip's end, which is a sum
over sites: round orbitals that decay as exp(−κ d) and such along x and y for surfaces, Hückel
orbitals for molecules. Left out: a tip with orbitals of its own, the interference of sites, the
electric field, and whatever the substrate does to the levels of a molecule.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms
from tqdm import tqdm

from latticework.config.stm import Simulation
from latticework.shards import Array
from latticework.simulation import hueckel
from latticework.structures import target_arrays

# Heights of the tip at which the density is known, Å around the mean one; between them its
# logarithm is linear, nearly.
SLICES = np.arange(-4.5, 3.1, 1.5)
NEAREST = 1.2  # Å above the topmost sites, below which the tip never is
REACH = 9.0  # Å from a site, or from a molecule's middle, beyond which it adds nothing
FAR = 9.0  # Å: a molecule's radius, nearly, in addition
MODES = ("height", "current")


def simulate(
    structures: Sequence[Atoms], parameters: Mapping[str, Any], device: str = "cpu"
) -> tuple[str, dict[str, Array], dict[str, Any]]:
    """Format, arrays and attributes of a shard of images.

    Parameters
    ----------
    structures
        In square boxes of one size; the vacuum is at +z.
    parameters
        Of `config.stm.Simulation`.
    device
        Not used: sums over sites are done on the CPU.

    Returns
    -------
    str, dict, dict
        "stm_images"; of each structure the tip's height at constant current in Å, and the current
        at constant height over its mean; boxes, and the targets' positions, elements and classes.
    """
    given = Simulation.model_validate(parameters)
    images = [image_of(atoms, given) for atoms in tqdm(structures, desc="images", unit="image")]
    box = np.array([atoms.cell.lengths()[1::-1] for atoms in structures])
    arrays = {
        "image": Array(np.stack(images), "1", ("structure", "mode (height, current)", "y", "x")),
        "box": Array(box, "Å", ("structure", "axis (y, x)")),
    }
    return "stm_images", arrays | target_arrays(structures), {"modes": MODES}


def image_of(atoms: Atoms, given: Simulation) -> np.ndarray:
    """Images (mode, m, m) float32 of one structure: height in Å, and current over its mean."""
    box = float(atoms.cell.lengths()[0])
    size = 2 * round(box / given.sampling / 2)
    specimen = atoms.arrays["specimen"]
    mean = float(atoms.positions[specimen, 2].max()) + given.height
    slices = SLICES[given.height + SLICES >= NEAREST]
    heights = mean + slices
    of_molecules = "density" not in atoms.arrays
    total = (_molecules if of_molecules else _sites)(atoms, given, size, heights)
    if given.substrate:
        plane = atoms.positions[:, 2].min()
        total = (
            total + given.substrate * np.exp(-2 * given.decay * (heights - plane))[:, None, None]
        )
    logs = np.log(np.maximum(total, 1e-300))
    middle = int(np.abs(slices).argmin())
    # The current that is kept is that of one atom of the topmost ones, `height` below the tip.
    height = heights[0] + _crossing(logs, -2 * given.decay * given.height)
    current = np.exp(logs[middle] - logs[middle].max())
    return np.stack([height - height.mean(), current / current.mean()]).astype(np.float32)


def _crossing(logs: np.ndarray, level: float) -> np.ndarray:
    """Height (m, m) over the lowest slice, Å, at which falling logs (slices, m, m) cross a level.

    Beyond the slices the slope of the last two goes on.
    """
    below = (logs > level).sum(axis=0).clip(1, len(logs) - 1)
    before = np.take_along_axis(logs, below[None] - 1, axis=0)[0]
    after = np.take_along_axis(logs, below[None], axis=0)[0]
    share = (before - level) / np.maximum(before - after, 1e-9)
    return (SLICES[1] - SLICES[0]) * (below - 1 + np.clip(share, -2, 3))


def _sites(atoms: Atoms, given: Simulation, size: int, heights: np.ndarray) -> np.ndarray:
    """Density (slices, size, size) of a surface's sites."""
    pixel = float(atoms.cell.lengths()[0]) / size
    reach = int(np.ceil(REACH / pixel))
    total = np.zeros((len(heights), size + 2 * reach, size + 2 * reach))
    steps = np.arange(-reach, reach + 1)
    for place, density, along_x, along_y in zip(
        atoms.positions,
        *(atoms.arrays[name] for name in ("density", "orbital_x", "orbital_y")),
        strict=True,
    ):
        column, row = (round(float(c) / pixel) for c in place[:2])
        x = ((column + steps) * pixel - place[0])[None, None, :]
        y = ((row + steps) * pixel - place[1])[None, :, None]
        z = (heights - place[2])[:, None, None]
        distance = np.sqrt(x**2 + y**2 + z**2)
        # Directed orbitals of the same decay: (x/d)² and (y/d)², 1 on average over directions.
        shape = 1 - along_x - along_y + 3 * (along_x * x**2 + along_y * y**2) / distance**2
        part = density * shape * np.exp(-2 * given.decay * distance)
        row, column = row % size, column % size
        total[:, row : row + len(steps), column : column + len(steps)] += part
    return _folded(total, size, reach)


def _molecules(atoms: Atoms, given: Simulation, size: int, heights: np.ndarray) -> np.ndarray:
    """Density (slices, size, size) of molecules, whose currents add.

    A molecule's orbitals are those of its atoms to a hundredth of an ångström, at a pixel's middle:
    equal ones are computed once. Its place between pixels is kept by moving the atoms.
    """
    pixel = float(atoms.cell.lengths()[0]) / size
    reach = int(np.ceil(FAR / pixel))
    width = 2 * reach + 1
    total = np.zeros((len(heights), size + 2 * reach, size + 2 * reach))
    order = np.argsort(atoms.arrays["column"], kind="stable")
    _, starts = np.unique(atoms.arrays["column"][order], return_index=True)
    for part in np.split(order, starts[1:]):
        positions = atoms.positions[part]
        middle = positions.mean(axis=0)
        column, row = (round(float(c) / pixel) for c in middle[:2])
        anchor = np.array([column * pixel, row * pixel, middle[2]])
        own = np.round(positions - anchor, 2).astype(np.float32)
        above = tuple(np.round(heights - middle[2], 2))
        density = hueckel.stencil(own.tobytes(), pixel, reach, above, given.decay, given.states)
        row, column = row % size, column % size
        total[:, row : row + width, column : column + width] += density
    return _folded(total, size, reach)


def _folded(padded: np.ndarray, size: int, reach: int) -> np.ndarray:
    """A periodic total (slices, size, size) of one with a margin of `reach` px on all sides."""
    rows = (np.arange(padded.shape[1]) - reach) % size
    total = np.zeros((len(padded), size, padded.shape[2]))
    np.add.at(total, (slice(None), rows), padded)
    folded = np.zeros((len(padded), size, size))
    np.add.at(folded, (slice(None), slice(None), rows), total)
    return folded
