"""Columns that have lost an atom, told by what they scatter beside the whole ones around them.

A network proposes columns and classes, but its threshold between two classes belongs to its
training, and a faint column between bright ones makes no peak of its own in its maps. What a column
scatters, fitted together with its neighbours and the background, is a witness of the picture
itself: in units of what whole columns around it scatter, whole columns are at 1, and those that
have lost one of two atoms between a quarter, where the two scatter in phase, and a half, where
they do not. How far apart both kinds are, how wide and how frequent, is found in each picture.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree
from scipy.special import expit, logit

from latticework.analysis.atoms.column_heights import Heights, fit_heights
from latticework.analysis.atoms.regions import outside_margin
from latticework.analysis.atoms.table import CERTAIN
from latticework.materials import Material

# Å: how far away the whole columns are that a column is compared with.
AROUND = 8.0
# Percentile of the columns around that is whole where up to half have lost an atom; the share of
# it above which a column is whole at first; and rounds in which both are found anew.
WHOLE, PARTED, ROUNDS = 70, 0.7, 4
# What a column that has lost an atom scatters, how frequent it is, before the picture is seen; and
# of how many columns this is worth the witness.
LESS, RARE, WORTH = 0.42, 0.05, 30.0
# Values beyond are of something else.
LEAST, MOST = -0.3, 1.6
# Fewest whole columns; least distance of both kinds, and, where the picture is to say whether a
# column is there at all, of the fainter kind from nothing, in standard deviations.
FEWEST, APART, SEEN = 20, 2.5, 3.0
STEPS = 100
NARROW = 0.02  # no width is less
# Weight of the network's own odds beside the picture's.
TRUST = 0.75
# A candidate of the network that is no less probable is looked at.
CANDIDATE = 0.02
# Share of a bond that a column which the network does not propose is from the others at least.
NEAREST = 0.6
EDGE = 1e-4  # of a probability


@dataclass(frozen=True)
class Kinds:
    """Both kinds of columns of a picture, in units of the whole ones around a column.

    Parameters
    ----------
    less, whole
        Mean of those that have lost an atom, and of whole ones.
    width
        Standard deviation of either.
    share
        Of those that have lost an atom.
    """

    less: float
    whole: float
    width: float
    share: float

    def log_odds(self, value: np.ndarray) -> np.ndarray:
        """How much likelier (n,) each value is of a column that has lost an atom, logarithm."""
        value = np.clip(value, self.less - self.width, self.whole + self.width)
        return ((value - self.whole) ** 2 - (value - self.less) ** 2) / (2 * self.width**2)

    def log_presence(self, value: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        """How much likelier (n,) each value, known to sigma (n,), is of a column than of none."""
        square = self.width**2 + sigma**2

        def likelihood(mean: float) -> np.ndarray:
            return -((value - mean) ** 2) / (2 * square)

        any_kind = np.logaddexp(
            np.log(self.share) + likelihood(self.less),
            np.log1p(-self.share) + likelihood(self.whole),
        )
        return any_kind - likelihood(0.0)


def by_cross_section(
    table: pd.DataFrame, image: np.ndarray, sampling: float, material: Material
) -> pd.DataFrame:
    """A table of atoms in which columns that have lost an atom are told by what they scatter.

    Parameters
    ----------
    table
        Of `analysis.atoms.table.atoms_table`, of one image, with its weak candidates.
    image, sampling
        (ny, nx) and its pixel, Å.
    material
        Its section `defects` says which classes have lost an atom of which (`lost`).

    Returns
    -------
    The table itself where the picture does not tell the two kinds apart. Otherwise one whose
    classes are by the picture and the network together, and whose weak candidates have the
    probability that a column is there, and where they are columns, its fitted position.
    """
    pairs = {} if material.defects is None else material.defects.lost
    if not pairs or len(table) < FEWEST:
        return table
    enough = [pair for pair in pairs.items() if _sure(table, pair).sum() >= FEWEST]
    if not enough:
        return table
    both = [*pairs, *pairs.values()]
    fit, rows = _fitted(table, image, sampling, material, both)
    usual = np.median(fit.heights[_sure(table, enough[0])[rows]])
    places = fit.unexplained(0.5 * LESS * usual, NEAREST * material.bonds.length)
    proposed = _with_candidates(table, places, sampling, enough[0][0])
    if len(places):
        fit, rows = _fitted(proposed, image, sampling, material, both)
    answer = proposed
    for pair in enough:
        answer = _told(answer, rows, fit, pair, sampling)
    if answer is proposed:
        return table
    real = np.arange(len(answer)) < len(table)
    return answer[real | (answer["probability"] >= CERTAIN)]


def _sure(table: pd.DataFrame, pair: tuple[str, str]) -> np.ndarray:
    """Mask (n,) of the columns that are of one of two classes and certain."""
    return (table["class"].isin(pair) & (table["probability"] >= CERTAIN)).to_numpy()


def _fitted(
    table: pd.DataFrame, image: np.ndarray, sampling: float, material: Material, both: list[str]
) -> tuple[Heights, np.ndarray]:
    """Heights of a table's columns and of its candidates, and the numbers of their rows."""
    mine = table["class"].isin(both).to_numpy()
    least = np.where(mine, CANDIDATE, CERTAIN)
    rows = np.flatnonzero(table["probability"].to_numpy() >= least)
    places = table[["x_angstrom", "y_angstrom"]].to_numpy()[rows]
    group = (~mine[rows]).astype(int)
    return fit_heights(image, sampling, places, group, material.bonds.length), rows


