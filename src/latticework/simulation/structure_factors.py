"""Structure factors that a diffraction pattern would show without multiple scattering.

The truth of Munshi 2022 (Methods, "Dynamical diffraction library"): the crystal's Fourier
coefficients V_g, each weighted by a Gaussian of its distance from the Ewald sphere, drawn where its
projection lies: here in closed form for a perfect crystal. Lengths are in Å, reciprocal lengths in
1/Å without 2π, V_g in volts.
"""

import math

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from latticework.electrons import wavelength
from latticework.simulation.form_factors import form_factor

# h²/(2π m e) in V Å²: turns a scattering factor (Å) over a volume (Å³) into volts.
VOLTS = 47.87801
FAINT = 1e-3


def excitation_error(g: np.ndarray, energy: float, ewald: bool) -> np.ndarray:
    """Distance along the beam of reciprocal vectors (..., 3) from the Ewald sphere, 1/Å.

    s = g_z + λ|g_xy|²/2 for a beam along +z, the sphere as multislice sees it (paraxial); without
    `ewald` the distance g_z from the plane through the origin.
    """
    if not ewald:
        return g[..., 2]
    return g[..., 2] + 0.5 * wavelength(energy) * (g[..., :2] ** 2).sum(axis=-1)


def reciprocal_vectors(cell: np.ndarray, radius: float) -> np.ndarray:
    """Indices (n, 3) of all reciprocal lattice vectors no longer than `radius` 1/Å."""
    # h = g·a, so |h| ≤ |g||a|.
    most = np.floor(radius * np.linalg.norm(cell, axis=1)).astype(int)
    grid = np.meshgrid(*(np.arange(-m, m + 1) for m in most), indexing="ij")
    indices = np.stack(grid, axis=-1).reshape(-1, 3)
    return indices[np.linalg.norm(indices @ np.linalg.inv(cell).T, axis=1) <= radius]


def fourier_coefficients(atoms: Atoms, indices: np.ndarray) -> np.ndarray:
    """Complex V_g (n,) in volts of a crystal's potential for reciprocal vectors hkl (n, 3)."""
    squares = ((indices @ np.linalg.inv(atoms.cell[:]).T) ** 2).sum(axis=1)
    total = np.zeros(len(indices), complex)
    for number in np.unique(atoms.numbers):
        fractions = atoms.get_scaled_positions()[atoms.numbers == number]
        phases = np.exp(-2j * np.pi * indices @ fractions.T).sum(axis=1)
        total += form_factor(chemical_symbols[number], squares) * phases
    return VOLTS * total / atoms.get_volume()


def crystal_peaks(
    atoms: Atoms,
    orientation: np.ndarray,
    *,
    energy: float,
    radius: float,
    sigma: float,
    ewald: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Projected reciprocal vectors (n, 2) in 1/Å and their weighted |V_g| (n,) in volts.

    Parameters
    ----------
    atoms
        A cell of the crystal.
    orientation
        (3, 3), turns its Cartesian coordinates into those with the beam along +z.
    radius
        Largest |g_xy|, 1/Å.
    sigma
        Standard deviation of the weight exp(−s²/2σ²) about the Ewald sphere, 1/Å.

    Peaks weaker than a thousandth of the strongest (which is V_0) are left out.
    """
    # The sphere is λ r²/2 away from the plane at the radius r: at most this far out along the beam.
    depth = 4 * sigma + 0.5 * wavelength(energy) * radius**2
    indices = reciprocal_vectors(atoms.cell[:], math.hypot(radius, depth))
    g = indices @ np.linalg.inv(atoms.cell[:]).T @ np.asarray(orientation).T
    s = excitation_error(g, energy, ewald)
    near = (np.abs(s) < 4 * sigma) & (np.hypot(g[:, 0], g[:, 1]) <= radius)
    indices, g, s = indices[near], g[near], s[near]
    values = np.abs(fourier_coefficients(atoms, indices)) * np.exp(-0.5 * (s / sigma) ** 2)
    strong = values > FAINT * values.max()
    return g[strong, :2], values[strong]


def tukey_transform(frequency: np.ndarray, taper: float) -> np.ndarray:
    """Fourier transform of a Tukey window of length 1, one at zero; frequency in 1/length.

    The window is a box of length 1 − taper/2 convolved with half a cosine of length taper/2.
    """
    u = np.asarray(frequency, dtype=float) * (taper / 2)
    pole = np.isclose(np.abs(u), 0.5)
    # The half cosine's transform, cos πu/(1 − 4u²), is π/4 at its removable poles.
    cosine = np.where(pole, np.pi / 4, np.cos(np.pi * u) / np.where(pole, 1, 1 - 4 * u**2))
    return np.sinc(frequency * (1 - taper / 2)) * cosine


def centred_frequencies(size: int, step: float) -> np.ndarray:
    """Frequencies (size,) of a shifted spectrum: zero at index size // 2."""
    return (np.arange(size) - size // 2) * step


def draw_peaks(
    positions: np.ndarray, values: np.ndarray, size: int, step: float, taper: float
) -> np.ndarray:
    """Peaks at (x, y) 1/Å on a grid (size, size); rows are y, zero frequency at size // 2.

    A peak has its value at its maximum and the shape of the transform of a Tukey window as wide as
    the field of view 1/`step`. `taper` is the cosine-shaped share of it.
    """
    frequencies = centred_frequencies(size, step)
    x, y = (np.abs(tukey_transform((frequencies - p[:, None]) / step, taper)) for p in positions.T)
    return ((y * values[:, None]).T @ x).astype(np.float32)


def crystal_structure_factors(
    atoms: Atoms,
    orientation: np.ndarray,
    *,
    energy: float,
    size: int,
    step: float,
    sigma: float,
    ewald: bool,
    taper: float,
) -> np.ndarray:
    """Structure factors (size, size) in volts of a perfect crystal, in closed form.

    `step` is the pixel in 1/Å; other parameters are those of `crystal_peaks` and `draw_peaks`.
    The paper's truth grows in proportion to the thickness; ours is that of unit thickness.
    """
    positions, values = crystal_peaks(
        atoms,
        orientation,
        energy=energy,
        radius=size / math.sqrt(2) * step,
        sigma=sigma,
        ewald=ewald,
    )
    return draw_peaks(positions, values, size, step, taper)
