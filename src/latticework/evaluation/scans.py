"""How well strain is measured on simulated scans, where it is known (Munshi 2022, Fig. 3).

In numpy and pandas alone, so that methods in any environment are judged by the same code.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latticework import shards
from latticework.analysis.diffraction.correlation import Detector, Space, without_hot_pixels
from latticework.analysis.diffraction.lattice import fit_lattice
from latticework.analysis.diffraction.strain import (
    COMPONENTS,
    components,
    strain,
    strain_errors,
)
from latticework.seeds import stream

Arrays = Mapping[str, np.ndarray]
# Of one position: lattice (3, 2) px and covariance (6, 6), or None where there is none.
Measured = tuple[np.ndarray, np.ndarray] | None
TUNED_ON = 12  # positions of each scan for tuning, evenly over it
COMPLETE = 0.9  # of a scan's positions, for a map
# How a lattice is fitted to what a correlation finds: as quantem 0.1.10 does it, whose
# `fit_lattice` keeps every peak within half of the shorter vector, or as we do, without outliers.
FITS = {"quantem": {"near": 0.5, "outliers": True}, "without outliers": {}}
SPACE: Space = {"lattice": ("choice", tuple(FITS))}


def read_scan(paths: Sequence[str | Path]) -> dict[str, np.ndarray]:
    """All positions of a simulated scan. Raises ShardError."""
    parts = [shards.read(path, "scan")[0] for path in paths]
    each = ("pattern", "place", "deformation", "design_deformation", "settled")
    return parts[0] | {name: np.concatenate([part[name] for part in parts]) for name in each}


def exposed(arrays: Arrays, dose: float, seed: int, name: str) -> np.ndarray:
    """Patterns (n, ky, kx) with `dose` electrons each; without noise where it is zero."""
    if not dose:
        return arrays["pattern"]
    rng = stream(seed, f"{name}/exposure")
    return rng.poisson(np.clip(arrays["pattern"], 0, None) * dose).astype(np.float32)


def true_lattice(arrays: Arrays) -> np.ndarray:
    """The undeformed lattice (3, 2), px, about the middle of the patterns."""
    middle = np.full((1, 2), arrays["pattern"].shape[-1] // 2)
    return np.vstack([middle, arrays["reference"] / float(arrays["reciprocal_sampling"])])


def correlated(
    patterns: np.ndarray,
    arrays: Arrays,
    detect: Detector,
    parameters: Mapping[str, Any],
) -> list[Measured]:
    """Lattices of patterns by template correlation, the peaks weighted by their intensities."""
    start, step = true_lattice(arrays), float(arrays["reciprocal_sampling"])
    found: list[Measured] = []
    for pattern in patterns:
        cleaned = without_hot_pixels(pattern, parameters["hot_pixels"])
        peaks = detect(cleaned, arrays["probe"], step, parameters)
        places = peaks[:, :2] / step + pattern.shape[-1] // 2
        how = FITS[parameters["lattice"]]
        fit = fit_lattice(places, peaks[:, 2] ** 2, start, **how) if len(peaks) else None
        found.append(None if fit is None else (fit.lattice, fit.covariance))
    return found


def tuned(
    scans: Sequence[tuple[np.ndarray, Arrays]],
    detect: Detector,
    drawn: Sequence[Mapping[str, Any]],
    progress: Callable[[Sequence[Any]], Any] = iter,
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Of drawn parameters those with the least error of the lattice vectors, RMS over scans.

    Two answers: the best of all, where a position without a lattice counts as an error of one per
    cent, and the best of those that measure `COMPLETE` of every scan: parameters may be good in few
    positions only, which makes no map. `scans` are (patterns, arrays) that no method is judged on.
    """
    errors, share = [], []
    for parameters in progress(drawn):
        squares, known = [], []
        for patterns, arrays in scans:
            chosen = np.unique(np.linspace(0, len(patterns) - 1, TUNED_ON).astype(int))
            found = correlated(patterns[chosen], arrays, detect, parameters)
            known.append(np.mean([measured is not None for measured in found]))
            plain = true_lattice(arrays)[1:]
            for number, measured in zip(chosen, found, strict=True):
                truth = components(arrays["deformation"][number])
                error = np.full(3, 0.01)
                if measured is not None:
                    error = (strain(measured[0][1:], plain) - truth)[:3]
                squares.append(np.clip(np.abs(error), 0, 0.05) ** 2)
        errors.append(np.mean(squares))
        share.append(min(COMPLETE, *known))
    best, complete = np.argmin(errors), np.lexsort((errors, -np.array(share)))[0]
    return drawn[int(best)], drawn[int(complete)]


