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

from latticework.analysis.atoms.familiar import signs_of
from latticework.analysis.atoms.table import CERTAIN, LOWEST_PROBABILITY, atoms_table
from latticework.hardware import best_device
from latticework.inference import familiarity
from latticework.inference.class_maps import predict, working_sampling
from latticework.inference.familiarity import Familiarity
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
# Maxima of the fullness that are looked into.
MOST_PEAKS = 4
# Score of familiarity: above 0 a network warns; at wrong sizes real images have 4 and more.
FOREIGN = 2.0


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

    @property
    def fullness(self) -> float:
        """How near the coverage is to that of a full field, 1 at most."""
        return min(self.coverage, 1 / max(self.coverage, 1e-9))


def checked_lattice(
    lattice: LatticeScale | None,
    metadata: float | None,
    network: torch.nn.Module,
    card: Mapping[str, Any],
    field: np.ndarray,
    material: Material,
    *,
    epsilon: float,
    known: Familiarity | None = None,
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
    known
        What the network knows, if that is known, as for `network_sampling`.
    """
    if lattice is not None and not _first_order_may_hide(lattice, field.shape[-2:], material):
        return lattice, []
    if lattice is None and metadata is not None:
        return None, []
    asked = (network, card, field, material)
    found = network_sampling(*asked, epsilon=epsilon, known=known)
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


def _strangeness(
    sampling: float,
    known: Familiarity,
    network: torch.nn.Module,
    card: Mapping[str, Any],
    field: np.ndarray,
    epsilon: float,
) -> float:
    """How little the middle of a field looks like what the network knows at a pixel size.

    Metals alone of a dichalcogenide, say, are a lattice of the right distances at a wrong size.
    """
    with familiarity.watched(network) as features:
        part, maps, pixel = _read(sampling, network, card, field)
        table = atoms_table(
            maps, pixel, sampling, card, epsilon=epsilon, threshold=LOWEST_PROBABILITY
        )
        return known.score(signs_of(features, maps, part, sampling, card, table))


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
    known: Familiarity | None = None,
) -> Answer | None:
    """The pixel size at which a network finds its crystal in a field (series, ny, nx), or None.

    Of several, the one at which the field looks most like what the network knows (`known`), and the
    fullest where that is not known. `network` and `card` as `learning.weights.load` gives them,
    `epsilon` as in `config.inference.Images`.
    """
    extent = material.lattice_constant * np.array(CELLS)
    low, high = np.clip(extent / min(field.shape[-2:]), *SAMPLING_RANGE)
    tried = np.geomspace(low, high, round(np.log(high / low) / np.log(STEP)) + 1)
    asked = (network, card, field, material, epsilon)
    answers = [answer_at(size, *asked) for size in tried]
    full = np.array([0.0, *(answer.fullness for answer in answers), 0.0])
    peaks = np.flatnonzero((full[1:-1] >= full[:-2]) & (full[1:-1] > full[2:]))
    peaks = sorted(peaks, key=lambda n: -full[n + 1])[:MOST_PEAKS]
    corrected = [_corrected(answers[n], *asked) for n in peaks]
    fit = [a for a in corrected if _fits(a)]
    if known is None:
        return max(fit, key=lambda answer: answer.fullness, default=None)
    scores = [_strangeness(answer.sampling, known, network, card, field, epsilon) for answer in fit]
    if not fit or min(scores) > FOREIGN:
        return None
    return fit[int(np.argmin(scores))]


def _corrected(start: Answer, *asked: Any) -> Answer:
    """An answer at the size that its atoms' distances say; `asked` as for `answer_at`."""
    best = start
    for _ in range(CORRECTIONS):
        if best.coverage == 0 or abs(best.ratio - 1) < CONVERGED:
            break
        better = answer_at(best.sampling * best.ratio, *asked)
        if better.fullness < KEPT * best.fullness:
            break
        best = better
    return best


def _fits(answer: Answer) -> bool:
    return abs(answer.ratio - 1) <= LARGEST_MISFIT and answer.fullness >= LEAST_COVERAGE


def neighbours_of(material: Material) -> tuple[int, float]:
    """Nearest neighbours of a column and their mean distance in projection, Å: bonds, or what the
    reference cell has.

    Raises ValueError for a material that has neither.
    """
    if material.bonds is not None:
        return material.bonds.coordination, material.bonds.length
    if material.reference is None:
        raise ValueError(f"{material.name} has neither bonds nor a reference crystal")
    cell = np.array(material.reference.cell)
    sites = np.unique([site.at[:2] for site in material.reference.basis], axis=0)
    shifts = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])
    apart = np.linalg.norm((sites[0] - sites[:, None] + shifts) * cell, axis=-1).ravel()
    count = material.reference.neighbours
    return count, float(np.sort(apart)[1 : count + 1].mean())


def answer_at(
    sampling: float,
    network: torch.nn.Module,
    card: Mapping[str, Any],
    field: np.ndarray,
    material: Material,
    epsilon: float,
) -> Answer:
    """What the network answers to the middle of a field if its pixel is `sampling`."""
    part, maps, pixel = _read(sampling, network, card, field)
    table = atoms_table(maps, pixel, sampling, card, epsilon=epsilon, threshold=CERTAIN)
    weight, ratio = _in_crystal(table, material)
    ny, nx = part.shape[-2:]
    return Answer(sampling, weight / (material.density * ny * nx * sampling**2), ratio)


def _read(
    sampling: float, network: torch.nn.Module, card: Mapping[str, Any], field: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """The middle of a field, its class maps if its pixel is `sampling`, and theirs, Å."""
    side = round(SIDE * working_sampling(card) / sampling)
    y, x = (max(n - side, 0) // 2 for n in field.shape[-2:])
    part = field[..., y : y + side, x : x + side]
    how = {"tile": SIDE, "overlap": SIDE // 8, "symmetries": 1, "device": best_device()}
    return part, *predict(network, card, part, sampling, **how)


def _in_crystal(table: pd.DataFrame, material: Material) -> tuple[float, float]:
    """Certainty summed over the atoms that have a neighbour where the crystal has one, and the
    crystal's distance over their median one."""
    neighbours, expected = neighbours_of(material)
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
    return float(certainty[bonded].sum()), expected / found
