"""Labels on a lattice's graph by a Markov random field: what each site looks like, and what its
neighbours are (as for bowls on gold in Ziatdinov et al. 2017)."""

import numpy as np
from scipy.spatial import Delaunay

SWEEPS = 40
PRIOR = 1.0  # of a count of pairs, so that what was never seen is not impossible
LONGEST = 1.45  # of the median edge: a triangle across a hole has longer ones


def lattice_graph(positions: np.ndarray) -> np.ndarray:
    """Neighbours (pairs, 2) of sites (n, 2): edges of the Delaunay triangles that are not long."""
    if len(positions) < 3:
        return np.zeros((0, 2), dtype=int)
    corners = Delaunay(positions).simplices
    edges = np.unique(
        np.sort(
            np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]]), axis=1
        ),
        axis=0,
    )
    lengths = np.linalg.norm(positions[edges[:, 0]] - positions[edges[:, 1]], axis=1)
    return edges[lengths < LONGEST * np.median(lengths)]


def pair_potential(labels: np.ndarray, pairs: np.ndarray, kinds: int) -> np.ndarray:
    """log of how much more often neighbours have two labels than by chance, (kinds, kinds)."""
    counts = np.full((kinds, kinds), PRIOR)
    for a, b in ((0, 1), (1, 0)):
        np.add.at(counts, (labels[pairs[:, a]], labels[pairs[:, b]]), 1)
    joint = counts / counts.sum()
    single = joint.sum(axis=1)
    return np.log(joint / np.outer(single, single))


def most_probable(
    evidence: np.ndarray, pairs: np.ndarray, potential: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) of sites and their probabilities (n, kinds), in mean field.

    Parameters
    ----------
    evidence
        (n, kinds), log-likelihood of each label at each site.
    pairs
        (pairs, 2), neighbours.
    potential
        (kinds, kinds), log-weight of two labels of neighbours.
    """
    neighbours = np.zeros((len(evidence),) * 2)
    neighbours[pairs[:, 0], pairs[:, 1]] = neighbours[pairs[:, 1], pairs[:, 0]] = 1

    def normalised(field: np.ndarray) -> np.ndarray:
        weights = np.exp(field - field.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)

    belief = normalised(evidence)
    for _ in range(SWEEPS):
        # Half of the step: sites that change together would swing between two answers.
        belief = 0.5 * belief + 0.5 * normalised(evidence + neighbours @ belief @ potential)
    return belief.argmax(axis=1), belief


def labelled(
    evidence: np.ndarray, pairs: np.ndarray, rounds: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """As `most_probable`, with the potential learned from the labels, a few times over."""
    labels, belief = evidence.argmax(axis=1), evidence
    for _ in range(rounds):
        potential = pair_potential(labels, pairs, evidence.shape[1])
        labels, belief = most_probable(evidence, pairs, potential)
    return labels, belief


def domains(
    belief: np.ndarray, pairs: np.ndarray, mixing: float = 0.2, coupling: float = 1.2
) -> np.ndarray:
    """The domain (n,) that each site lies in: the orientation of those around it.

    A site has its domain's orientation but for the share `mixing`, and neighbours belong to one
    domain with the weight exp(coupling) (a Potts model).

    Parameters
    ----------
    belief
        (n, kinds), probabilities of orientations.
    """
    kinds = belief.shape[1]
    seen = np.log((1 - mixing) * belief + mixing / kinds)
    return most_probable(seen, pairs, coupling * np.eye(kinds))[0]
