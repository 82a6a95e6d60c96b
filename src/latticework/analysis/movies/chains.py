"""Posteriors of a hidden Markov chain by sums forth and back over all paths (Rabiner 1989)."""

import numpy as np


def forward_backward(
    likelihood: np.ndarray, step: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Posteriors of the states of chains, of pairs of them, and the logarithm of the likelihood.

    Parameters
    ----------
    likelihood
        (states, chains, frames), of what is observed by the state; ones where nothing is.
    step
        (chains, states, states), probability of the next state (last axis) by the present one.
    start
        (chains, states), probability of the first state.

    Returns
    -------
    np.ndarray, np.ndarray, float
        (chains, frames, states), (chains, frames − 1, states, states), and one number of all.
    """
    n_states, n_chains, n_frames = likelihood.shape
    seen = np.moveaxis(likelihood, 0, -1)
    forward = np.empty((n_chains, n_frames, n_states))
    logarithm, current = 0.0, start * seen[:, 0]
    for t in range(n_frames):
        if t:
            current = np.einsum("si,sij->sj", forward[:, t - 1], step) * seen[:, t]
        total = current.sum(axis=1, keepdims=True)
        forward[:, t] = current / total
        logarithm += float(np.log(total).sum())
    backward = np.ones((n_chains, n_states))
    states = np.empty_like(forward)
    pairs = np.empty((n_chains, max(n_frames - 1, 0), n_states, n_states))
    states[:, -1] = forward[:, -1]
    for t in range(n_frames - 2, -1, -1):
        ahead = seen[:, t + 1] * backward
        joint = forward[:, t, :, None] * step * ahead[:, None, :]
        pairs[:, t] = joint / joint.sum(axis=(1, 2), keepdims=True)
        states[:, t] = pairs[:, t].sum(axis=2)
        backward = np.einsum("sij,sj->si", step, ahead)
        backward /= backward.sum(axis=1, keepdims=True)
    return states, pairs, logarithm
