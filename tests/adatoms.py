"""Scans of a simulated surface whose missing adatoms are known."""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from latticework import materials
from latticework.config.stm import Simulation
from latticework.simulation.stm import image_of
from latticework.structures import surfaces

MATERIAL, BOX, PIXEL, SIZE = "silicon_111", 137.0, 0.75, 200

TURN = np.array([[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]])


def scan_of(
    seed: int, noise: float
) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """A scan that drift has bent; (n, 2) Å of the adatoms; and what takes px to Å.

    `noise` is that of pixels, and of lines, over the corrugation.
    """
    material = materials.load(MATERIAL)
    given = {"kind": "silicon_7x7", "box": BOX, "missing": [0.06, 0.06], "adsorbates": [0, 0]}
    atoms = surfaces.make_shard(given, material, seed, "motif", "test", range(1))[0]
    height = image_of(atoms, Simulation(sampling=0.5, height=4.0))[0]

    def in_angstrom(places):
        x, y = np.moveaxis(np.asarray(places, dtype=float), -1, 0)
        down = y / SIZE
        bent = PIXEL * np.stack([x + 12 * down + 8 * down**2, 0.9 * y - 6 * down**2], axis=-1)
        # Rows along the lines would be levelled away.
        return bent @ TURN

    rows, columns = np.mgrid[:SIZE, :SIZE]
    x, y = np.moveaxis(in_angstrom(np.stack([columns, rows], axis=-1)) / BOX * len(height), -1, 0)
    smooth = ndimage.gaussian_filter(height, 0.6, mode="wrap")
    image = ndimage.map_coordinates(smooth, [y, x], order=1, mode="grid-wrap")
    rng = np.random.default_rng(seed)
    image = image / image.std() + noise * rng.normal(size=image.shape)
    image += noise * rng.normal(size=(SIZE, 1)) + np.linspace(0, 5, SIZE)
    return image, atoms.positions[:, :2], in_angstrom
