"""Order on the sites of a lattice: which of them are bright, in which domain, over what length.

An ordered state gives every site a value that repeats with a few ordering vectors: of a
checkerboard every other site is brighter. The same state moved by a lattice vector is another
domain of it. Which domain a site is in follows from its own value, which is noisy, and from its
neighbours, which are mostly in the same one: a Markov random field whose amplitude and noise are
learned from the image.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.stats import median_abs_deviation

from latticework.analysis.surfaces.lock_in import correlation_length
from latticework.analysis.surfaces.markov_field import marginals
from latticework.analysis.surfaces.site_lattice import SiteLattice

COUPLING = 0.8  # log-weight of neighbours in one domain
ROUNDS = 12
CLIP = 3.0  # robust standard deviations, of a value
SLOW = 2.0  # spacings, over which values have their mean taken off
WIDTH = 0.2  # spacings: standard deviation of the Gaussian that reads a site
LOCAL = 1.0  # spacings: that of the neighbourhood of the local order parameter
LARGEST = 12  # sites after which an ordered state repeats at the latest
SAME = 1e-6
# Correlation of neighbours over what independent noise would have; below it there is no order.
SIGNIFICANT = 5.0
REACHES = (1.2, 2.3, 4.2)  # spacings, of pairs of sites that may agree
FEWEST = 8  # sites that hang together
LEAST_NOISE = 0.05  # robust standard deviations


@dataclass(frozen=True)
class SiteOrder:
    """An ordered state of sites.

    Parameters
    ----------
    values
        (n,), what the sites were read as, all readings together, with a standard deviation of 1.
    domain
        (n,), number of the state's translation that a site is in; −1 where it has none.
    domains
        How many translations the state has.
    sure
        (n,), probability of that domain.
    state
        (n,), the ordered state at a site, from −1 to 1: of a checkerboard ±1.
    local
        (n,), order parameter of the neighbourhood, from 0 to 1.
    amplitude, noise
        (m,) of the state in each reading, in robust standard deviations, and what is left of it.
    significance
        Correlation of brightness, as the state has it, over that of independent noise.
    length
        Correlation length of the order in units of the positions.
    correlation
        (2, bins), distances and correlations behind it.
    """

    values: np.ndarray
    domain: np.ndarray
    domains: int
    sure: np.ndarray
    state: np.ndarray
    local: np.ndarray
    amplitude: np.ndarray
    noise: np.ndarray
    significance: float
    length: float
    correlation: np.ndarray

    @property
    def present(self) -> bool:
        """Whether there is order: sites agree more than noise would."""
        return self.significance > SIGNIFICANT

    @property
    def parameter(self) -> float:
        """Order parameter of the image: 1 for a single domain, 0 where all have equal shares."""
        return order_parameter(self.domain[self.domain >= 0], self.domains)

    @property
    def local_parameter(self) -> float:
        """Mean of the neighbourhoods' order parameters."""
        return float(np.nanmean(self.local))


def apart(labels: np.ndarray, count: int) -> np.ndarray:
    """Vectors (n, count) of length 1 of labels (n,), those of all labels adding up to nothing.

    Of two labels the product of two vectors is 1 for equal and −1 for different ones.
    """
    return np.sqrt(count / (count - 1)) * (np.eye(count)[labels] - 1 / count)


def order_parameter(labels: np.ndarray, count: int) -> float:
    """From 0, all `count` labels have equal shares, to 1, one has all: size of the mean vector."""
    return float(np.linalg.norm(apart(labels, count).mean(axis=0)))


def site_values(image: np.ndarray, positions: np.ndarray, spacing: float) -> np.ndarray:
    """What a levelled image (ny, nx) shows at sites (n, 2), px: means under a narrow Gaussian."""
    seen = ndimage.gaussian_filter(np.clip(image, -2 * CLIP, 2 * CLIP), WIDTH * spacing)
    return ndimage.map_coordinates(seen, positions.T[::-1], order=1, mode="nearest")


def without_slow(values: np.ndarray, positions: np.ndarray, spacing: float) -> np.ndarray:
    """Values (n,) less their mean over a neighbourhood, over their robust spread, clipped."""
    rest = values - neighbourhood(values, positions, SLOW * spacing)
    spread = median_abs_deviation(rest, scale="normal")
    return np.clip((rest - np.median(rest)) / max(spread, 1e-12), -CLIP, CLIP)


def neighbourhood(values: np.ndarray, positions: np.ndarray, width: float) -> np.ndarray:
    """Means of values (n,) or (n, m) at sites (n, 2) under a Gaussian of `width`."""
    tree = cKDTree(positions)
    near = tree.sparse_distance_matrix(tree, 3 * width, output_type="coo_matrix").tocsr()
    near.data = np.exp(-0.5 * (near.data / width) ** 2)
    # The matrix has no entry for a distance of nothing: a site itself weighs one.
    total = np.asarray(near.sum(axis=1)).ravel() + 1
    return ((near @ values + values).T / total).T