def strain_table(
    found: Sequence[Measured], arrays: Arrays, region: Sequence[int] | None, **labels: Any
) -> pd.DataFrame:
    """A row a position: place, what was measured with its errors, and the truth.

    Of every component NAME the columns NAME, sigma_NAME, true_NAME (in projection) and design_NAME
    (as grown), with respect to the median of a region (x0, y0, x1, y1 of the scan) or of all.
    """
    columns = arrays["scan"][1]
    numbers = np.arange(len(found))
    inside = np.ones(len(found), bool)
    if region is not None:
        x0, y0, x1, y1 = region
        x, y = numbers % columns, numbers // columns
        inside = (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    known = np.array([measured is not None for measured in found])
    vectors = np.full((len(found), 2, 2), np.nan)
    covariance = np.full((len(found), 4, 4), np.nan)
    for i in np.flatnonzero(known):
        vectors[i], covariance[i] = found[i][0][1:], found[i][1][2:, 2:]
    if not (inside & known).any():
        vectors[:], reference = np.nan, np.eye(2)
    else:
        reference = np.median(vectors[inside & known], axis=0)
    table = pd.DataFrame(labels | {"position": numbers, "measured": known})
    table["x_angstrom"], table["y_angstrom"] = arrays["place"].T
    table["settled"] = arrays["settled"]
    values, sigma = np.full((2, len(found), 4), np.nan)
    values[known] = strain(vectors[known], reference)
    sigma[known] = strain_errors(vectors[known], covariance[known], reference)
    truths = {
        kind: components(f @ np.linalg.inv(np.median(f[inside], axis=0)))
        for kind, f in (("true", arrays["deformation"]), ("design", arrays["design_deformation"]))
    }
    for i, name in enumerate(COMPONENTS):
        table[name], table[f"sigma_{name}"] = values[:, i], sigma[:, i]
        for kind, truth in truths.items():
            table[f"{kind}_{name}"] = truth[:, i]
    table["reference"] = inside
    return table


def strain_scores(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each scan, dose and method: errors of every component over settled positions.

    bias and rms: of the difference from the truth in projection; rms_design: from what was grown;
    within: share of the errors that are smaller than one sigma; slope of exx over its truth. The
    reference's own positions do not count where a region is the reference.
    """
    rows = []
    for labels, part in table.groupby(["scan", "dose", "method"], sort=False):
        judged = part[part["settled"]]
        if not part["reference"].all():
            judged = judged[~judged["reference"]]
        usable = judged[judged["measured"]]
        row = dict(zip(("scan", "dose", "method"), labels, strict=True))
        row |= {"positions": len(judged), "measured": len(usable)}
        for name in COMPONENTS:
            error = usable[name] - usable[f"true_{name}"]
            row[f"bias_{name}"] = error.mean()
            row[f"rms_{name}"] = np.sqrt((error**2).mean())
            row[f"sd_{name}"] = error.std()
            row[f"rms_design_{name}"] = np.sqrt(
                ((usable[name] - usable[f"design_{name}"]) ** 2).mean()
            )
            row[f"within_{name}"] = (error.abs() < usable[f"sigma_{name}"]).mean()
        for name in COMPONENTS:
            if f"bound_{name}" in usable:
                row[f"bound_{name}"] = usable[f"bound_{name}"].median()
        spread = usable["true_exx"].var()
        covariance = usable["exx"].cov(usable["true_exx"])
        row["slope_exx"] = covariance / spread if spread > 1e-8 else np.nan
        rows.append(row)
    return pd.DataFrame(rows)
