"""Convergent-beam diffraction patterns of thick crystals by abTEM's multislice (Munshi 2022).

One potential for all probes, one pass for all thicknesses.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import abtem
import numpy as np
from abtem.distributions import from_values
from ase import Atoms


@contextmanager
def reproducible_fft() -> Iterator[None]:
    """FFTW, faster than numpy's FFT, without the timing that makes its last bits vary."""
    with abtem.config.set({"fft": "fftw", "fftw.planning_effort": "FFTW_ESTIMATE"}):
        yield


def bin_centred(patterns: np.ndarray, factor: int) -> np.ndarray:
    """Bin patterns (..., n, n) by 1 or 2 so that the middle pixel n // 2 stays in the middle.

    By 2 each pixel gets itself and half of its neighbours: the sum of a pattern is kept, except
    for the half of its last row and column that leaves at the edge.
    """
    if factor == 1:
        return patterns
    for axis in (-2, -1):
        line = np.moveaxis(patterns, axis, -1)
        even, odd = line[..., ::2], line[..., 1::2]
        before = np.concatenate([np.zeros_like(odd[..., :1]), odd[..., :-1]], axis=-1)
        patterns = np.moveaxis(even + 0.5 * (odd + before), -1, axis)
    return patterns


def intensities(waves: np.ndarray, size: int, binning: int) -> np.ndarray:
    """Diffraction patterns (..., size, size) of waves (..., nx, ny), zero frequency in the middle.

    The sum over all of reciprocal space is the wave's norm in the convention of `abtem.Probe`, one.
    """
    n, central = waves.shape[-1], size * binning
    spectrum = np.fft.fftshift(np.fft.fft2(waves), axes=(-2, -1))
    low = n // 2 - central // 2
    cropped = spectrum[..., low : low + central, low : low + central]
    # abTEM's arrays are (x, y); our rows are y.
    patterns = np.swapaxes(np.abs(cropped) ** 2, -2, -1)
    return bin_centred(patterns, binning)


def diffraction_patterns(
    atoms: Atoms,
    *,
    energy: float,
    gpts: int,
    size: int,
    binning: int,
    slice_thickness: float,
    thickness_step: float,
    semiangles: Sequence[float],
    device: str = "cpu",
) -> tuple[np.ndarray, np.ndarray]:
    """Patterns of a sample for several probes and a series of thicknesses, and the probes.

    Parameters
    ----------
    atoms
        The sample in a square box; the probe stands in its middle, the beam runs along +z.
    energy
        eV.
    gpts
        Grid points of the multislice along x and y; abTEM's band limit keeps two thirds of them.
    size, binning
        The patterns' side in px, and their pixel in units of the box's 1/length: 1 or 2.
    slice_thickness, thickness_step
        Å; the latter a multiple of the former.
    semiangles
        Of the probes, mrad.
    device
        "cpu" or "gpu" (CuPy).

    Returns
    -------
    patterns
        float32 (semiangles, thicknesses, size, size): probability of each pixel; rows are y.
    probes
        float32 (semiangles, size, size): the same without a sample.
    """
    slices = round(atoms.cell.lengths()[2] / slice_thickness)
    every = round(thickness_step / slice_thickness)
    with reproducible_fft():
        potential = abtem.Potential(
            atoms,
            gpts=gpts,
            slice_thickness=slice_thickness,
            parametrization="lobato",
            projection="infinite",
            # −1 is the entrance face, where the probes are what they are in vacuum.
            exit_planes=(-1, *range(every - 1, slices, every)),
            device=device,
        ).build(lazy=False)
        probe = abtem.Probe(
            semiangle_cutoff=from_values(list(semiangles)),
            energy=energy,
            gpts=gpts,
            extent=atoms.cell.lengths()[0],
            device=device,
        )
        waves = np.asarray(probe.multislice(potential, lazy=False).to_cpu().array)
    recorded = intensities(waves, size, binning).astype(np.float32)
    return np.swapaxes(recorded[1:], 0, 1), recorded[0]
