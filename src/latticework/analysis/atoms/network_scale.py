"""The pixel size of a small image, by how the network answers at one size after another.

A field of a few unit cells has reflections of a few bins' radius, which no spectrum tells from the
background. The network knows its lattice at one scale: at the right one it finds about as many
atoms as the crystal has, at distances that the crystal has.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.spatial import cKDTree

from latticework.analysis.atoms.table import CERTAIN, atoms_table
from latticework.hardware import best_device
from latticework.inference.class_maps import predict, working_sampling
from latticework.inference.scale import (
    SAMPLING_RANGE,
    SMALLEST_RADIUS,
    TOLERANCE,
    LatticeScale,
)
from latticework.inference.spectrum import LARGEST_WINDOW
from latticework.materials import Material

# Factor between the sizes that are tried, which a network bridges.
STEP = 1.1
# Lattice constants in the field: fewer are no crystal, and more have reflections to measure.
CELLS = (4.0, 30.0)
# Side of the part that is read, in px of the network.
SIDE = 256
# Least share of a crystal's atoms that the answer has to hold, and how far their distances may be
# from the crystal's. In noise of any colour a network finds up to half, 4 to 10 % off.
LEAST_COVERAGE, LARGEST_MISFIT = 0.5, 0.02
# Steps of the correction by the atoms' distances, what is no correction any more, and the share of
# the coverage that one may cost: a network that reads a lattice too small sees too many atoms.
CORRECTIONS, CONVERGED, KEPT = 4, 0.002, 0.7
# The network has to answer better by this factor than at a lattice that it contradicts.
CLEARLY = 1.3


@dataclass(frozen=True)
class Answer:
    """What a network answers at one pixel size.

    Parameters
    ----------
    sampling
        Å/px.
    coverage
        Atoms at distances of the crystal, weighted by their certainty, over those of a full field.
    ratio
        The crystal's distance of neighbours over the median of the atoms found: how much larger
        the pixel would have to be.
    """

    sampling: float
    coverage: float
    ratio: float


def checked_lattice(
    lattice: LatticeScale | None,
    metadata: float | None,
    network: torch.nn.Module,
    card: Mapping[str, Any],
    field: np.ndarray,
    material: Material,
    *,
    epsilon: float,
) -> tuple[LatticeScale | float | None, list[str]]:
    """The lattice of an image, or what the network says in its place, and a line that says so.

    The network is asked where no spectrum shows a lattice and no file knows the pixel, and where
    the field is so small that a first order could hide near the spectrum's centre.

    Parameters
    ----------
    lattice, metadata
        Pixel by the spectrum, and by the file in Å, or None.
    network, card, field, material, epsilon
        As for `network_sampling`.
    """
    if lattice is not None and not _first_order_may_hide(lattice, field.shape[-2:], material):
        return lattice, []
    if lattice is None and metadata is not None:
        return None, []
    asked = (network, card, field, material)
    found = network_sampling(*asked, epsilon=epsilon)
    if found is None:
        return lattice, []
    said = f"the network finds its crystal at {found.sampling:.4f} Å/px"
    if lattice is None:
        return found.sampling, [f"no lattice in the spectrum; {said}"]
    if abs(found.sampling / lattice.sampling - 1) <= 2 * TOLERANCE:
        return lattice, []
    if found.coverage < CLEARLY * answer_at(lattice.sampling, *asked, epsilon).coverage:
        return lattice, []
    return found.sampling, [f"{said}, not at {lattice.sampling:.4f} Å, a higher order's"]


def _first_order_may_hide(
    lattice: LatticeScale, shape: tuple[int, int], material: Material
) -> bool:
    """Whether reflections of a lower order would be too near the centre to be seen."""
    ratio = 2 * np.cos(np.pi / material.reflections.symmetry)
    size = min(LARGEST_WINDOW, max(shape))
    return bool(np.linalg.norm(lattice.peaks, axis=1).min() * size < ratio * SMALLEST_RADIUS)


def network_sampling(
    network: torch.nn.Module,
    card: Mapping[str, Any],
    field: np.ndarray,
    material: Material,
    *,
    epsilon: float,
) -> Answer | None:
    """The pixel size at which a network finds its crystal in a field (series, ny, nx), or None.

    `network` and `card` as `learning.weights.load` gives them, `epsilon` as in
    `config.inference.Images`.
    """
    extent = material.lattice_constant * np.array(CELLS)
    low, high = np.clip(extent / min(field.shape[-2:]), *SAMPLING_RANGE)
    tried = np.geomspace(low, high, round(np.log(high / low) / np.log(STEP)) + 1)
    asked = (network, card, field, material, epsilon)
    best = max((answer_at(size, *asked) for size in tried), key=lambda answer: answer.coverage)
    for _ in range(CORRECTIONS):
        if best.coverage == 0 or abs(best.ratio - 1) < CONVERGED:
            break
        better = answer_at(best.sampling * best.ratio, *asked)
        if better.coverage < KEPT * best.coverage:
            break
        best = better
    agrees = abs(best.ratio - 1) <= LARGEST_MISFIT
    return best if agrees and best.coverage >= LEAST_COVERAGE else None


def spacing_of(material: Material) -> float:
    """Distance of neighbouring columns in projection, Å: a bond, or that of the reference cell.

    Raises ValueError for a material that has neither.
    """
    if material.bonds is not None:
        return material.bonds.length
    if material.reference is None:
        raise ValueError(f"{material.name} has neither bonds nor a reference crystal")
    cell = np.array(material.reference.cell)
    sites = np.unique([site.at[:2] for site in material.reference.basis], axis=0)
    shifts = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    apart = np.linalg.norm((sites[:, None, None] - sites[None, :, None] + shifts) * cell, axis=-1)
    return float(apart[apart > 1e-6].min())


def answer_at(
    sampling: float,
    network: torch.nn.Module,
    card: Mapping[str, Any],
    field: np.ndarray,
    material: Material,
    epsilon: float,
) -> Answer:
    """What the network answers to the middle of a field if its pixel is `sampling`."""
    part = _middle(field, round(SIDE * working_sampling(card) / sampling))
    how = {"tile": SIDE, "overlap": SIDE // 8, "symmetries": 1, "device": best_device()}
    maps, pixel = predict(network, card, part, sampling, **how)
    table = atoms_table(maps, pixel, sampling, card, epsilon=epsilon, threshold=CERTAIN)
    weight, ratio = _in_crystal(table, material)
    ny, nx = part.shape[-2:]
    return Answer(sampling, weight / (material.density * ny * nx * sampling**2), ratio)


def _middle(field: np.ndarray, side: int) -> np.ndarray:
    ny, nx = field.shape[-2:]
    y, x = (max(n - side, 0) // 2 for n in (ny, nx))
    return field[..., y : y + side, x : x + side]


def _in_crystal(table: pd.DataFrame, material: Material) -> tuple[float, float]:
    """Certainty summed over the atoms that have a neighbour where the crystal has one, and the
    crystal's distance over their median one."""
    neighbours = 1 if material.bonds is None else material.bonds.coordination
    if len(table) <= max(neighbours, 3):
        return 0.0, 1.0
    positions = table[["x_angstrom", "y_angstrom"]].to_numpy()
    distances = cKDTree(positions).query(positions, k=neighbours + 1)[0][:, 1:]
    low, high = material.neighbours
    bonded = (distances[:, 0] > low) & (distances[:, 0] < high)
    if not bonded.any():
        return 0.0, 1.0
    certainty = (2 * table["probability"].to_numpy() - 1).clip(min=0)
    found = float(np.median(distances[bonded].mean(axis=1)))
    return float(certainty[bonded].sum()), spacing_of(material) / found
