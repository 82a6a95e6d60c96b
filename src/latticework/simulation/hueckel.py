"""Orbitals of carbon molecules by Hückel's method, and their density in front of a tip.

One π orbital an atom, normal to the molecule; bonds alone couple. Enough for where an orbital has
its lobes (Hands, Dunn & Bates 2010 for C60), not for how the substrate splits its levels.
"""

from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

BOND = 1.6  # longest carbon bond, Å
SHORT, STRONGER = 1.42, 1.1  # the bonds between hexagons of C60 couple by so much more
DEGENERATE = 0.02  # of the coupling: levels nearer than this are one


def pi_orbitals(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Energies (n,) in couplings, the deepest first, orbitals (n, n) as columns, normals (n, 3).

    Atoms with a single neighbour, or with two of them and no conjugation, are not treated apart.
    The normals point away from the middle of the atoms' neighbours.
    """
    bonds = cKDTree(positions).query_pairs(BOND, output_type="ndarray")
    lengths = np.linalg.norm(positions[bonds[:, 0]] - positions[bonds[:, 1]], axis=1)
    hamiltonian = np.zeros((len(positions),) * 2)
    coupling = -np.where(lengths < SHORT, STRONGER, 1.0)
    hamiltonian[bonds[:, 0], bonds[:, 1]] = coupling
    hamiltonian += hamiltonian.T
    energies, orbitals = np.linalg.eigh(hamiltonian)
    return energies, orbitals, _normals(positions)


def _normals(positions: np.ndarray) -> np.ndarray:
    """Normals (n, 3) of the plane through each atom and its three nearest, all on one side."""
    _, near = cKDTree(positions).query(positions, k=4)
    around = positions[near] - positions[near].mean(axis=1, keepdims=True)
    normals = np.linalg.svd(around)[2][:, 2]
    # Of a ball the outside; of a bowl, whose middle is on its axis, the same side everywhere.
    outside = positions - positions.mean(axis=0) - [0, 0, 1e-3]
    bulge = np.sign((normals * outside).sum(axis=1, keepdims=True))
    return normals * np.where(bulge == 0, 1, bulge)


def frontier(energies: np.ndarray, states: str) -> np.ndarray:
    """Numbers of the highest filled or the lowest empty orbitals, all that are degenerate."""
    filled = len(energies) // 2
    if states == "filled":
        return np.flatnonzero(
            (energies > energies[filled - 1] - DEGENERATE) & (np.arange(len(energies)) < filled)
        )
    lowest = filled if len(energies) % 2 == 0 else filled + 1
    return np.flatnonzero(
        (energies < energies[lowest] + DEGENERATE) & (np.arange(len(energies)) >= lowest)
    )


def density(positions: np.ndarray, tips: np.ndarray, decay: float, states: str) -> np.ndarray:
    """Mean of |ψ|² over the frontier orbitals of a molecule at places of the tip (…, 3), in Å.

    Times the number of atoms, so that an atom counts as one where orbitals are spread evenly.
    ψ = Σ c_i (u_i·d) exp(−κ d)/d, with d from atom i to the tip and u_i the atom's normal.
    """
    energies, orbitals, normals = pi_orbitals(positions)
    numbers = frontier(energies, states)
    chosen = orbitals[:, numbers] * np.sqrt(len(positions) / len(numbers))
    flat = tips.reshape(-1, 3)
    total = np.empty(len(flat))
    for start in range(0, len(flat), 20000):
        off = flat[start : start + 20000, None] - positions
        distance = np.linalg.norm(off, axis=2)
        lobe = (off * normals).sum(axis=2) / distance * np.exp(-decay * distance)
        total[start : start + 20000] = ((lobe @ chosen) ** 2).sum(axis=1)
    return total.reshape(tips.shape[:-1])


@lru_cache(maxsize=512)
def stencil(
    atoms: bytes, pixel: float, reach: int, heights: tuple[float, ...], decay: float, states: str
) -> np.ndarray:
    """Density (heights, 2·reach + 1, 2·reach + 1) about a molecule, whose atoms are (n, 3) float32.

    `pixel` in Å; `reach` in px from the molecule's middle; `heights` in Å above it.
    """
    positions = np.frombuffer(atoms, np.float32).reshape(-1, 3).astype(float)
    line = pixel * np.arange(-reach, reach + 1)
    z, y, x = np.meshgrid(heights, line, line, indexing="ij")
    return density(positions, np.stack([x, y, z], axis=-1), decay, states)
