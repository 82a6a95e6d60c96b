"""Electrons: their wavelength."""

import math

PLANCK = 6.62607015e-34
ELECTRON_MASS = 9.1093837015e-31
ELEMENTARY_CHARGE = 1.602176634e-19
LIGHT_SPEED = 299792458.0


def wavelength(energy: float) -> float:
    """Relativistic de Broglie wavelength in Å of an electron of `energy` eV."""
    rest = 2 * ELECTRON_MASS * LIGHT_SPEED**2
    momentum = math.sqrt(
        ELEMENTARY_CHARGE * energy * (rest + ELEMENTARY_CHARGE * energy) / LIGHT_SPEED**2
    )
    return PLANCK / momentum * 1e10
