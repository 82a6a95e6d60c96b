"""Found atoms against true atoms: one-to-one matching, precision, recall, F1, position error."""

from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from latticework.analysis.atoms.regions import as_points


def match(
    found: np.ndarray, truth: np.ndarray, radius: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Best one-to-one matching of two sets of points within a radius.

    Of all matchings with the largest possible number of pairs, the one with the smallest sum of
    distances: exact, from a sparse assignment problem in which every found atom may also stay
    alone at a price that no rearrangement of the others repays.

    Parameters
    ----------
    found, truth
        (n, 2) and (m, 2), Å.
    radius
        Largest distance of a pair in Å (0.5 in Madsen 2018's evaluation).

    Returns
    -------
    i_found, i_truth
        (pairs,) indices of the partners, rising in `i_found`.
    distance
        (pairs,) Å.

    Raises ValueError if a set is not (n, 2) and finite, or the radius is not positive.
    """
    found, truth = as_points(found, "found"), as_points(truth, "truth")
    if not radius > 0:
        raise ValueError(f"radius must be positive, not {radius}")
    if len(found) == 0 or len(truth) == 0:
        return np.zeros(0, dtype=int), np.zeros(0, dtype=int), np.zeros(0)
    near = cKDTree(found).sparse_distance_matrix(cKDTree(truth), radius, output_type="ndarray")
    n, m = len(found), len(truth)
    alone = np.arange(n)
    row = np.concatenate([near["i"], alone])
    column = np.concatenate([near["j"], m + alone])
    # A sparse matrix drops zeros, hence the offset of one radius on every pair.
    price = np.concatenate([near["v"] + radius, np.full(n, radius * (n + 2.0))])
    graph = coo_array((price, (row, column)), shape=(n, m + n)).tocsr()
    i_found, i_truth = min_weight_full_bipartite_matching(graph)
    paired = i_truth < m
    i_found, i_truth = i_found[paired], i_truth[paired]
    return i_found, i_truth, np.hypot(*(found[i_found] - truth[i_truth]).T)


def scores(
    found: np.ndarray,
    truth: np.ndarray,
    radius: float,
    *,
    ignore_found: np.ndarray | None = None,
    ignore_truth: np.ndarray | None = None,
) -> dict[str, float]:
    """Precision, recall, F1 and position error of found atoms.

    A true atom that is ignored may still be matched, and then it and its partner count for
    nothing; a found atom that is ignored counts for nothing if it is unmatched, and as a hit if
    its partner counts. So an atom on the border of an ignored zone is scored by where the truth
    is, and a small error across the border costs nothing.

    Parameters
    ----------
    found, truth, radius
        As in `match`.
    ignore_found, ignore_truth
        Masks (n,) and (m,): see `analysis.atoms.regions`.

    Returns
    -------
    dict
        true_positives, false_positives, false_negatives (int), precision, recall, f1 (NaN where
        nothing was to be scored), and of the counted pairs, in Å, rms_x, rms_y, rms (per axis:
        root of the mean of both axes' squares), median (of the distances), bias_x, bias_y (mean
        of found − truth).
    """
    found, truth = as_points(found, "found"), as_points(truth, "truth")
    ignore_found = _flags(ignore_found, len(found), "ignore_found")
    ignore_truth = _flags(ignore_truth, len(truth), "ignore_truth")
    i_found, i_truth, _ = match(found, truth, radius)
    alone_found, alone_truth = np.ones(len(found), bool), np.ones(len(truth), bool)
    alone_found[i_found] = alone_truth[i_truth] = False
    counted = ~ignore_truth[i_truth]
    errors = found[i_found[counted]] - truth[i_truth[counted]]
    return _summary(
        errors,
        false_positives=np.count_nonzero(alone_found & ~ignore_found),
        false_negatives=np.count_nonzero(alone_truth & ~ignore_truth),
    )


def nearest_group(found: np.ndarray, truth: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Group (n,) of the true atom nearest to each found atom: a false atom is charged to it."""
    return groups[cKDTree(truth).query(found)[1]] if len(found) else groups[:0]


def scores_by_group(
    found: np.ndarray,
    truth: np.ndarray,
    groups: np.ndarray,
    radius: float,
    *,
    charged: np.ndarray | None = None,
    ignore_found: np.ndarray | None = None,
    ignore_truth: np.ndarray | None = None,
) -> dict[Any, dict[str, float]]:
    """`scores` of each group of true atoms, such as hexagonal and other atoms.

    All are matched at once. Groups without any atom, found or true, are left out.

    Parameters
    ----------
    found, truth, radius, ignore_found, ignore_truth
        As in `scores`.
    groups
        (m,) group of each true atom (bool, int or str).
    charged
        (n,) group that each found atom is charged to where it is false; without it that of the
        nearest true atom.

    Returns
    -------
    dict
        From group to the dict of `scores`.
    """
    groups = np.asarray(groups)
    found, truth = as_points(found, "found"), as_points(truth, "truth")
    if groups.shape != (len(truth),):
        raise ValueError(f"groups must be ({len(truth)},), not {groups.shape}")
    if charged is None:
        if len(truth) == 0:
            return {}
        charged = nearest_group(found, truth, groups)
    ignore_found = _flags(ignore_found, len(found), "ignore_found")
    ignore_truth = _flags(ignore_truth, len(truth), "ignore_truth")
    return {
        group.item(): scores(
            found,
            truth,
            radius,
            ignore_found=ignore_found | (charged != group),
            ignore_truth=ignore_truth | (groups != group),
        )
        for group in np.union1d(groups, charged)
    }


def _summary(errors: np.ndarray, false_positives: int, false_negatives: int) -> dict[str, float]:
    """Scores from the (pairs, 2) errors of the hits and the numbers of false and missed atoms."""
    hits = len(errors)
    error = {"rms_x": np.nan, "rms_y": np.nan, "rms": np.nan, "median": np.nan}
    error |= {"bias_x": np.nan, "bias_y": np.nan}
    if hits:
        rms_x, rms_y = np.sqrt(np.mean(errors**2, axis=0))
        bias_x, bias_y = errors.mean(axis=0)
        error = {
            "rms_x": float(rms_x),
            "rms_y": float(rms_y),
            "rms": float(np.sqrt(np.mean(errors**2))),
            "median": float(np.median(np.hypot(*errors.T))),
            "bias_x": float(bias_x),
            "bias_y": float(bias_y),
        }
    return {
        "true_positives": hits,
        "false_positives": int(false_positives),
        "false_negatives": int(false_negatives),
        "precision": _ratio(hits, hits + false_positives),
        "recall": _ratio(hits, hits + false_negatives),
        "f1": _ratio(2 * hits, 2 * hits + false_positives + false_negatives),
        **error,
    }


def _ratio(part: float, whole: float) -> float:
    """A fraction; NaN of nothing."""
    return float(part / whole) if whole else np.nan


def _flags(flags: np.ndarray | None, count: int, name: str) -> np.ndarray:
    """A mask of `count` flags, all false if none is given, or a ValueError."""
    if flags is None:
        return np.zeros(count, dtype=bool)
    flags = np.asarray(flags, dtype=bool)
    if flags.shape != (count,):
        raise ValueError(f"{name} must be ({count},), not {flags.shape}")
    return flags
