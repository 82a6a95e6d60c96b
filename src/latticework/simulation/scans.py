"""Scans of specimens by multislice: at each position a probe in a box of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

import abtem
import numpy as np
from abtem.core.energy import energy2wavelength
from scipy.signal.windows import tukey
from tqdm import tqdm

from latticework import names
from latticework.shards import Array
from latticework.simulation.thick_crystals import intensities, reproducible_fft

PLACE = ("position",)
FADED = 0.25  # of the box, at both edges together, where its crystal fades
EDGE = 0.5  # px of 1/box, over which an aperture's edge rises


def aperture(gpts: int, box: float, energy: float, semiangle: float, bullseye: int) -> np.ndarray:
    """Amplitude (gpts, gpts) of an aperture, zero frequency first; with rings for a bullseye.

    `bullseye` dark rings lie at equal distances, each as wide as the bright ones beside it; spokes,
    which hold a real one together, are left out. Edges rise over a pixel.
    """
    frequency = np.fft.fftfreq(gpts, box / gpts)
    distance = np.hypot(frequency, frequency[:, None]) * box
    radius = semiangle * 1e-3 / energy2wavelength(energy) * box
    inside = np.clip((radius - distance) / (2 * EDGE) + 0.5, 0, 1)
    if bullseye:
        ring = radius / (2 * bullseye + 1)
        for number in range(bullseye):
            middle = (2 * number + 1.5) * ring
            inside *= np.clip((np.abs(distance - middle) - ring / 2) / (2 * EDGE) + 0.5, 0, 1)
    return inside


def simulate_positions(
    specimen: str,
    parameters: Mapping[str, Any],
    simulation: Mapping[str, Any],
    *,
    seed: int,
    name: str,
    indices: Sequence[int],
    device: str = "cpu",
) -> dict[str, Array]:
    """Patterns at positions number `indices` of a scan, with a progress bar.

    Returns
    -------
    dict
        pattern (n, ky, kx), probability of each pixel; probe (ky, kx), the same in vacuum; place
        (n, 2) Å; deformation (n, 2, 2); settled (n,): whether the probe sees one lattice alone;
        reference (2, 2) 1/Å; scan (2,): rows and columns.
    """
    module = names.load("specimens", specimen)
    design = module.Parameters.model_validate(parameters)
    s = simulation
    box, size = s["box"], s["size"]
    prepared = module.prepare(design, seed, name, box / 2)
    grid = module.places(design)
    places = grid.reshape(-1, 2)[list(indices)]
    spectrum = aperture(s["gpts"], box, s["energy"], s["semiangle"], s["bullseye"])
    # The probe stands in the middle of the box: a phase ramp of half a box.
    wave = _normal(np.fft.fftshift(np.fft.ifft2(spectrum)))
    patterns = []
    with reproducible_fft():
        vacuum = intensities(wave[None], size, 1)[0]
        for place in tqdm(places, desc=name, unit="position"):
            potential = abtem.Potential(
                module.local_box(prepared, place, box),
                gpts=s["gpts"],
                slice_thickness=s["slice_thickness"],
                parametrization="lobato",
                projection="infinite",
                device=device,
            )
            start = abtem.Waves(wave.copy(), energy=s["energy"], extent=(box, box))
            if device == "gpu":
                start = start.to_gpu()
            passed = start.multislice(_rounded(potential.build(lazy=False))).to_cpu().array
            patterns.append(intensities(np.asarray(passed)[None], size, 1)[0])
    reach = 0.61 * energy2wavelength(s["energy"]) / (s["semiangle"] * 1e-3)
    deformation, grown = (
        np.stack([function(design, place[0]) for place in places])
        for function in (module.true_deformation, module.design_deformation)
    )
    settled = np.array([module.settled(design, place[0], reach) for place in places])
    return {
        "pattern": Array(
            np.stack(patterns).astype(np.float32), "probability", (*PLACE, "ky", "kx")
        ),
        "probe": Array(vacuum.astype(np.float32), "probability", ("ky", "kx")),
        "place": Array(places, "Å", (*PLACE, "axis (x, y)")),
        "deformation": Array(deformation, "1", (*PLACE, "row", "column")),
        "design_deformation": Array(grown, "1", (*PLACE, "row", "column")),
        "settled": Array(settled, "1", PLACE),
        "reference": Array(module.reference(design), "1/Å", ("vector (u, v)", "axis")),
        "reciprocal_sampling": Array(np.float64(1 / box), "1/Å", ()),
        "scan": Array(np.array(grid.shape[:2]), "1", ("axis",)),
    }


def _rounded(potential: abtem.PotentialArray) -> abtem.PotentialArray:
    """A potential that fades to its mean, slice by slice, towards the edges of its box.

    A crystal is not periodic in its box: cut off sharply there, it would draw streaks through the
    strong disks, as bright as the weak ones beside them. The mean, which deflects nothing, stays.
    """
    ny, nx = potential.array.shape[-2:]
    fade = np.outer(tukey(ny, FADED), tukey(nx, FADED)).astype(np.float32)
    mean = potential.array.mean(axis=(-2, -1), keepdims=True)
    array = mean + (potential.array - mean) * fade
    return abtem.PotentialArray(array, potential.slice_thickness, sampling=potential.sampling)


def _normal(wave: np.ndarray) -> np.ndarray:
    """A wave whose pattern has the sum one, as `intensities` counts."""
    total = (np.abs(np.fft.fft2(wave)) ** 2).sum()
    return (wave / np.sqrt(total)).astype(np.complex64)
