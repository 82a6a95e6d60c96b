"""How good maps of structure factors and lists of Bragg peaks are (Munshi 2022, Table I and eq. 1).

In numpy alone, so that methods in any environment are judged by the same code. A list of peaks is
(n, 3): qx, qy in 1/Å and the amplitude.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

SCORES = ["accuracy", "true_positive", "false_positive", "false_negative", "peaks_found"]
# Bins of the accuracy; beams are tilted by at most some 20° from the nearest low-index zone axis.
THICKNESS_BIN = 100.0
TILT_EDGES = (0.0, 1e-3, 2.0, 4.0, 6.0, 10.0, 90.0)


def pair_by_distance(
    found: np.ndarray, truth: np.ndarray, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Indices (pairs,) of found and of true points (n, 2) that are paired within `radius`.

    One to one, the nearest pair of all first, as the paper says. `evaluation.matching.match` is
    another rule: it stretches pairs where that makes more of them.
    """
    if not len(found) or not len(truth):
        return np.zeros(0, int), np.zeros(0, int)
    near = cKDTree(found).sparse_distance_matrix(cKDTree(truth), radius, output_type="ndarray")
    pairs, used_found, used_truth = [], set(), set()
    for entry in near[np.lexsort((near["j"], near["i"], near["v"]))]:
        i, j = int(entry["i"]), int(entry["j"])
        if i not in used_found and j not in used_truth:
            pairs.append((i, j))
            used_found.add(i)
            used_truth.add(j)
    first, second = np.array(pairs, dtype=int).reshape(-1, 2).T
    return first, second


def share(part: np.ndarray, whole: np.ndarray) -> float:
    """Sum over sum, zero where the whole is empty."""
    return float(part.sum() / whole.sum()) if len(whole) else 0.0


def peak_scores(
    found: np.ndarray, truth: np.ndarray, centre: np.ndarray, radius: float
) -> dict[str, float]:
    """Intensity-weighted accuracy of found peaks (n, 3) against true ones (m, 3) (eq. 1).

    TP and FP are the shares of the found amplitude that is paired and that is not, FN the share of
    the true amplitude that is not; accuracy = TP/(TP + FP + FN). Shares: whatever the scale of
    either list, it cancels. The direct beam at `centre` (2,), which everybody finds and which
    would outweigh all else, counts in neither list: the true peak nearest to it within `radius`
    (1/Å) and the found one that is paired with that. A second one beside it is a false one.

    Without any other peak in both lists the accuracy is NaN.
    """
    i_found, i_truth = pair_by_distance(found[:, :2], truth[:, :2], radius)
    keep_found, keep_truth = np.ones(len(found), bool), np.ones(len(truth), bool)
    if len(truth):
        distances = np.hypot(*(truth[:, :2] - centre).T)
        direct = int(distances.argmin())
        if distances[direct] <= radius:
            keep_truth[direct] = False
            keep_found[i_found[i_truth == direct]] = False
    paired_found, paired_truth = np.zeros(len(found), bool), np.zeros(len(truth), bool)
    paired_found[i_found] = paired_truth[i_truth] = True
    true_positive = share(found[keep_found & paired_found, 2], found[keep_found, 2])
    false_positive = share(found[keep_found & ~paired_found, 2], found[keep_found, 2])
    false_negative = share(truth[keep_truth & ~paired_truth, 2], truth[keep_truth, 2])
    total = true_positive + false_positive + false_negative
    return {
        "accuracy": true_positive / total if total else np.nan,
        "true_positive": true_positive,
        "false_positive": false_positive,
        "false_negative": false_negative,
        "peaks_found": int(keep_found.sum()),
    }


def score_peaks(
    found: Sequence[np.ndarray],
    truth: Sequence[np.ndarray],
    centres: np.ndarray,
    radius: float,
) -> pd.DataFrame:
    """`peak_scores` of many patterns, a row each."""
    rows = [peak_scores(f, t, c, radius) for f, t, c in zip(found, truth, centres, strict=True)]
    return pd.DataFrame(rows, columns=SCORES)


