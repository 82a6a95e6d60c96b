"""The image of a sheet in a microscope, as a function of its atoms and of the microscope.

A flat sheet is a phase object exp(iφ), where φ is the sum of its atoms' phases. Its Fourier
coefficients are separable, (Ey·Ex)·f(k) with Ex = exp(−2πi kx xj), so that an image costs two small
matrix products and three Fourier transforms. All in torch. Phases are computed in double precision,
waves and images in single, which is twice as fast; sums over an image are in double again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from latticework.electrons import wavelength

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
    "threefold_x": 100.0,  # Å, C23 cos 3φ23
    "threefold_y": 100.0,  # Å, C23 sin 3φ23
    "focal_spread": 10.0,  # Å, 1/e half-width
    "blur": 0.01,  # Å², variance per axis
    "contrast": 0.1,
}
MICROSCOPE = tuple(UNITS)
LENS = MICROSCOPE[:-2]  # what acts on the wave; the rest acts on its intensity


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

    `imaging.optics.transfer_function` of one microscope (parameters,), in the order of MICROSCOPE
    and in its units: smooth in all of them, as amplitudes and angles are not.
    """
    value = {name: optics[number] * UNITS[name] for number, name in enumerate(LENS)}
    lam = wavelength(energy)
    x, y = lam * kx[None], lam * ky[:, None]
    theta2 = x**2 + y**2
    radial = theta2 * (
        -value["defocus"] / 2 + theta2 * (value["cs"] / 4 + theta2 * value["c5"] / 6)
    )
    twofold = 0.5 * (value["astigmatism_x"] * (x**2 - y**2) + 2 * value["astigmatism_y"] * x * y)
    coma = theta2 * (value["coma_x"] * x + value["coma_y"] * y) / 3
    threefold = value["threefold_x"] * (x**3 - 3 * x * y**2)
    threefold = (threefold + value["threefold_y"] * (3 * x**2 * y - y**3)) / 3
    chi = (2 * math.pi / lam) * (radial + twofold + coma + threefold)
    envelope = torch.exp(-((math.pi * value["focal_spread"] / (2 * lam) * theta2) ** 2))
    return envelope * turned(-chi)


def turned(angle: torch.Tensor) -> torch.Tensor:
    """exp(iα), several times faster than by torch's complex exponential."""
    return torch.complex(angle.cos(), angle.sin())


def sheet_phase(grid: Grid, positions: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """φ (ny, nx), rad, of atoms (n, 2) in Å of classes (n,) from 0 on."""
    turn = -2 * math.pi
    half = grid.shape[1] // 2 + 1  # φ is real: the other half of its spectrum says the same
    spectrum = torch.zeros((), dtype=torch.complex64)
    for number, factor in enumerate(grid.factors):
        chosen = positions[classes == number]
        rows = turned(turn * grid.ky[:, None] * chosen[None, :, 1])
        columns = turned(turn * chosen[:, :1] * grid.kx[None, :half])
        found = rows.to(torch.complex64) @ columns.to(torch.complex64)
        spectrum = spectrum + found * factor[:, :half].float()
    return torch.fft.irfft2(spectrum, s=grid.shape) / grid.sampling**2


def image_wave(grid: Grid, exit_wave: torch.Tensor, optics: torch.Tensor) -> torch.Tensor:
    """The wave (ny, nx) in the image plane."""
    through = transfer(grid.ky, grid.kx, grid.energy, optics)
    return torch.fft.ifft2(torch.fft.fft2(exit_wave) * through.to(exit_wave.dtype))


def recording(grid: Grid, optics: torch.Tensor) -> torch.Tensor:
    """What becomes of the intensity's frequencies (ny, nx // 2 + 1): its contrast, blurred."""
    blur, contrast = optics[-2] * UNITS["blur"], optics[-1] * UNITS["contrast"]
    square = grid.ky[:, None] ** 2 + grid.kx[None, : grid.shape[1] // 2 + 1] ** 2
    return contrast * torch.exp(-2 * math.pi**2 * blur * square)


def contrast_spectrum(grid: Grid, exit_wave: torch.Tensor, optics: torch.Tensor) -> torch.Tensor:
    """Spectrum of a wave's image in a microscope (parameters,), less that of vacuum.

    (ny, nx // 2 + 1): the image is real.
    """
    wave = image_wave(grid, exit_wave, optics)
    return torch.fft.rfft2(wave.real**2 + wave.imag**2 - 1) * recording(grid, optics).float()


def sheet_wave(grid: Grid, positions: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """Exit wave exp(iφ) (ny, nx) of atoms (n, 2) in Å of classes (n,) from 0 on."""
    phase = sheet_phase(grid, positions, classes)
    return turned(phase)


def in_units(values: Sequence[float]) -> torch.Tensor:
    """A microscope (parameters,) as the functions above take it, from values in Å, Å² and 1."""
    units = torch.tensor(list(UNITS.values()), dtype=torch.float64)
    return torch.as_tensor(values, dtype=torch.float64) / units


def in_physical_units(optics: torch.Tensor) -> torch.Tensor:
    """The reverse of `in_units`; also for standard deviations."""
    return optics * torch.tensor(list(UNITS.values()), dtype=torch.float64)
