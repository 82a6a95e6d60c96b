"""How right the order is that is read through a network, on simulated images of known surfaces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from latticework.analysis.atoms.table import read_map
from latticework.analysis.surfaces.lock_in import correlation_length
from latticework.analysis.surfaces.markov_field import domains
from latticework.analysis.surfaces.ordered import Ordered, lattice_of_sites, read_order
from latticework.analysis.surfaces.site_order import LOCAL, apart, neighbourhood, patterns
from latticework.evaluation import Evaluated
from latticework.evaluation.atoms_stm import images, load_held_out
from latticework.evaluation.held_out import HeldOut
from latticework.materials import Material
from latticework.shards import Array
from latticework.structures import specimen, targets

GRID = 0.5  # Å: pixel of the maps of domains that are compared
SURE = 0.985  # probability of a known class
NEAR = 1.0  # spacings of a site: a map shows nothing farther away


@dataclass(frozen=True)
class Domains:
    """Sites (n, 2) in Å at `positions`, their domains `labels` (n,), of `count` that there may be.

    `spacing` is the distance of neighbours, Å.
    """

    positions: np.ndarray
    labels: np.ndarray
    count: int
    spacing: float

    @cached_property
    def states(self) -> np.ndarray:
        """Vectors (n, count) that stand for the domains."""
        return apart(self.labels, self.count)

    @cached_property
    def local(self) -> np.ndarray:
        """Order parameter (n,) of the neighbourhoods, from 0 to 1."""
        return np.linalg.norm(
            neighbourhood(self.states, self.positions, LOCAL * self.spacing), axis=1
        )

    @cached_property
    def correlation(self) -> tuple[float, np.ndarray, np.ndarray]:
        """Correlation length in Å, and distances and correlations behind it."""
        longest = 0.5 * float(np.ptp(self.positions, axis=0).min())
        return correlation_length(self.positions, self.states, longest)

    def at(self, places: np.ndarray) -> np.ndarray:
        """The domain (m,) at places (m, 2): that of the nearest site."""
        return self.labels[cKDTree(self.positions).query(places)[1]]

    def seen(self, places: np.ndarray) -> np.ndarray:
        """The domain (m,) at places (m, 2), and -1 where no site is near."""
        away, nearest = cKDTree(self.positions).query(places)
        return np.where(away <= NEAR * self.spacing, self.labels[nearest], -1)


@dataclass(frozen=True)
class Compared:
    """Domains as they were read and as they are, and their `scores`; `names` of the domains.

    `found` is None where the sites have no lattice.
    """

    scores: dict[str, float]
    found: Domains | None
    true: Domains
    names: list[str]


def evaluate_order(
    weights_path: Path,
    structures: Sequence[Path],
    simulations: Sequence[Path],
    prepared: Sequence[Path],
    *,
    material: Material,
    evaluation: Mapping[str, Any],
    inference: Mapping[str, Any],
    seed: int,
    study: str,
    name: str,
) -> Evaluated:
    """Scores of the order of held-out structures; arguments as in `evaluation.atoms`.

    A row a noise and structure, see `order_scores`. Details: the first structure at the middle
    noise, with its image and maps of domains, read and true, and their correlations.
    """
    held_out = load_held_out(weights_path, structures, simulations, evaluation, inference)
    noises = held_out.settings.noises
    table, details = order_scores(held_out, material, seed, shown=(noises[len(noises) // 2], 0))
    arrays, attributes = details
    return Evaluated(table, arrays, attributes | {"study": study, "network": name})


def order_scores(
    held_out: HeldOut, material: Material, seed: int, shown: tuple[float, int] | None = None
) -> tuple[pd.DataFrame, tuple[dict[str, Array], dict[str, Any]]]:
    """One row for every structure and noise: what was read, and what is true; and details of one.

    The order parameter of the neighbourhoods and the correlation length in Å of the domains, each
    with `_true`, by the same analysis of the true sites and classes. Of an ordered state also the
    order parameter of the image, `significance`, and `amplitude`, the strength of the state that
    the structure was given, 0 for none. Of orientations `area`, the share of the image whose
    domain's orientation is right; `area_alone`, without the field of neighbours; `area_known`, by
    the field with true classes; `alone`, the share of single molecules that are right. NaN where
    the sites found have no lattice.

    Parameters
    ----------
    held_out
        Within its settings' `border` of the edge, in Å, no area is compared.
    shown
        Noise and number of the structure whose details are wanted: arrays and attributes.
    """
    rows, details = [], ({}, {})
    card, how, structures = held_out.card, held_out.inference, held_out.structures
    for noise, number, image, sampling in images(held_out, seed):
        maps, pixel = held_out.read(image, sampling)
        table, _ = read_map(
            maps, pixel, image.shape[1:], sampling, card, material,
            epsilon=how.epsilon, threshold=how.threshold,
        )  # fmt: skip
        read = read_order(image[0], table, material, card["classes"], sampling)
        compare = compare_orientations if material.order.orientations else compare_states
        compared = compare(read, structures[number], material, sampling, held_out.settings.border)
        rows.append({"noise": noise, "structure": number} | compared.scores)
        if (noise, number) == shown:
            box = float(structures[number].cell.lengths()[0])
            details = _details(compared, image[0], sampling, box)
    return pd.DataFrame(rows), details


def _both(found: Domains | None, true: Domains) -> dict[str, float]:
    """Local order parameters and correlation lengths."""
    return {
        "local": np.nan if found is None else float(found.local.mean()),
        "local_true": float(true.local.mean()),
        "length": np.nan if found is None else found.correlation[0],
        "length_true": true.correlation[0],
    }


def compare_states(
    read: Ordered, atoms: Atoms, material: Material, sampling: float, border: float
) -> Compared:
    """Scores of an ordered state, and its domains; see `order_scores`."""
    true = known_state(atoms, material)
    scores = {"amplitude": float(atoms.info.get("order", 0.0))}
    names = [f"domain {number + 1}" for number in range(true.count)]
    parameter = {"parameter_true": float(np.linalg.norm(true.states.mean(axis=0)))}
    if read.lattice is None:
        return Compared(scores | parameter | _both(None, true), None, true, names)
    state = next(iter(read.states.values()))
    own = state.domain >= 0
    positions = read.table.loc[: len(own) - 1, ["x_px", "y_px"]].to_numpy()[own] * sampling
    labels = _renumbered(state.domain[own], true.at(positions), true.count)
    found = Domains(positions, labels, true.count, read.lattice.spacing * sampling)
    scores |= {"significance": state.significance, "parameter": state.parameter} | parameter
    return Compared(scores | _both(found, true), found, true, names)


def _renumbered(labels: np.ndarray, like: np.ndarray, count: int) -> np.ndarray:
    """Labels (n,) numbered so that they agree with others as often as can be."""
    agree = np.zeros((count, count))
    np.add.at(agree, (labels, like), 1)
    return linear_sum_assignment(-agree)[1][labels]


def known_state(atoms: Atoms, material: Material) -> Domains:
    """Domains of a structure's state; class 1 is bright, 2 is dark."""
    given = specimen(atoms)
    places = given.positions[:, :2]
    lattice = lattice_of_sites(places, material, 1.0)
    own = lattice.single(0)
    shape = patterns(lattice.indices[own], np.array(material.order.vectors))
    bright = np.where(given.classes[own] == 1, 1.0, -1.0)
    labels = (bright[:, None] * shape).argmax(axis=1)
    return Domains(places[own], labels, shape.shape[1], lattice.spacing)


