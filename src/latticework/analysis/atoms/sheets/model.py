"""The image of a sheet in a microscope, as a function of its atoms and of the microscope.

A flat sheet is a phase object exp(iφ), where φ is the sum of its atoms' phases. Its Fourier
coefficients are separable, (Ey·Ex)·f(k) with Ex = exp(−2πi kx xj), so that an image costs two small
matrix products and three Fourier transforms. All in torch and double precision.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from latticework.imaging.electrons import wavelength

# What is fitted of the microscope, with the unit of the step in which it is measured inside.
# `contrast` is the camera's and the beam's; `blur` a variance, of vibration and of the camera.
UNITS = {
    "defocus": 10.0,  # Å, positive is underfocus
    "cs": 1e4,  # Å
    "c5": 1e7,  # Å
    "astigmatism_x": 10.0,  # Å, C12 cos 2φ12
    "astigmatism_y": 10.0,  # Å, C12 sin 2φ12
    "coma_x": 100.0,  # Å, C21 cos φ21
    "coma_y": 100.0,  # Å, C21 sin φ21
    "focal_spread": 10.0,  # Å, 1/e half-width
    "blur": 0.01,  # Å², variance per axis
    "contrast": 0.1,
}
MICROSCOPE = tuple(UNITS)


@dataclass(frozen=True)
class Grid:
    """A periodic field of ny × nx px, and the frequencies that it holds.

    Parameters
    ----------
    shape
        ny, nx.
    sampling
        Pixel, Å.
    energy
        eV.
    factors
        (classes, ny, nx), `simulation.phase_objects.phase_factor` of each class of atoms, rad·Å².
    """

    shape: tuple[int, int]
    sampling: float
    energy: float
    factors: torch.Tensor

    @property
    def ky(self) -> torch.Tensor:
        return torch.fft.fftfreq(self.shape[0], self.sampling, dtype=torch.float64)

    @property
    def kx(self) -> torch.Tensor:
        return torch.fft.fftfreq(self.shape[1], self.sampling, dtype=torch.float64)


def frequencies(shape: tuple[int, int], sampling: float) -> torch.Tensor:
    """|k| (ny, nx) of a grid in FFT order, 1/Å."""
    ky, kx = (torch.fft.fftfreq(n, sampling, dtype=torch.float64) for n in shape)
    return torch.hypot(ky[:, None], kx[None])


def transfer(
    ky: torch.Tensor, kx: torch.Tensor, energy: float, optics: torch.Tensor
) -> torch.Tensor:
    """exp(−iχ) times the envelope of the focal spread, at frequencies (ny,) and (nx,), 1/Å.

    As `imaging.optics.transfer_function`, with axial coma C21 (χ ∋ ⅓θ³ C21 cos(φ − φ21)); of one
    microscope, (10,) in the order of MICROSCOPE in its units. Smooth in all of them.
    """
    defocus, cs, c5, even, odd, coma_x, coma_y, spread = (
        optics[number] * unit for number, unit in enumerate(list(UNITS.values())[:8])
    )
    lam = wavelength(energy)
    x, y = lam * kx[None], lam * ky[:, None]
    theta2 = x**2 + y**2
    radial = theta2 * (-defocus / 2 + theta2 * (cs / 4 + theta2 * c5 / 6))
    twofold = 0.5 * (even * (x**2 - y**2) + 2 * odd * x * y)
    coma = theta2 * (coma_x * x + coma_y * y) / 3
    chi = (2 * math.pi / lam) * (radial + twofold + coma)
    envelope = torch.exp(-((math.pi * spread / (2 * lam) * theta2) ** 2))
    return torch.polar(envelope, -chi)


def sheet_phase(grid: Grid, positions: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """φ (ny, nx), rad, of atoms (n, 2) in Å of classes (n,) from 0 on."""
    turn = -2j * math.pi
    spectrum = torch.zeros((), dtype=torch.complex128)
    for number, factor in enumerate(grid.factors):
        chosen = positions[classes == number]
        rows = torch.exp(turn * grid.ky[:, None] * chosen[None, :, 1])
        columns = torch.exp(turn * chosen[:, :1] * grid.kx[None])
        spectrum = spectrum + (rows @ columns) * factor
    # The Nyquist frequency of an even number of pixels has no opposite: only the real part counts.
    return torch.fft.ifft2(spectrum).real / grid.sampling**2


def image_wave(grid: Grid, exit_wave: torch.Tensor, optics: torch.Tensor) -> torch.Tensor:
    """The wave (ny, nx) in the image plane."""
    through = transfer(grid.ky, grid.kx, grid.energy, optics)
    return torch.fft.ifft2(torch.fft.fft2(exit_wave) * through)


def recording(grid: Grid, optics: torch.Tensor) -> torch.Tensor:
    """What becomes of the intensity's frequencies (ny, nx): its contrast, blurred."""
    blur, contrast = optics[8] * UNITS["blur"], optics[9] * UNITS["contrast"]
    square = grid.ky[:, None] ** 2 + grid.kx[None] ** 2
    return contrast * torch.exp(-2 * math.pi**2 * blur * square)


def contrast_spectrum(
    grid: Grid, positions: torch.Tensor, classes: torch.Tensor, optics: torch.Tensor
) -> torch.Tensor:
    """Spectrum (ny, nx) of the image of atoms (n, 2) in Å in a microscope (10,), less vacuum."""
    phase = sheet_phase(grid, positions, classes)
    wave = image_wave(grid, torch.polar(torch.ones_like(phase), phase), optics)
    return torch.fft.fft2(wave.real**2 + wave.imag**2 - 1) * recording(grid, optics)


def in_units(values: Sequence[float]) -> torch.Tensor:
    """A microscope (10,) as the functions above take it, from values in Å, Å² and 1."""
    units = torch.tensor(list(UNITS.values()), dtype=torch.float64)
    return torch.as_tensor(values, dtype=torch.float64) / units


def in_physical_units(optics: torch.Tensor) -> torch.Tensor:
    """The reverse of `in_units`; also for standard deviations."""
    return optics * torch.tensor(list(UNITS.values()), dtype=torch.float64)