def summary(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Means over the patterns of each group, in the order of the first of `by`, then sorted.

    `precision` and `recall` are the shares of the found and of the true amplitude that are paired.
    Patterns of one crystal have much in common: the standard errors `…_error` are those of the
    crystals' means, NaN for one crystal.
    """
    rows = rows.assign(
        precision=rows["true_positive"],
        recall=1 - rows["false_negative"],
        **{by[0]: pd.Categorical(rows[by[0]], rows[by[0]].unique(), ordered=True)},
    )
    means = ["ssim", "accuracy", "precision", "recall"]
    groups = rows.groupby(by, observed=True)
    table = groups[means].mean()
    crystals = rows.groupby([*by, "crystal"], observed=True)[["ssim", "accuracy"]].mean()
    errors = crystals.groupby(level=by, observed=True).sem().add_suffix("_error")
    counts = groups["crystal"].agg(patterns="size", crystals="nunique")
    # The category only fixed the sort order; write plain strings.
    joined = pd.concat([counts, table, errors], axis=1).reset_index()
    return joined.astype({by[0]: str})


def table_1(scores: pd.DataFrame) -> pd.DataFrame:
    """Each method on the test's patterns, on and off zone (Munshi 2022, Table I): `summary`.

    `scores` has a row a pattern and method: the evaluation's table, `method`, `ssim` (NaN for a
    correlation, which makes no map) and `SCORES`. `ssim_direct_beam` is the floor of the SSIM.
    """
    test = scores[scores["subset"] == "test"]
    floor = test.groupby("on_zone")["ssim_direct_beam"].mean()
    return summary(test, ["method", "on_zone"]).join(floor, on="on_zone")


def accuracy_in_bins(scores: pd.DataFrame) -> pd.DataFrame:
    """Each method in bins of one quantity at a time, on and off zone and on all: `summary`.

    Thickness, semiangle and tilt of the test's patterns, and the dose of those that were made at
    every dose. `value` is the mean of the quantity in its bin.
    """
    test, series = (scores[scores["subset"] == subset] for subset in ("test", "dose"))
    thickness = test["thickness_angstrom"]
    bins = {
        "thickness_angstrom": (test, np.ceil(thickness / THICKNESS_BIN - 1e-9)),
        "semiangle_mrad": (test, test["semiangle_mrad"]),
        "tilt_degrees": (test, np.digitize(test["tilt_degrees"], TILT_EDGES)),
        "dose": (series, series["dose"]),
    }
    parts = []
    for quantity, (rows, number) in bins.items():
        rows = rows.assign(bin=number)
        value = rows.groupby("bin")[quantity].mean().rename("value")
        zones = {"all": rows, "on": rows[rows["on_zone"]], "off": rows[~rows["on_zone"]]}
        for zone, part in zones.items():
            table = summary(part, ["method", "bin"]).join(value, on="bin").drop(columns="bin")
            parts.append(table.assign(quantity=quantity, zone=zone))
    joined = pd.concat(parts, ignore_index=True)
    first = ["quantity", "zone", "value", "method"]
    return joined[[*first, *(name for name in joined if name not in first)]]


def win_rates(
    scores: pd.DataFrame, networks: Sequence[str], baselines: Sequence[str]
) -> pd.DataFrame:
    """Share of the test's patterns on which a network is more accurate than a correlation.

    On and off zone apart; ties count half. `difference` is the mean difference of the accuracies.
    """
    test = scores[scores["subset"] == "test"]
    accuracy = test.pivot(index=["pattern", "on_zone"], columns="method", values="accuracy")
    rows = []
    for network, baseline in itertools.product(networks, baselines):
        pair = accuracy[[network, baseline]].dropna()
        difference = (pair[network] - pair[baseline]).to_numpy()
        wins = (difference > 0) + 0.5 * (difference == 0)
        on_zone = pair.index.get_level_values("on_zone")
        rows += [
            {
                "network": network,
                "baseline": baseline,
                "on_zone": kind,
                "patterns": int((on_zone == kind).sum()),
                "share_better": wins[on_zone == kind].mean(),
                "difference": difference[on_zone == kind].mean(),
            }
            for kind in sorted(set(on_zone))
        ]
    return pd.DataFrame(rows)
