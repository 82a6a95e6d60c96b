"""Exit waves of plane-wave illumination by abTEM's multislice (Madsen 2018, §2.3)."""

import abtem
import numpy as np
from abtem.core.energy import energy2wavelength
from ase import Atoms

# FFTW, abTEM's default, times its algorithms and takes the fastest. Which one that is depends on
# what else the machine does, and so would the last bits of a wave.
abtem.config.set({"fft": "numpy"})


def fourier_crop(wave: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Resample a periodic wave (..., ny, nx) to a smaller grid by cropping its spectrum.

    Mean amplitude is kept: a plane wave of modulus one stays one.
    """
    spectrum = np.fft.fft2(wave)
    for axis, size in zip((-2, -1), shape, strict=True):
        frequencies = np.fft.fftfreq(wave.shape[axis], 1 / wave.shape[axis])
        kept = np.flatnonzero((frequencies >= -(size // 2)) & (frequencies < (size + 1) // 2))
        spectrum = np.take(spectrum, kept, axis=axis)
    scale = spectrum.shape[-1] * spectrum.shape[-2] / (wave.shape[-1] * wave.shape[-2])
    return np.fft.ifft2(spectrum) * scale


def blurred(potential: abtem.PotentialArray, sigma: float) -> abtem.PotentialArray:
    """A potential convolved in the plane with the thermal displacement, `sigma` Å per axis.

    The Debye–Waller factor exp(−2π²σ²k²) on every slice.
    """
    ky, kx = (
        np.fft.fftfreq(n, d)
        for n, d in zip(potential.array.shape[-2:], potential.sampling, strict=True)
    )
    damping = np.exp(-2 * np.pi**2 * sigma**2 * (ky[:, None] ** 2 + kx**2))
    array = np.fft.ifft2(np.fft.fft2(potential.array) * damping).real
    return abtem.PotentialArray(
        array.astype(np.float32), potential.slice_thickness, sampling=potential.sampling
    )


def focused(wave: np.ndarray, box: np.ndarray, energy: float, distance: float) -> np.ndarray:
    """A wave (ny, nx), of a box with sides (y, x) in Å, as it is focused `distance` Å upstream.

    Free space in reverse: exp(iπλ·distance·k²) on the spectrum.
    """
    ky, kx = (np.fft.fftfreq(n, side / n) for n, side in zip(wave.shape, box, strict=True))
    phase = np.pi * energy2wavelength(energy) * distance * (ky[:, None] ** 2 + kx**2)
    return np.fft.ifft2(np.fft.fft2(wave) * np.exp(1j * phase))


def exit_wave(
    atoms: Atoms,
    *,
    energy: float,
    sampling: float,
    stored_sampling: float,
    slice_thickness: float,
    thermal_sigma: float,
    device: str = "cpu",
) -> np.ndarray:
    """Exit wave of a periodic structure for a plane wave of unit modulus, in focus on the specimen.

    The wave behind the structure, propagated back to the mean height of the specimen's atoms: a
    defocus counts from the sheet, or from the middle of the particle, whatever lies behind it.

    Parameters
    ----------
    atoms
        Structure in a cell that is orthogonal; the beam runs along +z.
    energy
        Electron energy, eV.
    sampling, stored_sampling
        Pixel of the multislice and (not finer) of the wave returned, Å: what imaging uses
        ends far below abTEM's own band limit, so waves are stored at a coarser pixel.
    slice_thickness
        Å.
    thermal_sigma
        RMS thermal displacement per axis, Å (Debye–Waller blur of the potential).
    device
        "cpu" or "gpu" (CuPy).

    Returns
    -------
    np.ndarray
        complex64 (ny, nx); abTEM's arrays are (x, y), so ours are their transpose: rows are y.
    """
    potential = abtem.Potential(
        atoms,
        sampling=sampling,
        slice_thickness=slice_thickness,
        parametrization="lobato",
        projection="infinite",
        device="cpu" if thermal_sigma else device,
    )
    if thermal_sigma:
        potential = blurred(potential.build(lazy=False), thermal_sigma)
        if device == "gpu":
            potential = potential.to_gpu()
    wave = abtem.PlaneWave(energy=energy, device=device).multislice(potential, lazy=False)
    array = np.asarray(wave.to_cpu().array).T
    sides = atoms.cell.lengths()
    shape = [round(length / stored_sampling) for length in sides[1::-1]]
    stored = fourier_crop(array, (shape[0], shape[1]))
    seen = atoms.arrays.get("specimen", atoms.arrays.get("visible"))
    heights = atoms.positions[slice(None) if seen is None else seen, 2]
    distance = sides[2] - (heights.mean() if len(heights) else sides[2])
    return focused(stored, sides[1::-1], energy, distance).astype(np.complex64)
