"""Do positions follow the sample? Found against true displacements in sheets that are displaced.

An answer that reports an undisturbed lattice has a small error wherever the test's own lattice is
undisturbed. Here atoms are displaced on purpose, at random, one alone, and in waves, and what
counts first is how much of it is found.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from ase import Atoms

from latticework.analysis.atoms.refined import Refined
from latticework.analysis.atoms.refining import refinement_of
from latticework.analysis.atoms.regions import outside_margin
from latticework.analysis.atoms.table import read_map
from latticework.config.inference import Images
from latticework.evaluation.matching import match
from latticework.imaging.detector import detect
from latticework.imaging.hrtem import CAMERA
from latticework.imaging.waves import fixed_microscope, series_intensity, wave_bank
from latticework.inference.class_maps import predict
from latticework.materials import Material

RADIUS = 0.7  # Å, of matching: an atom moved by 0.4 Å may be reported where it was


@dataclass(frozen=True)
class Displaced:
    """A sheet and how it is displaced: `lattice` and `displacement` (n, 2), Å; a square box, Å."""

    lattice: np.ndarray
    displacement: np.ndarray
    box: float

    @property
    def truth(self) -> np.ndarray:
        """Where the atoms are (n, 2), Å; the field is periodic."""
        return (self.lattice + self.displacement) % self.box


def displaced(
    crystal: Atoms, kind: str, size: float, rng: np.random.Generator, wavelength: float = 8.0
) -> Displaced:
    """A displaced crystal in a square box.

    Parameters
    ----------
    crystal
        Such as `structures.references.reference_crystal`, repeated.
    kind
        "random": every atom at random, `size` is the RMS per axis; "one": the atom in the middle,
        by `size` in a random direction; "wave": along x, of amplitude `size` and as many whole
        periods of nearly `wavelength` as fit.
    size, wavelength
        Å.

    Raises ValueError for another kind.
    """
    box = float(crystal.cell.lengths()[0])
    lattice = crystal.positions[:, :2]
    displacement = np.zeros_like(lattice)
    if kind == "random":
        displacement = rng.normal(0, size, lattice.shape)
    elif kind == "one":
        angle = rng.uniform(0, 2 * np.pi)
        middle = np.argmin(np.hypot(*(lattice - box / 2).T))
        displacement[middle] = size * np.cos(angle), size * np.sin(angle)
    elif kind == "wave":
        periods = max(1, round(box / wavelength))
        phase = 2 * np.pi * periods * lattice[:, 0] / box + rng.uniform(0, 2 * np.pi)
        displacement[:, 0] = size * np.sin(phase)
    else:
        raise ValueError(f"displacements are random, one or wave, not {kind!r}")
    return Displaced(lattice, displacement, box)


def plain_microscope(
    defocus: float, cs: float, focal_spread: float, mtf: tuple[float, float, float]
) -> dict[str, torch.Tensor]:
    """A microscope for `image_of` without other aberrations, and its camera: Å, c1, c2 and c3."""
    camera = dict(zip(CAMERA, torch.tensor([*mtf, 1.0])[:, None], strict=True))
    return fixed_microscope(defocus, cs, focal_spread, 1) | camera


def image_of(
    sheet: Displaced,
    crystal: Atoms,
    simulate: Callable[[Atoms], np.ndarray],
    *,
    energy: float,
    microscope: Mapping[str, torch.Tensor],
    sampling: float,
    dose: float,
    band_limit: float,
    seed: int,
) -> tuple[np.ndarray, float]:
    """An image (n, n) of a displaced sheet, and its pixel in Å, which is nearly `sampling`.

    `simulate` gives the exit wave of a structure. Of a microscope: `imaging.waves.OPTICS` and
    `imaging.hrtem.CAMERA`, (1,) each; `dose` in e/Å².
    """
    moved = crystal.copy()
    moved.positions[:, :2] = sheet.lattice + sheet.displacement
    wave = torch.from_numpy(simulate(moved))[None]
    bank = wave_bank(wave, box=sheet.box, band_limit=band_limit)
    size = 2 * round(sheet.box / sampling / 2)
    intensity = series_intensity(
        bank.spectra, bank.frequencies, sheet.box, size, energy, microscope, [0.0]
    )
    step = sheet.box / size
    recorded = detect(
        intensity,
        torch.tensor([dose * step**2]),
        **{name: microscope[name] for name in CAMERA},
        generator=torch.Generator().manual_seed(seed),
    )
    return recorded[0, 0].numpy(), step


def response(
    found: np.ndarray, sigma: np.ndarray | None, sheet: Displaced, border: float
) -> dict[str, Any]:
    """How found positions (n, 2) in Å follow a sheet.

    `sigma` (n,) are the reported standard deviations per axis. Atoms nearer than `border` Å to the
    box's side do not count.

    Returns
    -------
    dict
        atoms (matched); recall; slope of found against true displacement; rms and bias (largest of
        the axes' mean errors), Å; within: the share of errors smaller than sigma; moved: distance
        in Å of the atom that was displaced most from where it was found.
    """
    truth = sheet.truth
    i_found, i_truth, _ = match(found, truth, RADIUS)
    counted = ~outside_margin(truth, np.full(2, sheet.box), border)
    inside = counted[i_truth]
    i_found, i_truth = i_found[inside], i_truth[inside]
    error = found[i_found] - truth[i_truth]
    true = sheet.displacement[i_truth]
    squared = float((true**2).sum())
    most = int(np.argmax(np.where(counted, np.hypot(*sheet.displacement.T), -1)))
    here = np.flatnonzero(i_truth == most)
    within = np.nan
    if sigma is not None and len(error):
        within = float(np.mean(np.abs(error) < sigma[i_found][:, None]))
    return {
        "atoms": len(error),
        "recall": len(error) / max(int(counted.sum()), 1),
        "slope": float(((true + error) * true).sum() / squared) if squared else np.nan,
        "rms": float(np.sqrt(np.mean(error**2))) if len(error) else np.nan,
        "bias": float(np.abs(error.mean(axis=0)).max()) if len(error) else np.nan,
        "within": within,
        "moved": float(np.hypot(*error[here[0]])) if len(here) else np.inf,
    }


def refined_image(
    network: torch.nn.Module,
    card: Mapping[str, Any],
    material: Material,
    image: np.ndarray,
    sampling: float,
) -> Refined:
    """An image (ny, nx) of a pixel in Å, read with a network in 32 bits and refined.

    Not in the processor's own precision: the fit may end elsewhere from where another begins.
    """
    maps, pixel = predict(
        network, card, image[None], sampling, tile=512, overlap=64, symmetries=1, device="cpu",
        precision="32-true",
    )  # fmt: skip
    epsilon = Images.model_fields["epsilon"].default
    table, _ = read_map(
        maps, pixel, image.shape, sampling, card, material, epsilon=epsilon, threshold=0.5
    )
    return refinement_of(card)(image, table, sampling, card, material, progress=False)


def answers(table: pd.DataFrame) -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
    """Positions (n, 2) and sigma (n,) of each estimator in a refined table, by its name."""
    likelihood = np.sqrt((table[["sigma_x_angstrom", "sigma_y_angstrom"]] ** 2).mean(axis=1))
    columns = {
        "network": (["x_network_angstrom", "y_network_angstrom"], table["sigma_angstrom"]),
        "likelihood": (["x_angstrom", "y_angstrom"], likelihood),
        "posterior": (
            ["x_posterior_angstrom", "y_posterior_angstrom"],
            table["sigma_posterior_angstrom"],
        ),
    }
    return {
        name: (table[places].to_numpy()[known], sigma.to_numpy()[known])
        for name, (places, sigma) in columns.items()
        if (known := table[places].notna().all(axis=1).to_numpy()).any()
    }
