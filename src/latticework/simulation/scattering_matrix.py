"""Exact ADF images of thin specimens by their scattering matrix.

A probe is a sum of plane waves, so what each plane wave of the aperture becomes in the specimen
says what every probe becomes. For a specimen of one slice this needs no propagation at all: a plane
wave scatters by the Fourier coefficients of exp(iσV). The image of a detector pixel is then one
small Fourier transform over the aperture (the dark-field image of the reciprocal experiment), and
an ADF image is the sum of their squares: no grid of probes, no window around a probe.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.fft
from ase import Atoms
from pydantic import Field

from latticework.config.base import Section
from latticework.simulation.phase_objects import phase_factor

BATCH = 256  # detector pixels at once
WAVES = 32  # plane waves at once


class Parameters(Section):
    """Parameters of the simulation."""

    sampling: float = Field(0.09, gt=0.01, lt=0.3, description="Pixel of the potential, Å.")
    slice_thickness: float = Field(
        1.2, gt=0.1, le=20, description="Atoms within this height form one slice, Å."
    )
    coupled: bool = Field(
        True,
        description="Whether a slice scatters what those before it have scattered, by multislice; "
        "without that their amplitudes are added with their phases, ten times faster.",
    )
    window: float = Field(
        9.5,
        gt=5,
        description="Far fields are summed at pixels of at most 1/window, 1/Å, as if the probe's "
        "tails farther away than that, Å, were those of its images.",
    )


def slices_of(atoms: Atoms, thickness: float) -> list[tuple[Atoms, float]]:
    """Atoms in slices of a thickness from the lowest one up, with the slices' heights, Å.

    A slice is projected at the mean height of its atoms, so that the planes of a layered crystal
    are exact whatever lies between them.
    """
    heights = atoms.positions[:, 2]
    number = np.floor((heights - heights.min()) / thickness).astype(int)
    return [(atoms[number == n], float(heights[number == n].mean())) for n in np.unique(number)]


def transmission(atoms: Atoms, energy: float, sampling: float) -> np.ndarray:
    """Fourier coefficients (ny, nx), complex64, of exp(iσV) of atoms projected to one plane.

    V is the sum of exact form factors: wherever an atom lies between pixels, it scatters alike. (A
    potential whose atoms are spread over the four nearest pixels scatters to high angles by up to
    47 % more where an atom lies on a pixel of 0.09 Å than where it lies between two.) Band-limited
    to two thirds of the Nyquist frequency, as in abTEM.
    """
    width, height = atoms.cell.lengths()[:2]
    shape = (int(np.ceil(height / sampling)), int(np.ceil(width / sampling)))
    modulus = frequencies(atoms, shape)
    ky, kx = np.fft.fftfreq(shape[0], height / shape[0]), np.fft.fftfreq(shape[1], width / shape[1])
    total = np.zeros(shape, complex)
    for element in sorted(set(atoms.get_chemical_symbols())):
        x, y, _ = atoms.positions[atoms.symbols == element].T
        places = np.exp(-2j * np.pi * np.outer(ky, y)) @ np.exp(-2j * np.pi * np.outer(x, kx))
        total += phase_factor(element, modulus, energy, 0.0) * places
    phase = scipy.fft.ifft2(total, norm="forward").real / (width * height)
    coefficients = scipy.fft.fft2(np.exp(1j * phase).astype(np.complex64), norm="forward")
    return coefficients * (modulus < 1 / 3 / sampling_of(atoms, shape))


def sampling_of(atoms: Atoms, shape: tuple[int, int]) -> float:
    """The coarser of a grid's two pixels, Å."""
    return float(max(atoms.cell.lengths()[1::-1] / shape))


def frequencies(atoms: Atoms, shape: tuple[int, int]) -> np.ndarray:
    """Moduli (ny, nx) of the spatial frequencies of a grid on a structure's box, 1/Å."""
    width, height = atoms.cell.lengths()[:2]
    ky = np.fft.fftfreq(shape[0], height / shape[0])
    kx = np.fft.fftfreq(shape[1], width / shape[1])
    return np.hypot(ky[:, None], kx)


def within(atoms: Atoms, low: float, high: float, step: int = 1) -> np.ndarray:
    """Integers (n, 2), (y, x), of the spatial frequencies of a box from `low` to `high`, 1/Å.

    Every `step`-th along both axes.
    """
    width, height = atoms.cell.lengths()[:2]
    axes = [
        step * np.arange(-int(high * s / step), int(high * s / step) + 1) for s in (height, width)
    ]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    modulus = np.hypot(grid[:, 0] / height, grid[:, 1] / width)
    return grid[(modulus >= low) & (modulus <= high)]


