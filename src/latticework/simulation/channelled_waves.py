"""Annular dark-field images of thick crystals from a scattering matrix (Ophus 2017).

Plane waves of the aperture go through the crystal slice by slice. At every slice the probe of each
scan position is put together from them at the atoms, whose thermal cross-sections say what reaches
the detector: no high angles need to be propagated, and one pass replaces an average over frozen
phonons. tests/physics/test_thick_crystals.py compares it with abTEM's. Lengths are in Å,
frequencies in 1/Å.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from abtem.core.energy import energy2wavelength
from ase import Atoms
from scipy.fft import next_fast_len

from latticework.simulation.channelling import Parameters
from latticework.simulation.thermal_scattering import (
    cross_section,
    debye_waller,
    kernel,
    scattering_phase,
)

BAND = 2 / 3  # of the grid's Nyquist frequency: products of waves and potentials do not alias
EVERYWHERE = (0.0, 1000.0)  # mrad: a detector that all scattered electrons hit
# Seven points of equal moments to the fifth order as a Gaussian of unit width per axis.
RING = np.array([[np.cos(a), np.sin(a)] for a in np.arange(6) * np.pi / 3])
POINTS = np.concatenate([np.zeros((1, 2)), 2 * RING])
WEIGHTS = np.array([1 / 2] + 6 * [1 / 12])
TAPS = 8  # of the interpolation of a wave between its pixels, along each axis
KAISER = 6.5  # shape of its window
CHUNK = 32  # plane waves, or atoms, at a time


@dataclass(frozen=True)
class Grid:
    """Grids of a square box: `waves` pixels a side, `image` scan positions a side, beams (n, 2).

    `beams` are integers in units of `interpolation`/box, the plane waves within the aperture.
    """

    box: float
    waves: int
    image: int
    interpolation: int
    beams: np.ndarray

    @property
    def window(self) -> int:
        """Scan positions across the window in which an atom is seen."""
        return self.image // self.interpolation

    @property
    def pixel(self) -> float:
        """Pixel of the waves, Å."""
        return self.box / self.waves


def grid(box: float, energy: float, semiangle: float, parameters: Parameters) -> Grid:
    """Grids for a box; `semiangle` in mrad. Images are sampled as coarsely as their band allows."""
    interpolation = parameters.interpolation
    radius = semiangle * 1e-3 / energy2wavelength(energy)
    most = radius * box / interpolation
    line = np.arange(-math.floor(most), math.floor(most) + 1)
    beams = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    beams = beams[(beams**2).sum(axis=1) <= most**2]
    # |ψ|² of frequencies up to ±2m needs more than 4m samples.
    window = fast_size(4 * math.floor(most) + 2)
    return Grid(
        box,
        fast_size(round(box / parameters.sampling)),
        window * interpolation,
        interpolation,
        beams,
    )


def fast_size(least: int) -> int:
    """The next even size whose Fourier transform is fast."""
    return 2 * next_fast_len(math.ceil(least / 2), real=True)


@dataclass(frozen=True)
class Scatterers:
    """How the atoms of a box scatter.

    `phases` and `losses` (n, n) by element are Fourier transforms of an atom's phase shift and of
    what it takes from the wave, Å², both with its vibration; `sections` (detectors, 2) are its
    cross-sections for the detectors, Å², and their widths, Å.
    """

    phases: Mapping[str, np.ndarray]
    losses: Mapping[str, np.ndarray]
    sections: Mapping[str, np.ndarray]


def scatterers(
    elements: Iterable[str],
    frequencies: np.ndarray,
    *,
    energy: float,
    detectors: Iterable[tuple[float, float]],
    vibration: Mapping[str, float],
) -> Scatterers:
    """Scattering of elements at the frequencies (n,) of both axes of a grid, 1/Å.

    `vibration` has the RMS displacement per axis of each element, Å. Raises ValueError where it
    lacks one.
    """
    phases, losses, sections = {}, {}, {}
    squares = frequencies[:, None] ** 2 + frequencies**2
    line = np.linspace(0, np.sqrt(squares.max()), 65)
    for element in elements:
        if element not in vibration:
            raise ValueError(
                f"vibration: no RMS displacement of {element}; there are those of {list(vibration)}"
            )
        sigma = vibration[element]
        damping = debye_waller(squares, sigma)
        phases[element] = scattering_phase(element, energy, squares) * damping
        lost = kernel(element, line, energy=energy, sigma=sigma, detector=EVERYWHERE)
        losses[element] = np.interp(np.sqrt(squares), line, lost)
        sections[element] = np.array(
            [cross_section(element, energy=energy, sigma=sigma, detector=d) for d in detectors]
        )
    return Scatterers(phases, losses, sections)


def transmission(
    atoms: Atoms, frequencies: np.ndarray, scattering: Scatterers, kept: np.ndarray
) -> np.ndarray:
    """Transmission function (n, n) of the atoms of a slice, within the band `kept` (n, n)."""
    phase, loss = np.zeros(kept.shape, complex), np.zeros(kept.shape, complex)
    symbols = np.array(atoms.get_chemical_symbols())
    for element in np.unique(symbols):
        x, y = atoms.positions[symbols == element, :2].T
        waves_x = np.exp(-2j * np.pi * x[:, None] * frequencies)
        waves_y = np.exp(-2j * np.pi * y[:, None] * frequencies)
        sites = waves_y.T @ waves_x
        phase += sites * scattering.phases[element]
        loss += sites * scattering.losses[element]
    per_pixel = kept.size / atoms.cell.lengths()[:2].prod()
    phase, loss = (np.fft.ifft2(s * kept).real * per_pixel for s in (phase, loss))
    return np.fft.ifft2(np.fft.fft2(np.exp(1j * phase - loss / 2)) * kept)


def taps(places: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (n, TAPS) and weights that interpolate a periodic, band-limited line at `places` (n,).

    Places are in pixels; the weights are those of a sinc in a Kaiser window.
    """
    first = np.floor(places).astype(int) - TAPS // 2 + 1
    pixels = first[:, None] + np.arange(TAPS)
    offset = pixels - places[:, None]
    window = np.i0(KAISER * np.sqrt(np.clip(1 - (2 * offset / TAPS) ** 2, 0, None)))
    weights = np.sinc(offset) * window / np.i0(KAISER)
    return pixels % size, weights / weights.sum(axis=1, keepdims=True)