def known_orientations(atoms: Atoms, material: Material) -> tuple[Domains, np.ndarray]:
    """Domains of a layer of molecules, and the class (n,) of each molecule, from 0.

    A domain's orientation is the most frequent one of its molecules.
    """
    given = targets(atoms)
    places, kinds = given.positions[:, :2], given.classes - 1
    seen = atoms[atoms.arrays["visible"]]
    domain = seen.arrays["domain"][np.unique(seen.arrays["column"], return_index=True)[1]]
    count = len(material.classes)
    truth = np.empty(len(kinds), int)
    for number in np.unique(domain):
        own = domain == number
        truth[own] = np.bincount(kinds[own], minlength=count).argmax()
    return Domains(places, truth, count, material.lattice_constant), kinds


def compare_orientations(
    read: Ordered, atoms: Atoms, material: Material, sampling: float, border: float
) -> Compared:
    """Scores of a map of orientational domains, and these; see `order_scores`."""
    true, kinds = known_orientations(atoms, material)
    names = list(material.classes.values())
    if read.lattice is None:
        return Compared(_both(None, true), None, true, names)
    certain = np.full((len(kinds), true.count), (1 - SURE) / (true.count - 1))
    certain[np.arange(len(kinds)), kinds] = SURE
    field = domains(certain, lattice_of_sites(true.positions, material, 1.0).pairs).argmax(axis=1)
    sites = read.table[read.table["domain"].ge(0)]
    positions = sites[["x_px", "y_px"]].to_numpy() * sampling
    numbers = {name: n for n, name in enumerate(material.classes)}
    alone = sites["class"].map(numbers).to_numpy()
    labels = sites["orientation_domain"].map(numbers).to_numpy()
    found = Domains(positions, labels, true.count, read.lattice.spacing * sampling)
    line = np.arange(border, float(atoms.cell.lengths()[0]) - border, GRID)
    grid = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)

    def right(places: np.ndarray, which: np.ndarray) -> float:
        return float((which[cKDTree(places).query(grid)[1]] == true.at(grid)).mean())

    distance, match = cKDTree(true.positions).query(positions)
    near = distance < 0.3 * material.lattice_constant
    scores = {
        "area": right(positions, labels),
        "area_alone": right(positions, alone),
        "area_known": right(true.positions, field),
        "alone": float((alone[near] == kinds[match[near]]).mean()),
    }
    return Compared(scores | _both(found, true), found, true, names)


def _details(
    compared: Compared, image: np.ndarray, sampling: float, box: float
) -> tuple[dict[str, Array], dict[str, Any]]:
    """Arrays and attributes of what a figure shows of one structure."""
    line = np.arange(0.5 * GRID, box, GRID)
    grid = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    arrays = {
        "image": Array(image, "1", ("y", "x")),
        "sampling": Array(np.array(sampling), "Å", ()),
        "grid": Array(np.array(GRID), "Å", ()),
    }
    attributes = {"domains": compared.names, "found": compared.found is not None}
    for name, one in (("found", compared.found), ("true", compared.true)):
        if one is None:
            continue
        length, distance, correlation = one.correlation
        arrays |= {
            f"{name}_map": Array(one.seen(grid).reshape(len(line), -1), "1", ("y", "x")),
            f"{name}_sites": Array(one.positions, "Å", (f"{name} site", "xy")),
            f"{name}_local": Array(one.local, "1", (f"{name} site",)),
            f"{name}_distance": Array(distance, "Å", (f"{name} bin",)),
            f"{name}_correlation": Array(correlation, "1", (f"{name} bin",)),
            f"{name}_length": Array(np.array(length), "Å", ()),
        }
    return arrays, attributes