def scattering_matrix(
    slices: Sequence[tuple[np.ndarray, float]],
    propagator: np.ndarray,
    aperture: np.ndarray,
    detector: np.ndarray,
) -> np.ndarray:
    """Amplitudes (k, q), complex64, at a detector's frequencies from an aperture's plane waves.

    Parameters
    ----------
    slices
        Fourier coefficients (ny, nx) of each slice's transmission, and its height in Å.
    propagator
        −πλk² (ny, nx): the phase of free space per Å.
    aperture, detector
        Integers (q, 2) and (k, 2) of the frequencies, (y, x).
    """
    shape = np.array(slices[0][0].shape)
    if len(slices) == 1:
        at = (detector[:, None] - aperture[None]) % shape
        return slices[0][0][at[..., 0], at[..., 1]]
    transmissions = [scipy.fft.ifft2(t, norm="forward") for t, _ in slices[1:]]
    steps = np.diff([height for _, height in slices])
    band = slices[0][0] != 0
    rows, columns = (detector % shape).T
    matrix = np.empty((len(detector), len(aperture)), np.complex64)
    for first in range(0, len(aperture), WAVES):
        waves = np.stack(
            [np.roll(slices[0][0], q, axis=(0, 1)) for q in aperture[first : first + WAVES]]
        )
        for transmitted, step in zip(transmissions, steps, strict=True):
            waves *= (np.exp(1j * step * propagator) * band).astype(np.complex64)
            waves = scipy.fft.fft2(scipy.fft.ifft2(waves) * transmitted)
        matrix[:, first : first + WAVES] = waves[:, rows, columns].T
    return matrix


def uncoupled_matrix(
    slices: Sequence[tuple[np.ndarray, float]],
    wavelength: float,
    cell: np.ndarray,
    aperture: np.ndarray,
    detector: np.ndarray,
) -> np.ndarray:
    """`scattering_matrix` where each slice scatters the incident waves alone.

    Amplitudes of the slices are added with the phases of free space to and from them: exact within
    a slice, first order between them. `cell` has the box's sides (y, x), Å.
    """
    shape = np.array(slices[0][0].shape)
    at = (detector[:, None] - aperture[None]) % shape
    rows, columns = at[..., 0], at[..., 1]
    before, after = (
        (-np.pi * wavelength * (k**2).sum(axis=1)) for k in (aperture / cell, detector / cell)
    )
    matrix = np.zeros(at.shape[:2], np.complex64)
    for coefficients, height in slices:
        to_it = np.exp(1j * (height - slices[0][1]) * before).astype(np.complex64)
        from_it = np.exp(1j * (slices[-1][1] - height) * after).astype(np.complex64)
        matrix += from_it[:, None] * coefficients[rows, columns] * to_it
    return matrix


def image(
    atoms: Atoms,
    parameters: Parameters,
    *,
    energy: float,
    semiangle: float,
    detectors: Mapping[str, tuple[float, float]],
    device: str = "cpu",
) -> np.ndarray:
    """Images (detector, ny, nx) of a periodic thin specimen by a probe without aberrations.

    Parameters
    ----------
    atoms
        In a cell that is orthogonal; the beam runs along +z, the probe is in focus on the lowest
        slice.
    parameters
        Of the simulation.
    energy
        eV.
    semiangle
        Of the aperture, mrad.
    detectors
        Inner and outer angle of each annulus, mrad.
    device
        Not used: all is computed by numpy.

    Returns
    -------
    np.ndarray
        float32, the share of the beam that each detector collects. The grid is the coarsest that
        holds the images' band, twice the aperture's radius (0.4 Å at 60 kV and 30 mrad).

    Raises ValueError for a potential too coarse for a detector.
    """
    from abtem.core.energy import energy2wavelength

    wavelength = energy2wavelength(energy)
    slices = [
        (transmission(part, energy, parameters.sampling), height)
        for part, height in slices_of(atoms, parameters.slice_thickness)
    ]
    shape = slices[0][0].shape
    limit = 1 / 3 / sampling_of(atoms, shape)
    outermost = max(high for _, high in detectors.values()) * 1e-3 / wavelength
    if outermost > limit * 1.001:
        raise ValueError(
            f"a potential of {parameters.sampling} Å a pixel scatters to "
            f"{limit * wavelength * 1e3:.0f} mrad; a detector ends at "
            f"{outermost * wavelength * 1e3:.0f}"
        )
    aperture = within(atoms, 0, semiangle * 1e-3 / wavelength)
    step = max(1, int(min(atoms.cell.lengths()[:2]) / parameters.window))
    innermost = min(low for low, _ in detectors.values()) * 1e-3 / wavelength
    detector = within(atoms, innermost, outermost, step)
    angle = np.hypot(*(detector / atoms.cell.lengths()[1::-1]).T) * wavelength * 1e3
    weights = np.stack([(angle >= low) & (angle < high) for low, high in detectors.values()])
    propagator = -np.pi * wavelength * frequencies(atoms, shape) ** 2
    if parameters.coupled or len(slices) == 1:
        matrix = scattering_matrix(slices, propagator, aperture, detector)
    else:
        cell = atoms.cell.lengths()[1::-1]
        matrix = uncoupled_matrix(slices, wavelength, cell, aperture, detector)

    size = [scipy.fft.next_fast_len(4 * int(reach) + 2) for reach in np.abs(aperture).max(axis=0)]
    rows, columns = (aperture % size).T
    total = np.zeros((len(weights), *size), np.float32)
    for first in range(0, len(detector), BATCH):
        part = matrix[first : first + BATCH]
        spectra = np.zeros((len(part), *size), np.complex64)
        spectra[:, rows, columns] = part
        # A probe at r has the phases exp(−2πi q·r): a forward transform.
        amplitude = scipy.fft.fft2(spectra, overwrite_x=True)
        intensity = amplitude.real**2 + amplitude.imag**2
        total += np.tensordot(weights[:, first : first + BATCH].astype(np.float32), intensity, 1)
    return total * (step**2 / len(aperture))
