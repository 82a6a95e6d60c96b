"""How right the order is that is read through a network, on simulated images of known surfaces."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from scipy.spatial import cKDTree

from latticework.analysis.atoms.table import read_map
from latticework.analysis.surfaces.lock_in import correlation_length
from latticework.analysis.surfaces.markov_field import domains
from latticework.analysis.surfaces.ordered import Ordered, lattice_of_sites, read_order
from latticework.analysis.surfaces.site_lattice import SiteLattice
from latticework.analysis.surfaces.site_order import LOCAL, apart, neighbourhood, patterns
from latticework.config.inference import Images
from latticework.evaluation.atoms_stm import images
from latticework.hardware import best_device
from latticework.imaging.bank import Bank
from latticework.inference.class_maps import predict
from latticework.materials import Material
from latticework.structures import specimen, targets

GRID = 0.5  # Å: pixel of the maps of domains that are compared
SURE = 0.985  # probability of a known class


def order_scores(
    network: torch.nn.Module,
    card: Mapping[str, Any],
    structures: Sequence[Atoms],
    bank: Bank,
    material: Material,
    noises: Sequence[float],
    how: Images,
    *,
    border: float,
    seed: int,
) -> pd.DataFrame:
    """One row for every structure and noise: what was read, and what is true.

    Of an ordered state the order parameter of the image and of the neighbourhoods, and the
    correlation length in Å, each with `_true`, by the same analysis of the true sites and classes;
    `significance`, and `amplitude`, the strength of the state that the structure was given, 0 for
    none. Of orientations `area`, the share of the image whose domain's orientation is right;
    `area_alone`, without the field of neighbours; `area_known`, by the field with true classes;
    `alone`, the share of single molecules that are right.

    Parameters
    ----------
    structures, bank
        Structures and their sharp images.
    border
        Within this of the edge, in Å, no area is compared.
    """
    rows = []
    for noise, number, image, sampling in images(bank, card, noises, seed):
        maps, pixel = predict(
            network,
            card,
            image,
            sampling,
            tile=how.tile,
            overlap=how.overlap,
            symmetries=how.symmetries,
            device=best_device(),
        )
        table, _ = read_map(
            maps, pixel, image.shape[1:], sampling, card, material,
            epsilon=how.epsilon, threshold=how.threshold,
        )  # fmt: skip
        found = read_order(image[0], table, material, card["classes"], sampling)
        score = area_scores if material.order.orientations else state_scores
        known = {"noise": noise, "structure": number}
        rows.append(known | score(found, structures[number], material, sampling, border))
    return pd.DataFrame(rows)


def state_scores(
    found: Ordered, atoms: Atoms, material: Material, sampling: float, border: float
) -> dict[str, float]:
    """Scores of an ordered state; see `order_scores`."""
    state = next(iter(found.states.values()))
    given = specimen(atoms)
    places = given.positions[:, :2]
    lattice = lattice_of_sites(places, material, 1.0)
    truth = known_state(places, given.classes, lattice, np.array(material.order.vectors))
    return {
        "amplitude": float(atoms.info.get("order", 0.0)),
        "significance": state.significance,
        "parameter": state.parameter,
        "parameter_true": truth[0],
        "local": state.local_parameter,
        "local_true": truth[1],
        "length": state.length * sampling,
        "length_true": truth[2],
    }


def known_state(
    places: np.ndarray, classes: np.ndarray, lattice: SiteLattice, vectors: np.ndarray
) -> tuple[float, float, float]:
    """Order parameters, of the image and of neighbourhoods, and the correlation length in Å, of
    sites (n, 2) whose classes, 1 for bright and 2 for dark ones, are known."""
    own = lattice.single(0)
    shape = patterns(lattice.indices[own], vectors)
    bright = np.where(classes[own] == 1, 1.0, -1.0)
    labels = (bright[:, None] * shape).argmax(axis=1)
    states = apart(labels, shape.shape[1])
    local = np.linalg.norm(neighbourhood(states, places[own], LOCAL * lattice.spacing), axis=1)
    longest = 0.5 * float(np.ptp(places[own], axis=0).min())
    length = correlation_length(places[own], states, longest)[0]
    return float(np.linalg.norm(states.mean(axis=0))), float(local.mean()), length


def area_scores(
    found: Ordered, atoms: Atoms, material: Material, sampling: float, border: float
) -> dict[str, float]:
    """Scores of a map of orientational domains; see `order_scores`.

    A domain's orientation is the most frequent one of its molecules.
    """
    given = targets(atoms)
    places, kinds = given.positions[:, :2], given.classes - 1
    seen = atoms[atoms.arrays["visible"]]
    first = np.unique(seen.arrays["column"], return_index=True)[1]
    domain = seen.arrays["domain"][first]
    count = len(material.classes)
    truth = np.empty(len(kinds), int)
    for number in np.unique(domain):
        own = domain == number
        truth[own] = np.bincount(kinds[own], minlength=count).argmax()
    certain = np.full((len(kinds), count), (1 - SURE) / (count - 1))
    certain[np.arange(len(kinds)), kinds] = SURE
    field = domains(certain, lattice_of_sites(places, material, 1.0).pairs).argmax(axis=1)
    sites = found.table[found.table["class"] != "missing"]
    sites = sites[sites["domain"] >= 0]
    positions = sites[["x_px", "y_px"]].to_numpy() * sampling
    numbers = {name: n for n, name in enumerate(material.classes)}
    alone = sites["class"].map(numbers).to_numpy()
    line = np.arange(border, float(atoms.cell.lengths()[0]) - border, GRID)
    grid = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    at_true = cKDTree(places).query(grid)[1]
    at_found = cKDTree(positions).query(grid)[1]

    def right(labels: np.ndarray) -> float:
        return float((labels[at_found] == truth[at_true]).mean())

    distance, match = cKDTree(places).query(positions)
    near = distance < 0.3 * material.lattice_constant
    return {
        "area": right(sites["orientation_domain"].map(numbers).to_numpy()),
        "area_alone": right(alone),
        "area_known": float((field[at_true] == truth[at_true]).mean()),
        "alone": float((alone[near] == kinds[match[near]]).mean()),
    }
