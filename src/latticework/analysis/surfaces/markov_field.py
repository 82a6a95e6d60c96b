"""Labels on a lattice's graph by a Markov random field: what each site looks like, and what its
neighbours are (as for bowls on gold in Ziatdinov et al. 2017)."""

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import Delaunay
from scipy.special import softmax

SWEEPS = 40
PRIOR = 1.0  # of a count of pairs, so that what was never seen is not impossible
# Of domains: log-weight of neighbours in one; what share of its sites is expected to be of another
# kind, and how many sites that expectation weighs.
COUPLING, ODD, WEIGHT, ROUNDS = 1.5, 0.2, 10.0, 6
LEAST = 0.003  # probability: nothing that a network says is certain
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

    belief = softmax(evidence, axis=1)
    for _ in range(SWEEPS):
        # Half of the step: sites that change together would swing between two answers.
        belief = 0.5 * belief + 0.5 * softmax(evidence + neighbours @ belief @ potential, axis=1)
    return belief.argmax(axis=1), belief


def marginals(evidence: np.ndarray, pairs: np.ndarray, coupling: float) -> np.ndarray:
    """Probabilities (n, kinds) of labels in a Potts model, by belief propagation.

    Neighbours have the same label with a weight of exp(coupling). Where many neighbours agree,
    mean field is too sure of them; here what a neighbour says leaves out what it was told by the
    site itself (Pearl's sum-product rule, exact on a tree).

    Parameters
    ----------
    evidence, pairs
        As for `most_probable`.
    """
    source, target = np.concatenate([pairs, pairs[:, ::-1]]).T
    edges = np.arange(len(source))
    back = (edges + len(pairs)) % max(len(source), 1)
    message = np.zeros((len(source), evidence.shape[1]))
    into = csr_array((np.ones(len(source)), (target, edges)), shape=(len(evidence), len(source)))

    def field() -> np.ndarray:
        return evidence + into @ message

    for _ in range(SWEEPS):
        rest = softmax(field()[source] - message[back], axis=1)
        message = 0.5 * message + 0.5 * np.log1p(np.expm1(coupling) * rest)
    return softmax(field(), axis=1)


def labelled(
    evidence: np.ndarray, pairs: np.ndarray, rounds: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """As `most_probable`, with the potential learned from the labels, a few times over."""
    labels, belief = evidence.argmax(axis=1), evidence
    for _ in range(rounds):
        potential = pair_potential(labels, pairs, evidence.shape[1])
        labels, belief = most_probable(evidence, pairs, potential)
    return labels, belief


def domains(belief: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The domain that each site lies in, as probabilities (n, kinds): what those around it are.

    Neighbours belong to one domain more often than not (a Potts model). A site of a domain is of
    the domain's kind, or it is odd, and of any: how many are odd, and of what kinds, is learned
    from the image (expectation–maximisation).

    Parameters
    ----------
    belief
        (n, kinds), probabilities of what each site is: an orientation, or one in one azimuth.
    """
    kinds = belief.shape[1]
    seen = np.clip(belief, LEAST / kinds, 1)
    odd, odd_kinds = ODD, np.full(kinds, 1 / kinds)
    for _ in range(ROUNDS):
        by_chance = odd * (seen @ odd_kinds)[:, None]
        likelihood = (1 - odd) * seen + by_chance
        domain = marginals(np.log(likelihood), pairs, COUPLING)
        share = (domain * by_chance / likelihood).sum(axis=1)
        odd = (share.sum() + WEIGHT * ODD) / (len(seen) + WEIGHT)
        parts = (share / (seen @ odd_kinds)) @ (seen * odd_kinds)
        odd_kinds = (parts + WEIGHT / kinds) / (parts.sum() + WEIGHT)
    return domain
