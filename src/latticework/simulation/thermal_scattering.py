"""Thermal diffuse scattering of single atoms, from which annular dark-field images arise.

An atom that vibrates on its site scatters electrons out of the Bragg beams. What lands on a
detector is, for a thick crystal, the sum over its atoms of the electron density at the atom times a
cross-section as narrow as the vibration: the Einstein model with a local potential (Pennycook &
Jesson 1991). Lengths are in Å, reciprocal lengths in 1/Å without 2π.
"""

import numpy as np

from latticework.electrons import wavelength
from latticework.simulation.form_factors import form_factor

REST_ENERGY = 510998.95  # of an electron, eV
ANGLES, RADII = 48, 400  # of the quadrature over a detector
FURTHEST = 10.0  # 1/Å; beyond, atoms scatter next to nothing
FITTED = np.linspace(0, 2, 9)  # 1/Å, where a kernel's Gaussian is fitted


def scattering_phase(element: str, energy: float, squares: np.ndarray) -> np.ndarray:
    """Fourier transform of an atom's phase shift, Å², at squared frequencies in 1/Å².

    γλ f_e(k), where f_e is `form_factors.form_factor`.
    """
    return (1 + energy / REST_ENERGY) * wavelength(energy) * form_factor(element, squares)


def debye_waller(squares: np.ndarray, sigma: float) -> np.ndarray:
    """exp(−2π²σ²k²) for an RMS displacement σ per axis in Å."""
    return np.exp(-2 * np.pi**2 * sigma**2 * squares)


def kernel(
    element: str,
    frequencies: np.ndarray,
    *,
    energy: float,
    sigma: float,
    detector: tuple[float, float],
) -> np.ndarray:
    """Fourier transform W(K) (n,) of an atom's thermal cross-section, Å².

    W(K) = ∫ φ(g + K/2) φ(g − K/2) [M(K) − M(g + K/2) M(g − K/2)] d²g over the detector, where φ is
    `scattering_phase` and M `debye_waller`. W(0) is the cross-section for uniform illumination.

    Parameters
    ----------
    element
        Chemical symbol.
    frequencies
        K, (n,) 1/Å.
    energy
        eV.
    sigma
        RMS displacement per axis, Å.
    detector
        Inner and outer angle, mrad.
    """
    inner, outer = (min(angle * 1e-3 / wavelength(energy), FURTHEST) for angle in detector)
    edges = np.linspace(inner, outer, RADII + 1)
    radius = (edges[1:] + edges[:-1]) / 2
    angle = 2 * np.pi * (np.arange(ANGLES) + 0.5) / ANGLES
    area = (np.diff(edges) * radius * 2 * np.pi / ANGLES)[:, None]
    shift = frequencies[:, None, None] / 2
    x, y = radius[:, None] * np.cos(angle), radius[:, None] * np.sin(angle)
    ahead, behind = (x + shift) ** 2 + y**2, (x - shift) ** 2 + y**2
    thermal = debye_waller(frequencies[:, None, None] ** 2, sigma)
    thermal = thermal - debye_waller(ahead + behind, sigma)
    scattered = scattering_phase(element, energy, ahead) * scattering_phase(element, energy, behind)
    return (scattered * thermal * area).sum(axis=(1, 2))


def cross_section(
    element: str, *, energy: float, sigma: float, detector: tuple[float, float]
) -> tuple[float, float]:
    """Cross-section in Å² and the RMS width per axis in Å of the Gaussian nearest to its kernel.

    Arguments as in `kernel`. The fit is by least squares of log W over K² up to 2 1/Å, beyond which
    an electron wave in a crystal has little.
    """
    values = kernel(element, FITTED, energy=energy, sigma=sigma, detector=detector)
    logs = np.log(values / values[0])
    slope = (logs * FITTED**2).sum() / (FITTED**4).sum()
    return float(values[0]), float(np.sqrt(max(-slope, 0) / (2 * np.pi**2)))