def patterns(indices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The state (n, domains) at sites of `indices` (n, 2) in each of its translations.

    Parameters
    ----------
    vectors
        (m, 2), ordering vectors in units of the reciprocal lattice, such as (½, ½).

    Raises ValueError for vectors that do not repeat within `LARGEST` sites.
    """
    vectors = np.atleast_2d(vectors)
    whole = (n for n in range(1, LARGEST + 1) if np.allclose(n * vectors, np.rint(n * vectors)))
    period = next(whole, None)
    if period is None:
        raise ValueError(f"ordering vectors {vectors.tolist()}: no period up to {LARGEST} sites")
    cell = np.array(list(product(range(period), repeat=2)))

    def state(at: np.ndarray) -> np.ndarray:
        return np.cos(2 * np.pi * at @ vectors.T).mean(axis=-1)

    different = []
    for shift in cell:
        seen = state(cell + shift)
        if not any(np.allclose(seen, state(cell + other), atol=SAME) for other in different):
            different.append(shift)
    return np.stack([state(indices + shift) for shift in different], axis=1)


def order_of(
    positions: np.ndarray, readings: np.ndarray, lattice: SiteLattice, vectors: np.ndarray
) -> SiteOrder:
    """The ordered state of sites (n, 2) from what was read of them.

    Each reading says more or less of the state: how much, is learned from the image, as amplitude
    and noise, in turn with the domains (expectation–maximisation).

    Parameters
    ----------
    readings
        (m, n): m readings of every site, the first its brightness, which decides whether there is
        order; then others, such as the difference of two classes' probabilities. Their slow means
        are taken off.
    lattice
        Of the sites. The largest group of those that hang together is read.
    vectors
        (m, 2) ordering vectors, in units of the reciprocal lattice.

    Raises ValueError for fewer than eight sites that hang together.
    """
    own = lattice.single(0)
    if len(own) < FEWEST:
        raise ValueError(f"order: expected {FEWEST} sites that hang together, found {len(own)}")
    places, pairs = positions[own], lattice.pairs_of(own)
    read = np.array([without_slow(one[own], places, lattice.spacing) for one in readings])
    shape = patterns(lattice.indices[own], vectors)
    amplitude, noise = np.ones(len(read)), np.ones(len(read))
    for _ in range(ROUNDS):
        rest = read[:, :, None] - amplitude[:, None, None] * shape
        belief = marginals(-0.5 * ((rest / noise[:, None, None]) ** 2).sum(axis=0), pairs, COUPLING)
        amplitude = (belief * shape * read[:, :, None]).sum(axis=(1, 2)) / (belief * shape**2).sum()
        rest = read[:, :, None] - amplitude[:, None, None] * shape
        noise = np.sqrt((belief * rest**2).sum(axis=(1, 2)) / len(own)).clip(min=LEAST_NOISE)
    labels = belief.argmax(axis=1)
    states = apart(labels, belief.shape[1])
    local = np.linalg.norm(neighbourhood(states, places, LOCAL * lattice.spacing), axis=1)
    longest = 0.5 * float(np.ptp(places, axis=0).min())
    length, distance, correlation = correlation_length(places, states, longest)
    count = len(positions)
    weighted = (amplitude / noise**2) @ read
    return SiteOrder(
        values=_everywhere(weighted / weighted.std(), own, count),
        domain=_everywhere(labels, own, count, -1),
        state=_everywhere(shape[np.arange(len(own)), labels], own, count),
        domains=shape.shape[1],
        sure=_everywhere(belief.max(axis=1), own, count),
        local=_everywhere(local, own, count),
        amplitude=amplitude,
        noise=noise,
        significance=_significance(read[0], shape, places, lattice.spacing),
        length=length,
        correlation=np.stack([distance, correlation]),
    )


def _significance(read: np.ndarray, shape: np.ndarray, places: np.ndarray, spacing: float) -> float:
    """Correlation of values with what one domain would have, over that of independent noise.

    Of all pairs of sites nearer than so many spacings: domains may be small, or the state weak and
    long. The largest of them.
    """
    found = []
    for reach in REACHES:
        i, j = cKDTree(places).query_pairs(reach * spacing, output_type="ndarray").T
        expected = (shape[i] * shape[j]).mean(axis=1)
        size = np.sqrt((expected**2).sum()) * np.mean(read**2)
        found.append(float((expected * read[i] * read[j]).sum() / max(size, 1e-300)))
    return max(found)


def _everywhere(
    values: np.ndarray, own: np.ndarray, count: int, missing: float = np.nan
) -> np.ndarray:
    """Values of some sites as values (count,) of all."""
    of_all = np.full(count, missing, dtype=np.result_type(values.dtype, type(missing)))
    of_all[own] = values
    return of_all
