"""How often sites change from one class to another: raw, and corrected for errors of the network.

A site that is read wrongly once makes two changes that never were. The states behind what is seen
are a Markov chain, the same for all sites of one kind; what is seen of a state is its confusion
with others. The confusion is that of a simulated movie, or it is fitted along: errors of one frame
are gone in the next, states stay.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from latticework.analysis.movies.chains import forward_backward
from latticework.analysis.movies.rates import rate_interval
from latticework.analysis.movies.transformations import Followed

# Share of what is seen at the sites of a kind, above which a class is a state there.
LEAST_SHARE = 0.005
# Probability of staying from a frame to the next, below which a class is a misreading, no state.
LEAST_STAY = 0.5
STEPS, CLOSE = 500, 1e-6
# Of the fit: observations that each state is worth beforehand, and the share of them that is right.
PRIOR, RIGHT = 20.0, 0.95
# Of a logarithm, for its curvature; and standard deviations of 95 %.
STEP, TWO_SIDED = 0.02, 1.96


@dataclass(frozen=True)
class Chain:
    """A Markov chain that was fitted to the sites of one kind.

    `states` are their names; `start` (states,); `step` (states, states), the probability of the
    next state (column) by the present one; `confusion` (states, symbols); `pairs` (states,
    states), expected numbers of the steps between two frames in which the site was seen; `low`,
    `high` (states, states), of the steps' 95 % interval; `posterior` (sites, frames, states).
    """

    states: tuple[str, ...]
    start: np.ndarray
    step: np.ndarray
    confusion: np.ndarray
    pairs: np.ndarray
    low: np.ndarray
    high: np.ndarray
    posterior: np.ndarray


def states_of(seen: np.ndarray, symbols: Sequence[str]) -> tuple[str, ...]:
    """Classes that are seen (sites, frames) often enough at sites of one kind, commonest first."""
    counts = np.bincount(seen[seen >= 0], minlength=len(symbols))
    order = np.argsort(-counts, kind="stable")
    return tuple(symbols[n] for n in order if counts[n] > LEAST_SHARE * counts.sum())


def raw_pairs(seen: np.ndarray, symbols: int) -> np.ndarray:
    """How often each class (row) is followed by each (column) in the next frame."""
    before, after = seen[:, :-1], seen[:, 1:]
    known = (before >= 0) & (after >= 0)
    code = before[known] * symbols + after[known]
    return np.bincount(code, minlength=symbols**2).reshape(symbols, symbols)


def fitted_chain(
    seen: np.ndarray,
    symbols: Sequence[str],
    states: Sequence[str],
    confusion: np.ndarray | None = None,
) -> Chain:
    """The likeliest chain behind what is seen (sites, frames), numbers of symbols or −1.

    By expectation and maximisation (Baum-Welch). `confusion` (states, symbols) is fitted along
    where it is not given, from a prior of 20 observations a state of which 95 % are right.
    """
    count = len(states)
    own = [list(symbols).index(name) for name in states]
    prior = np.full((count, len(symbols)), (1 - RIGHT) / (len(symbols) - 1))
    prior[range(count), own] = RIGHT
    emission = prior if confusion is None else confusion
    raw = raw_pairs(seen, len(symbols))[np.ix_(own, own)] + 0.1 + np.eye(count)
    step = raw / raw.sum(axis=1, keepdims=True)
    start = np.full(count, 1 / count)
    before = -np.inf
    for _ in range(STEPS):
        posterior, pairs, logarithm = _posterior(seen, emission, step, start)
        step = _rows(pairs)
        start = posterior[:, 0].mean(axis=0)
        if confusion is None:
            emission = _emission(seen, posterior, len(symbols)) + PRIOR * prior
            emission /= emission.sum(axis=1, keepdims=True)
        if abs(logarithm - before) < CLOSE * abs(logarithm):
            break
        before = logarithm
    known = (seen[:, :-1] >= 0) & (seen[:, 1:] >= 0)
    posterior, pairs, _ = _posterior(seen, emission, step, start, known)
    low, high = _interval(seen, emission, step, start, pairs)
    return Chain(tuple(states), start, step, emission, pairs, low, high, posterior)


def _posterior(
    seen: np.ndarray,
    emission: np.ndarray,
    step: np.ndarray,
    start: np.ndarray,
    counted: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, float]:
    """Posterior (sites, frames, states), expected steps (states, states), log likelihood.

    Steps count where `counted` (sites, frames − 1) says so; all of them without it.
    """
    likelihood = np.where(seen < 0, 1.0, np.maximum(emission, 1e-9)[:, seen])
    shape = (len(seen), *step.shape)
    posterior, pairs, logarithm = forward_backward(
        likelihood, np.broadcast_to(step, shape), np.broadcast_to(start, shape[:2])
    )
    return (
        posterior,
        pairs[slice(None) if counted is None else counted].reshape(-1, *step.shape).sum(axis=0),
        logarithm,
    )


def _rows(pairs: np.ndarray) -> np.ndarray:
    return np.maximum(pairs, 1e-12) / np.maximum(pairs, 1e-12).sum(axis=1, keepdims=True)


def _emission(seen: np.ndarray, posterior: np.ndarray, symbols: int) -> np.ndarray:
    """Expected number (states, symbols) of times that each symbol was seen of each state."""
    return np.stack([posterior[seen == symbol].sum(axis=0) for symbol in range(symbols)], axis=1)


def _interval(
    seen: np.ndarray,
    emission: np.ndarray,
    step: np.ndarray,
    start: np.ndarray,
    pairs: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """95 % intervals of the steps from one state to another, each (states, states).

    By the curvature of the likelihood in the logarithms of the steps, all at once, so that what
    misreadings hide is counted; where fewer than one step is expected, up to Poisson's limit.
    """
    moves = [tuple(index) for index in np.argwhere((pairs >= 1) & ~np.eye(len(step), dtype=bool))]

    def score(values: np.ndarray) -> np.ndarray:
        moved = step.copy()
        for index, value in zip(moves, values, strict=True):
            moved[index] = np.exp(value)
        others = moved.sum(axis=1) - np.diag(moved)
        np.fill_diagonal(moved, np.maximum(1 - others, 1e-9))
        _, found, _ = _posterior(seen, emission, moved, start)
        kept = np.diag(found) / np.diag(moved)
        return np.array([found[i, j] - kept[i] * moved[i, j] for i, j in moves])

    exposure = pairs.sum(axis=1)
    low, high = np.zeros_like(step), np.zeros_like(step)
    for i, j in np.ndindex(step.shape):
        limit = rate_interval(pairs[i, j], 1)[1]
        high[i, j] = min(1.0, limit / exposure[i]) if exposure[i] > 0 else 1.0
    if moves:
        middle = np.log([step[index] for index in moves])
        shifts = STEP * np.eye(len(moves))
        curvature = np.array(
            [(score(middle + one) - score(middle - one)) / (2 * STEP) for one in shifts]
        )
        variance = np.diag(np.linalg.pinv(-0.5 * (curvature + curvature.T)))
        width = TWO_SIDED * np.sqrt(np.maximum(variance, 0))
        for index, value, one in zip(moves, middle, width, strict=True):
            low[index], high[index] = np.exp(value - one), min(1.0, np.exp(value + one))
    return low, high


def changing_share(seen: np.ndarray) -> float:
    """Share of all sites that are seen as another class in the next frame; `seen` as in `Followed`.

    In a movie that can be followed most stay: otherwise the frames do not show the same sites, or
    classes cannot be told apart.
    """
    before, after = seen[:, :-1], seen[:, 1:]
    known = (before >= 0) & (after >= 0)
    return float(np.mean((before != after)[known])) if known.any() else 0.0


def transition_table(
    followed: Followed, confusion: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, dict[str, Chain]]:
    """A row for each change of the sites of each kind, and the chain of each kind.

    confusion: with the columns host, state and one for each symbol; how often each is seen of a
    state. Kinds of sites that it does not have get a fitted one.

    The table has host, from, to; events_raw in frame_pairs_raw and rate_raw, their quotient, as
    seen; events, rate, low and high, what is behind that: the probability of the change from a
    frame to the next with its 95 % interval.
    """
    rows, chains = [], {}
    for host, members in followed.sites.groupby("host").groups.items():
        seen = followed.seen[members]
        chain = _chain(seen, followed.symbols, host, confusion)
        chains[host] = chain
        raw = raw_pairs(seen, len(followed.symbols))
        own = [followed.symbols.index(name) for name in chain.states]
        for i, j in np.ndindex(chain.step.shape):
            if i == j:
                continue
            pairs = int(raw[own[i]].sum())
            events = int(raw[own[i], own[j]])
            rows.append(
                {
                    "host": host,
                    "from": chain.states[i],
                    "to": chain.states[j],
                    "events_raw": events,
                    "frame_pairs_raw": pairs,
                    "rate_raw": events / pairs if pairs else np.nan,
                    "events": chain.pairs[i, j],
                    "frame_pairs": chain.pairs[i].sum(),
                    "rate": chain.step[i, j],
                    "low": chain.low[i, j],
                    "high": chain.high[i, j],
                }
            )
    columns = ["host", "from", "to", "events_raw", "frame_pairs_raw", "rate_raw"]
    columns += ["events", "frame_pairs", "rate", "low", "high"]
    return pd.DataFrame(rows, columns=columns), chains


def _chain(
    seen: np.ndarray, symbols: Sequence[str], host: str, confusion: pd.DataFrame | None
) -> Chain:
    known = None if confusion is None else confusion[confusion["host"] == host]
    if known is None or known.empty:
        states = states_of(seen, symbols)
        chain = fitted_chain(seen, symbols, states)
        lasting = tuple(np.array(states)[np.diag(chain.step) >= LEAST_STAY])
        return chain if lasting == states else fitted_chain(seen, symbols, lasting or states[:1])
    counts = known.reindex(columns=list(symbols), fill_value=0).to_numpy(dtype=float)
    # Half an observation each: what was not seen to happen may happen.
    shares = (counts + 0.5) / (counts + 0.5).sum(axis=1, keepdims=True)
    return fitted_chain(seen, symbols, tuple(known["state"]), shares)


def share_table(states: pd.DataFrame) -> pd.DataFrame:
    """Share of the sites of each kind that are in each state, frame by frame.

    states: of `state_table`; sites that are out of a frame do not count there. Columns: host,
    frame, state, share.
    """
    seen = states[states["seen"] != ""]
    counts = seen.groupby(["host", "frame", "state"]).size().unstack(fill_value=0)
    shares = counts.div(counts.sum(axis=1), axis=0)
    long = shares.stack().rename("share").reset_index()
    # A state of one kind of site is none of another.
    present = long.groupby(["host", "state"])["share"].transform("max") > 0
    return long[present].reset_index(drop=True)


def state_table(followed: Followed, chains: dict[str, Chain]) -> pd.DataFrame:
    """A row for each site in each frame: where it is, what is seen there, and what is likely."""
    tables = []
    for host, members in followed.sites.groupby("host").groups.items():
        chain, seen = chains[host], followed.seen[members]
        site, frame = np.indices(seen.shape).reshape(2, -1)
        names = np.array(["", *followed.symbols], dtype=object)
        best = chain.posterior.argmax(axis=2)
        own = followed.sites.loc[members]
        tables.append(
            pd.DataFrame(
                {
                    "site": members.to_numpy()[site],
                    "frame": frame,
                    "x_angstrom": own["x_angstrom"].to_numpy()[site],
                    "y_angstrom": own["y_angstrom"].to_numpy()[site],
                    "host": host,
                    "seen": names[seen.ravel() + 1],
                    "state": np.array(chain.states, dtype=object)[best.ravel()],
                    "probability": chain.posterior.max(axis=2).ravel(),
                }
            )
        )
    columns = ["site", "frame", "x_angstrom", "y_angstrom", "host", "seen", "state", "probability"]
    if not tables:
        return pd.DataFrame(columns=columns)
    return pd.concat(tables, ignore_index=True).sort_values(["site", "frame"], ignore_index=True)
