"""What a thin sheet does to the electron wave: the phase that each of its atoms adds."""

import numpy as np
from ase.formula import Formula


def phase_factor(
    symbols: str, frequencies: np.ndarray, energy: float, thermal_sigma: float
) -> np.ndarray:
    """Fourier transform of the phase shift of atoms on top of each other, in rad·Å².

    σ times the projected potential, whose factor is Lobato's and Van Dyck's (Acta Cryst. A 70, 636,
    2014), as in `simulation.multislice`, with the Debye–Waller factor.

    Parameters
    ----------
    symbols
        A formula, such as C or S2.
    frequencies
        |k|, 1/Å, of any shape.
    energy
        eV.
    thermal_sigma
        RMS displacement per axis, Å.

    Raises ValueError for what is no formula.
    """
    # Imported here: what names this module is read by every configuration.
    from latticework.simulation.thermal_scattering import debye_waller, scattering_phase

    squares = np.asarray(frequencies, dtype=float) ** 2
    total = np.zeros(squares.shape)
    for symbol, number in Formula(symbols).count().items():
        total += number * scattering_phase(symbol, energy, squares)
    return total * debye_waller(squares, thermal_sigma)
