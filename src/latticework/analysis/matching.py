"""Found atoms against true atoms: one-to-one matching, precision, recall, F1, position error."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree
from skimage.measure import points_in_poly


def match(found, truth, radius):
    """Best one-to-one matching of two sets of points within a radius.

    Of all matchings with the largest possible number of pairs, the one with the smallest sum of
    distances: exact, from a sparse assignment problem in which every found atom may also stay
    alone at a price that no rearrangement of the others repays.

    Parameters
    ----------
    found : (n, 2) array
        Å.
    truth : (m, 2) array
        Å.
    radius : float
        Largest distance of a pair in Å (0.5 in Madsen 2018's evaluation).

    Returns
    -------
    i_found, i_truth : (pairs,) int arrays
        Indices of the partners, rising in ``i_found``.
    distance : (pairs,) array
        Å.

    Raises
    ------
    ValueError
        If a set is not (n, 2) and finite, or the radius is not positive.
    """
    found, truth = _points(found, "found"), _points(truth, "truth")
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


def scores(found, truth, radius=0.5, ignore_found=None, ignore_truth=None):
    """Precision, recall, F1 and position error of found atoms.

    A true atom that is ignored may still be matched, and then it and its partner count for
    nothing; a found atom that is ignored counts for nothing if it is unmatched, and as a hit if
    its partner counts. So an atom on the border of an ignored zone is judged by where the truth
    is, and a small error across the border costs nothing.

    Parameters
    ----------
    found : (n, 2) array
        Å.
    truth : (m, 2) array
        Å.
    radius : float
        Å.
    ignore_found : (n,) bool array, optional
        See `outside_margin` and `in_mask`.
    ignore_truth : (m,) bool array, optional

    Returns
    -------
    dict
        ``true_positives, false_positives, false_negatives`` (int), ``precision, recall, f1``
        (NaN where nothing was to be judged), and of the counted pairs, in Å, ``rms_x, rms_y``,
        ``rms`` (per axis: root of the mean of both axes' squares), ``median`` (of the
        distances), ``bias_x, bias_y`` (mean of found − truth).
    """
    found, truth = _points(found, "found"), _points(truth, "truth")
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


def scores_by_group(found, truth, groups, radius=0.5, ignore_found=None, ignore_truth=None):
    """`scores` for each group of true atoms apart, e.g. hexagonal and other atoms.

    All are matched at once. A false atom is charged to the group of the nearest true atom.

    Parameters
    ----------
    groups : (m,) array
        Group of each true atom (bool, int or str).
    others
        As in `scores`.

    Returns
    -------
    dict
        From group to the dict of `scores`.
    """
    groups = np.asarray(groups)
    found, truth = _points(found, "found"), _points(truth, "truth")
    if groups.shape != (len(truth),):
        raise ValueError(f"groups must be ({len(truth)},), not {groups.shape}")
    if len(truth) == 0:
        return {}
    ignore_found = _flags(ignore_found, len(found), "ignore_found")
    ignore_truth = _flags(ignore_truth, len(truth), "ignore_truth")
    nearest = groups[cKDTree(truth).query(found)[1]] if len(found) else groups[:0]
    return {
        group.item(): scores(
            found,
            truth,
            radius,
            ignore_found=ignore_found | (nearest != group),
            ignore_truth=ignore_truth | (groups != group),
        )
        for group in np.unique(groups)
    }


def outside_margin(positions, extent, margin):
    """Which points lie within ``margin`` of a field's border, or beyond it.

    Parameters
    ----------
    positions : (n, 2) array
        Å.
    extent : (float, float)
        Width and height of the field in Å, from the origin.
    margin : float
        Å.

    Returns
    -------
    (n,) bool array
        To be ignored by `scores`.
    """
    positions, extent = _points(positions, "positions"), np.asarray(extent, dtype=float)
    return ((positions < margin) | (positions > extent - margin)).any(axis=1)


def in_mask(positions, mask, sampling):
    """Which points lie on a mask's pixels; beyond the mask the nearest pixel decides.

    Parameters
    ----------
    positions : (n, 2) array
        Å.
    mask : (ny, nx) bool array
    sampling : float
        Å/px.

    Returns
    -------
    (n,) bool array
    """
    mask = np.asarray(mask, dtype=bool)
    pixel = np.rint(_points(positions, "positions") / sampling).astype(int)
    return mask[
        np.clip(pixel[:, 1], 0, mask.shape[0] - 1), np.clip(pixel[:, 0], 0, mask.shape[1] - 1)
    ]


def in_outlines(positions, outlines):
    """Which points lie inside any of some closed outlines.

    Parameters
    ----------
    positions : (n, 2) array
        x, y in the outlines' unit.
    outlines : sequence of (m, 2) arrays
        Corners of each.

    Returns
    -------
    (n,) bool array
    """
    points = _points(positions, "positions")
    inside = np.zeros(len(points), dtype=bool)
    for outline in outlines:
        inside |= points_in_poly(points, np.asarray(outline, dtype=float))
    return inside


def _summary(errors, false_positives, false_negatives):
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


def _ratio(part, whole):
    return float(part / whole) if whole else np.nan


def _points(points, name):
    """Points as an (n, 2) float array, or a ValueError."""
    points = np.asarray(points, dtype=float)
    if points.size == 0:
        return points.reshape(0, 2)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError(f"{name} must be finite and (n, 2), not {points.shape}")
    return points


def _flags(flags, count, name):
    """A mask of ``count`` flags, all false if none is given, or a ValueError."""
    if flags is None:
        return np.zeros(count, dtype=bool)
    flags = np.asarray(flags, dtype=bool)
    if flags.shape != (count,):
        raise ValueError(f"{name} must be ({count},), not {flags.shape}")
    return flags