def _with_candidates(
    table: pd.DataFrame, places: np.ndarray, sampling: float, name: str
) -> pd.DataFrame:
    """The table with a candidate of a class at each of some places (m, 2), Å."""
    if len(places) == 0:
        return table
    more = table.iloc[np.zeros(len(places), dtype=int)].copy()
    more[[column for column in table if column.startswith("p_")]] = 0.0
    more = more.assign(
        **{f"{axis}_angstrom": places[:, n] for n, axis in enumerate("xy")},
        **{f"{axis}_px": places[:, n] / sampling for n, axis in enumerate("xy")},
        **{"class": name, "probability": CANDIDATE, f"p_{name}": 1.0},
    )
    return pd.concat([table, more], ignore_index=True)


def _told(
    table: pd.DataFrame,
    rows: np.ndarray,
    fit: Heights,
    pair: tuple[str, str],
    sampling: float,
) -> pd.DataFrame:
    """The table with one pair of classes told by the heights of a fit of its rows (n,)."""
    less, whole = pair
    mine, sure = table["class"].isin(pair).to_numpy()[rows], _sure(table, pair)[rows]
    value, kinds = relative(fit.heights, fit.positions, sure)
    if kinds is None:
        return table
    changed = ("probability", "sigma_angstrom", f"p_{less}", f"p_{whole}")
    table = table.astype(dict.fromkeys(changed, float))
    own = table.index[rows[mine]]
    both = (table.loc[own, f"p_{less}"] + table.loc[own, f"p_{whole}"]).to_numpy()
    network = table.loc[own, f"p_{less}"].to_numpy() / np.maximum(both, EDGE)
    odds = TRUST * _log_odds(network) + (1 - TRUST) * _log_odds(kinds.share)
    share = expit(kinds.log_odds(value[mine]) + odds)
    table.loc[own, "class"] = np.where(share > 0.5, less, whole)
    table.loc[own, f"p_{less}"] = both * share
    table.loc[own, f"p_{whole}"] = both * (1 - share)
    weak = np.flatnonzero(mine & ~sure)
    if len(weak) == 0 or kinds.less < SEEN * kinds.width:
        return table
    sigma = fit.sigma(weak) * np.abs(value[weak] / fit.heights[weak])
    at = table.index[rows[weak]]
    before = table.loc[at, "probability"].to_numpy()
    odds = _log_odds(before) + kinds.log_presence(value[weak], sigma)
    there = value[weak] < kinds.whole + SEEN * np.hypot(kinds.width, sigma)
    # Of a column beyond the border a fit sees the flank alone: any height and distance will do.
    field = (np.array(fit.residual.shape[::-1]) - 1) * fit.sampling
    there &= ~outside_margin(fit.positions[weak], field, 0.0)
    after = np.where(there, expit(odds), before)
    table.loc[at, "probability"] = after
    found = at[after >= CERTAIN]
    # A Gaussian's place is as sure, in widths, as its height is in heights.
    table.loc[found, "sigma_angstrom"] = fit.width * (sigma / value[weak])[after >= CERTAIN]
    for axis, name in enumerate("xy"):
        place = fit.positions[weak[after >= CERTAIN], axis]
        table.loc[found, f"{name}_angstrom"] = place
        table.loc[found, f"{name}_px"] = place / sampling
    return table


def _log_odds(probability: np.ndarray | float) -> np.ndarray:
    return logit(np.clip(probability, EDGE, 1 - EDGE))


def relative(
    heights: np.ndarray, positions: np.ndarray, sure: np.ndarray
) -> tuple[np.ndarray, Kinds | None]:
    """Heights (n,) in units of the whole columns around each, and the two kinds of the sure ones.

    `positions` (n, 2) in Å; `sure` (n,), which of them are certainly of one kind or the other.
    None in place of kinds that cannot be told apart.
    """
    near = cKDTree(positions[sure]).query_ball_point(positions, AROUND)
    own, kinds = heights[sure], None
    value = heights / _usual(own, near, lambda around: np.percentile(around, WHOLE))
    for _ in range(ROUNDS):
        parted = PARTED if kinds is None else 0.5 * (kinds.less + kinds.whole)
        whole = np.where(value[sure] > parted, own, np.nan)
        value = np.nan_to_num(heights / _usual(whole, near, np.nanmedian), nan=1.0)
        kinds = two_kinds(value[sure])
        if kinds is None:
            break
    return value, kinds


def _usual(
    heights: np.ndarray, near: Sequence[Sequence[int]], of: Callable[[np.ndarray], float]
) -> np.ndarray:
    """What a column (n,) is compared with, of the heights (m,) near it; NaN without any."""
    held = [heights[list(group)] for group in near]
    return np.array([of(h) if np.isfinite(h).any() else np.nan for h in held])


def two_kinds(value: np.ndarray) -> Kinds | None:
    """The two kinds of some values (n,), by expectation and maximisation.

    None where they are too few or the two cannot be told apart.
    """
    value = np.clip(value[np.isfinite(value)], LEAST, MOST)
    whole = value[value > PARTED]
    if len(whole) < FEWEST:
        return None
    kinds = Kinds(LESS, float(np.median(whole)), max(float(whole.std()), NARROW), RARE)
    for _ in range(STEPS):
        lost = expit(kinds.log_odds(value) + _log_odds(kinds.share))
        less = (lost @ value + WORTH * LESS) / (lost.sum() + WORTH)
        mean = (1 - lost) @ value / max((1 - lost).sum(), 1.0)
        square = lost @ (value - less) ** 2 + (1 - lost) @ (value - mean) ** 2
        width = float(np.sqrt(square / len(value)))
        share = float((lost.sum() + WORTH * RARE) / (len(value) + WORTH))
        kinds = Kinds(float(less), float(mean), max(width, NARROW), share)
    return kinds if (kinds.whole - kinds.less) > APART * kinds.width else None
