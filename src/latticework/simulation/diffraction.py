"""Convergent-beam diffraction patterns of thick crystals by abTEM's multislice (Munshi 2022).

One potential for all probes, one pass for all thicknesses.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import abtem
import numpy as np
from abtem.distributions import from_values
from ase import Atoms
from tqdm import tqdm

from latticework.shards import Array
from latticework.simulation.structure_factors import crystal_structure_factors
from latticework.structures.orientations import fill_box


@contextmanager
def reproducible_fft() -> Iterator[None]:
    """FFTW, faster than numpy's FFT, without the timing that makes its last bits vary."""
    with abtem.config.set({"fft": "fftw", "fftw.planning_effort": "FFTW_ESTIMATE"}):
        yield


def bin_centred(pictures: np.ndarray, factor: int) -> np.ndarray:
    """Bin pictures (..., n, n) by 1 or 2 so that the middle pixel n // 2 stays in the middle.

    By 2 each pixel gets itself and half of its neighbours: the sum of a picture is kept but for
    the half of its first row and column that leaves at the edge.
    """
    if factor == 1:
        return pictures
    for axis in (-2, -1):
        line = np.moveaxis(pictures, axis, -1)
        even, odd = line[..., ::2], line[..., 1::2]
        before = np.concatenate([np.zeros_like(odd[..., :1]), odd[..., :-1]], axis=-1)
        pictures = np.moveaxis(even + 0.5 * (odd + before), -1, axis)
    return pictures


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


def diffraction_arrays(
    structures: Sequence[Atoms], parameters: Mapping[str, Any]
) -> dict[str, Array]:
    """Arrays of a diffraction shard: patterns, probes and structure factors.

    `structures` are crystals' cells with an orientation; `parameters` those of a config's
    simulation. Patterns and probes are divided by the probe's largest pixel, so that a probe is
    one at its brightest, whatever its semiangle.
    """
    p = dict(parameters)
    box, height, sigma = p.pop("box"), p.pop("height"), p.pop("excitation_sigma")
    ewald, taper = p.pop("ewald"), p.pop("taper")
    step = p["binning"] / box
    thickness = p["thickness_step"] * np.arange(1, round(height / p["thickness_step"]) + 1)
    shape = len(structures), len(p["semiangles"]), len(thickness), p["size"], p["size"]
    # A shard is about a gigabyte: written in place, not collected and copied.
    patterns = np.empty(shape, dtype=np.float32)
    truths, probes = [], None
    for number, atoms in enumerate(tqdm(structures, desc="diffraction", unit="orientation")):
        recorded, vacuum = diffraction_patterns(fill_box(atoms, (box, box, height)), **p)
        brightest = vacuum.max(axis=(-2, -1))
        probes = vacuum / brightest[:, None, None]
        patterns[number] = recorded / brightest[:, None, None, None]
        truths.append(
            crystal_structure_factors(
                atoms,
                atoms.info["orientation"],
                energy=p["energy"],
                size=p["size"],
                step=step,
                sigma=sigma,
                ewald=ewald,
                taper=taper,
            )
        )
    info = [atoms.info for atoms in structures]
    pixels = ("y", "x")
    return {
        "pattern": Array(
            patterns,
            "brightest pixel of the probe",
            ("orientation", "semiangle", "thickness", *pixels),
        ),
        "probe": Array(probes, "brightest pixel of the probe", ("semiangle", *pixels)),
        "structure_factors": Array(np.stack(truths), "V", ("orientation", *pixels)),
        "thickness": Array(thickness, "Å", ("thickness",)),
        "semiangle": Array(np.array(p["semiangles"], float), "mrad", ("semiangle",)),
        "orientation": Array(
            np.stack([i["orientation"] for i in info]), "1", ("orientation", "lab", "crystal")
        ),
        "zone_axis": Array(np.stack([i["zone_axis"] for i in info]), "1", ("orientation", "index")),
        "reciprocal_sampling": Array(np.array(step), "1/Å", ()),
    }