def at_points(waves: torch.Tensor, points: np.ndarray, pixel: float) -> torch.Tensor:
    """Values (points, beams) of waves (beams, n, n) at points (points, 2), x and y in Å."""
    size = waves.shape[-1]
    (columns, across), (rows, along) = (taps(points[:, axis] / pixel, size) for axis in (0, 1))
    index = torch.as_tensor(rows[:, :, None] * size + columns[:, None], device=waves.device)
    weight = torch.as_tensor(along[:, :, None] * across[:, None], device=waves.device)
    index, weight = index.reshape(len(points), -1), weight.reshape(len(points), -1).float()
    values = []
    for part in waves.split(CHUNK):
        table = torch.view_as_real(part.reshape(len(part), -1).T.contiguous())
        summed = torch.nn.functional.embedding_bag(
            index, table.reshape(len(table), -1), per_sample_weights=weight, mode="sum"
        )
        values.append(torch.view_as_complex(summed.reshape(len(points), len(part), 2)))
    return torch.cat(values, dim=1)


class Images:
    """The images, one a detector, to which every atom adds what it scatters."""

    def __init__(self, grid: Grid, sections: Mapping[str, np.ndarray], device: str):
        self.grid, self.sections, self.device = grid, sections, device
        # Of a probe of one electron; its tails beyond a window are left out.
        self.amplitude = grid.interpolation / (math.sqrt(len(grid.beams)) * grid.box)
        self.beams = torch.as_tensor(grid.beams % grid.window, device=device)
        count = len(next(iter(sections.values())))
        self.sums = torch.zeros(count, grid.image**2, device=device)

    def add(self, waves: torch.Tensor, atoms: Atoms) -> None:
        """Add what `atoms` scatter under waves (beams, n, n)."""
        sections = np.stack([self.sections[s] for s in atoms.get_chemical_symbols()])
        centres = atoms.positions[:, :2]
        # Detectors differ in what an atom sends to them, hardly in how wide it looks to them.
        strengths, width = sections[..., 0], sections[..., 1].mean(axis=1)
        points = centres[:, None] + POINTS * width[:, None, None]
        values = at_points(waves, points.reshape(-1, 2), self.grid.pixel)
        values = values.unflatten(0, (len(atoms), len(WEIGHTS)))
        for part in np.array_split(np.arange(len(atoms)), -(-len(atoms) // CHUNK)):
            inside = values[part[0] : part[-1] + 1].flatten(0, 1)
            density = self._windows(inside).unflatten(0, (len(part), len(WEIGHTS)))
            weights = torch.as_tensor(WEIGHTS, device=self.device).float()
            seen = (density * weights[:, None, None]).sum(dim=1)
            for total, strength in zip(self.sums, strengths[part].T, strict=True):
                strength = torch.as_tensor(strength, device=self.device).float()
                self._place(total, seen * strength[:, None, None], centres[part])

    def _windows(self, values: torch.Tensor) -> torch.Tensor:
        """Electrons per Å² (points, m, m) at points for all probes of a window; periodic."""
        m = self.grid.window
        spectra = torch.zeros(len(values), m, m, dtype=values.dtype, device=self.device)
        spectra[:, self.beams[:, 1], self.beams[:, 0]] = values * self.amplitude
        return torch.fft.fft2(spectra).abs().square()

    def _place(self, total: torch.Tensor, windows: torch.Tensor, centres: np.ndarray) -> None:
        """Add windows (atoms, m, m) to an image about their atoms (atoms, 2) in Å."""
        m, size = self.grid.window, self.grid.image
        first = np.round(centres / self.grid.box * size).astype(int) - m // 2
        line = torch.as_tensor(first[:, :, None] + np.arange(m), device=self.device)
        x, y = line[:, 0], line[:, 1]
        which = torch.arange(len(windows), device=self.device)[:, None, None]
        seen = windows[which, (y % m)[:, :, None], (x % m)[:, None]]
        target = (y % size)[:, :, None] * size + (x % size)[:, None]
        total.index_add_(0, target.ravel(), seen.ravel())


def plane_waves(grid: Grid, device: str) -> torch.Tensor:
    """The aperture's plane waves (beams, n, n) at the entrance face."""
    turns = np.arange(grid.waves) * grid.interpolation / grid.waves
    x, y = (
        torch.as_tensor(np.exp(2j * np.pi * grid.beams[:, axis, None] * turns)) for axis in (0, 1)
    )
    return (y[:, :, None] * x[:, None]).to(torch.complex64).to(device)


def slices(atoms: Atoms, thickness: float) -> Iterator[Atoms]:
    """The atoms of each slice along the beam from z = 0 to the last atom, empty ones as well."""
    number = np.floor(atoms.positions[:, 2] / thickness + 1e-6).astype(int)
    for index in range(number.max() + 1):
        yield atoms[number == index]


def image(
    atoms: Atoms,
    parameters: Parameters,
    *,
    energy: float,
    semiangle: float,
    detectors: Mapping[str, tuple[float, float]],
    device: str = "cpu",
) -> np.ndarray:
    """As `channelling.image`."""
    sides = atoms.cell.lengths()[:2]
    if abs(sides[0] - sides[1]) > 1e-6 * sides[0]:
        raise ValueError(f"the box is {sides[0]:.3f} by {sides[1]:.3f} Å; it has to be square")
    device = "cuda" if device == "gpu" else device
    plan = grid(float(sides[0]), energy, semiangle, parameters)
    frequencies = np.fft.fftfreq(plan.waves, plan.pixel)
    squares = frequencies[:, None] ** 2 + frequencies**2
    kept = squares < (BAND * 0.5 / plan.pixel) ** 2
    scattering = scatterers(
        sorted(set(atoms.get_chemical_symbols())),
        frequencies,
        energy=energy,
        detectors=detectors.values(),
        vibration=parameters.vibration,
    )
    path = -1j * np.pi * energy2wavelength(energy) * parameters.slice_thickness * squares
    propagator = torch.as_tensor(np.exp(path) * kept, device=device).to(torch.complex64)
    waves, images = plane_waves(plan, device), Images(plan, scattering.sections, device)
    for layer in slices(atoms, parameters.slice_thickness):
        if len(layer):
            images.add(waves, layer)
        through = transmission(layer, frequencies, scattering, kept)
        through = torch.as_tensor(through, device=device).to(torch.complex64)
        for part in waves.split(CHUNK):
            part.copy_(torch.fft.ifft2(torch.fft.fft2(part * through) * propagator))
    return images.sums.reshape(-1, plan.image, plan.image).cpu().numpy()
