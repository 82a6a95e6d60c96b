"""How molecules are turned about the surface's normal, learned from the image that shows them.

In a layer an orientation comes turned by the symmetry of the lattice: by 60° of a hexagonal one.
What a molecule looks like in that orientation nobody has to know: turned back by its azimuth every
molecule of the orientation is the same picture, and the picture, the azimuths, and what all
molecules of the image share are found in turn (expectation–maximisation).

A picture is written in circular waves around the molecule's middle, of which a turn changes the
phase only. What all molecules share is not turned with them: offsets of lines are taken off a scan,
and with them a part of every row of molecules, so that all of them are darker along the lines.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.special import logsumexp

# Of the distance of neighbours: width of a Gaussian that the image is seen through, and the range
# of the rings around a molecule that are read.
BLUR, INNER, OUTER = 0.06, 0.08, 0.55
RINGS, CIRCLES, POINTS = 3, 2, 24  # rings, circles in each, points on a circle
WAVES = np.array([1, 2, 3])  # around a molecule
STARTS, FITS, ROUNDS = 10, 10, 8
SURE, LIKELY = 0.5, 0.3  # probability of an orientation: to start from a molecule, and to use it
FEWEST = 3  # molecules that a picture is learned from
SHRINK = 0.1  # of the noise's covariance towards one that is the same in all directions
LEAST = 0.003  # probability: nothing that a network says is certain


def circular_waves(image: np.ndarray, positions: np.ndarray, spacing: float) -> np.ndarray:
    """Waves around sites (n, 2) px of a levelled image (ny, nx), over its standard deviation.

    Returns (n, rings, waves), complex: a site that is turned by the angle t, from x to y, has them
    times exp(−i m t) with m = 1, 2, 3.
    """
    seen = ndimage.gaussian_filter(image, BLUR * spacing)
    radii = np.linspace(INNER, OUTER, RINGS * CIRCLES) * spacing
    angles = np.arange(POINTS) * 2 * np.pi / POINTS
    x = positions[:, 0, None, None] + radii[:, None] * np.cos(angles)
    y = positions[:, 1, None, None] + radii[:, None] * np.sin(angles)
    values = ndimage.map_coordinates(seen, [y, x], order=1, mode="nearest")
    rings = values.reshape(len(positions), RINGS, CIRCLES, POINTS).mean(axis=2)
    waves = rings @ np.exp(-1j * angles[:, None] * WAVES) / POINTS
    return waves / max(float(image.std()), 1e-12)


def turned_kinds(
    waves: np.ndarray, shares: np.ndarray, azimuths: Sequence[int], step: float
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of orientation and azimuth, from those of the orientation.

    Parameters
    ----------
    waves
        (n, rings, waves) of `circular_waves`.
    shares
        (n, kinds), probabilities of the orientations.
    azimuths
        How many of them each orientation has in a layer.
    step
        Degrees from one to the next.

    Returns
    -------
    probabilities
        (n, states): a state is an orientation in one of its azimuths. Which azimuth is the first of
        an orientation is chance.
    kinds
        (states,), the orientation of each state.
    """
    kinds = np.repeat(np.arange(len(azimuths)), azimuths)
    turns = np.concatenate([np.arange(count) for count in azimuths])
    read = _as_real(waves)
    back = _turns(waves.shape[1:], step, max(azimuths))[turns]
    shared = read.mean(axis=0)
    weight = _inverse((read - shared)[:, None], np.ones((len(read), 1)))
    pictures = np.zeros((len(azimuths), read.shape[1]))
    for kind, count in enumerate(azimuths):
        own = (read - shared)[shares[:, kind] > SURE]
        if len(own) >= FEWEST:
            pictures[kind] = _picture(own, back[kinds == kind][:count], weight)
    seen = np.clip(shares, LEAST, 1)
    used = (seen * (shares > LIKELY))[:, kinds]
    for _ in range(ROUNDS):
        expected = np.einsum("sij,sj->si", back, pictures[kinds])
        rest = read[:, None] - shared - expected
        belief = _within(-0.5 * _distance(rest, weight), kinds) * seen[:, kinds]
        belief /= belief.sum(axis=1, keepdims=True)
        weight = _inverse(rest, belief)
        shared = (belief[:, :, None] * (read[:, None] - expected)).sum(axis=(0, 1)) / len(read)
        for kind in range(len(azimuths)):
            own = np.flatnonzero(kinds == kind)
            part = belief[:, own] * (used[:, own] > 0)
            turned = np.einsum("ns,sij,ni->j", part, back[own], read - shared)
            # One more molecule, that shows nothing, keeps few of them from noise.
            pictures[kind] = turned / (part.sum() + 1)
    return belief, kinds


def _as_real(waves: np.ndarray) -> np.ndarray:
    """Real and imaginary parts (n, 2 · rings · waves) of waves (n, rings, waves)."""
    flat = waves.reshape(len(waves), -1)
    return np.concatenate([flat.real, flat.imag], axis=1)


def _turns(shape: tuple[int, ...], step: float, count: int) -> np.ndarray:
    """Matrices (count, d, d) that turn such parts by 0, 1, 2, … steps of so many degrees."""
    angle = np.deg2rad(step) * np.arange(count)[:, None] * np.tile(WAVES, shape[0])
    cosine, sine = (np.eye(angle.shape[1]) * of(angle)[:, None, :] for of in (np.cos, np.sin))
    return np.block([[cosine, sine], [-sine, cosine]])


def _distance(rest: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Squared length (n, states) of differences (n, states, d) under a metric (d, d)."""
    return np.einsum("nsd,nsd->ns", rest @ weight, rest)


def _inverse(rest: np.ndarray, belief: np.ndarray) -> np.ndarray:
    """Inverse (d, d) of the covariance of differences (n, states, d) with weights (n, states)."""
    flat, share = rest.reshape(-1, rest.shape[2]), belief.reshape(-1, 1)
    covariance = (flat * share).T @ flat / share.sum()
    size = np.trace(covariance) / len(covariance)
    return np.linalg.inv((1 - SHRINK) * covariance + SHRINK * size * np.eye(len(covariance)))


def _within(evidence: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Probabilities (n, states) of the azimuths, which add up to one in each orientation."""
    shares = np.empty_like(evidence)
    for kind in np.unique(kinds):
        own = evidence[:, kinds == kind]
        shares[:, kinds == kind] = np.exp(own - logsumexp(own, axis=1, keepdims=True))
    return shares


def _picture(read: np.ndarray, turns: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The picture (d,) that molecules (n, d) of one orientation share, each in one of its turns.

    From several molecules in turn as a first picture; the best one of what comes out.
    """
    found = []
    for start in read[np.linspace(0, len(read) - 1, min(STARTS, len(read))).astype(int)]:
        picture = start
        for _ in range(FITS):
            off = _distance(read[:, None] - turns @ picture, weight)
            best = off.argmin(axis=1)
            picture = np.einsum("nij,ni->j", turns[best], read) / len(read)
        found.append((off.min(axis=1).sum(), picture))
    return min(found, key=lambda one: one[0])[1]
