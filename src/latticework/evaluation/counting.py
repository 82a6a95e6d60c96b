"""Atoms counted in columns (Madsen 2018, §4.3): classes against the truth, and how sure they are.

A column's class probabilities are eq. 7's shares of its segment; its count is the likeliest class.
"""

import numpy as np
import pandas as pd
from ase import Atoms

from latticework.analysis.atoms.class_shares import Calibration, calibration_of
from latticework.analysis.atoms.localisation import localise
from latticework.config.evaluation_atoms import Evaluation
from latticework.config.inference import Images
from latticework.evaluation.groups import in_field
from latticework.evaluation.held_out import HeldOut, held_out_maps
from latticework.evaluation.matching import match
from latticework.structures import targets

MISSED = 0
CONDITIONS = ["dose", "group"]
RELIABILITY_BINS = 10


def counted_columns(
    probabilities: np.ndarray,
    sampling: float,
    atoms: Atoms,
    settings: Evaluation,
    inference: Images,
    calibration: Calibration | None = None,
) -> pd.DataFrame:
    """Every true column of a structure beside what was read of it in class maps.

    Parameters
    ----------
    probabilities, sampling
        Class maps and their pixel, Å. Class k stands for k atoms.
    atoms
        The true structure.
    settings
        Their `radius` is the largest distance of a found column, Å.
    inference
        With `epsilon` and `threshold` of `localise`.
    calibration
        Of the probabilities of counts, as for `localise`.

    Returns
    -------
    pandas.DataFrame
        x_angstrom, y_angstrom (true), truth (atoms), counted (0: not found), p_1 … p_K.
    """
    truth = targets(atoms)
    columns = in_field(truth.positions[:, :2], atoms)
    found = localise(
        probabilities,
        epsilon=inference.epsilon,
        threshold=inference.threshold,
        calibration=calibration,
    )
    shares = found[share_names(found)]
    i_found, i_truth, _ = match(
        found[["x_px", "y_px"]].to_numpy() * sampling, columns, settings.radius
    )
    read = np.zeros((len(truth.classes), shares.shape[1]))
    read[i_truth] = shares.to_numpy()[i_found]
    counted = np.full(len(truth.classes), MISSED)
    counted[i_truth] = found["class"].to_numpy()[i_found]
    return pd.DataFrame(
        {
            "x_angstrom": columns[:, 0],
            "y_angstrom": columns[:, 1],
            "truth": truth.classes,
            "counted": counted,
            **dict(zip(shares, read.T, strict=True)),
        }
    )


def share_names(table: pd.DataFrame) -> list[str]:
    """Names of the columns p_1 … p_K of a table, in this order."""
    return sorted((n for n in table if n.startswith("p_")), key=lambda n: int(n[2:]))


def tilt_group(degrees: float) -> str:
    """The group of a particle by its tilt off the zone axis."""
    return "aligned" if degrees == 0 else "tilted"


def count_held_out(held_out: HeldOut, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`counted_columns` of held-out structures at every dose and defocus, calibrated or not.

    The first table is with the calibration on the network's card, the second without; they are the
    same where it has none. Also structure, tilt_degrees, and group: "aligned" exactly on the zone
    axis, or "tilted". Raises ValueError for a network whose classes are not named 1, 2, …
    """
    if held_out.classes != [str(k) for k in range(1, len(held_out.classes) + 1)]:
        raise ValueError(f"the classes {held_out.classes} are no numbers of atoms 1, 2, …")
    settings, inference = held_out.settings, held_out.inference
    tables: tuple[list[pd.DataFrame], list[pd.DataFrame]] = ([], [])
    for reading in held_out_maps(held_out, seed):
        atoms = held_out.structures[reading.structure]
        tilt = float(atoms.info["tilt_degrees"])
        for one, calibration in zip(tables, (calibration_of(held_out.card), None), strict=True):
            counted = counted_columns(
                reading.probabilities, reading.sampling, atoms, settings, inference, calibration
            )
            one.append(
                counted.assign(
                    dose=reading.dose,
                    defocus=reading.defocus,
                    structure=reading.structure,
                    tilt_degrees=tilt,
                    group=tilt_group(tilt),
                )
            )
    calibrated, bare = (pd.concat(one, ignore_index=True) for one in tables)
    return calibrated, bare


def error_rates(counts: pd.DataFrame) -> pd.DataFrame:
    """Fractions of the true columns against dose, by group (Madsen 2018, Fig. 12).

    Columns: dose, group, columns, exact, off_by_1, off_by_2, off_by_3_or_more, missed (these add
    up to 1), within_1.
    """
    missed = counts["counted"] == MISSED
    error = (counts["counted"] - counts["truth"]).abs().where(~missed, np.inf)
    flags = counts[CONDITIONS].assign(
        exact=error == 0,
        off_by_1=error == 1,
        off_by_2=error == 2,
        off_by_3_or_more=(error >= 3) & ~missed,
        missed=missed,
        within_1=error <= 1,
    )
    grouped = flags.groupby(CONDITIONS)
    return grouped.size().rename("columns").to_frame().join(grouped.mean()).reset_index()


def confusion(counts: pd.DataFrame) -> pd.DataFrame:
    """Number of columns by dose, group, truth and counted (0: not found)."""
    keys = [*CONDITIONS, "truth", "counted"]
    return counts.groupby(keys).size().rename("columns").reset_index()


def reliability(counts: pd.DataFrame) -> pd.DataFrame:
    """How often a class with a stated probability is the true one, by group, in ten bins.

    Every class of every column that was found is one statement "this column has k atoms, with
    probability p". Columns: group, low, high (of p), stated (its mean), observed (fraction that
    is true), statements, sigma (binomial standard deviation of `observed`).
    """
    names = share_names(counts)
    found = counts[counts["counted"] != MISSED]
    stated = found[names].to_numpy().ravel()
    true = (found["truth"].to_numpy()[:, None] == np.arange(1, len(names) + 1)).ravel()
    table = pd.DataFrame(
        {
            "group": np.repeat(found["group"].to_numpy(), len(names)),
            "bin": np.minimum((stated * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1),
            "stated": stated,
            "observed": true,
        }
    )
    grouped = table.groupby(["group", "bin"])
    binned = grouped.mean().join(grouped.size().rename("statements")).reset_index()
    observed = binned["observed"]
    return binned.assign(
        low=binned["bin"] / RELIABILITY_BINS,
        high=(binned["bin"] + 1) / RELIABILITY_BINS,
        sigma=np.sqrt(observed * (1 - observed) / binned["statements"]),
    ).drop(columns="bin")


def calibration_error(table: pd.DataFrame) -> pd.Series:
    """Expected calibration error by group: mean |stated − observed| over the statements."""
    gap = (table["stated"] - table["observed"]).abs() * table["statements"]
    by_group = table["group"]
    return gap.groupby(by_group).sum() / table["statements"].groupby(by_group).sum()


def top_label_error(shares: np.ndarray, truth: np.ndarray) -> float:
    """Calibration error of the likeliest class: mean |stated − observed| over bins of `stated`.

    `shares` (n, classes), `truth` (n,) from 0 on. Guo et al. 2017, eq. 3, in ten bins.
    """
    stated, right = shares.max(axis=1), shares.argmax(axis=1) == truth
    bins = np.minimum((stated * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    gaps = np.bincount(bins, stated - right, RELIABILITY_BINS)
    return float(np.abs(gaps).sum() / max(len(truth), 1))


def calibration_errors(counts: pd.DataFrame, uncalibrated: pd.DataFrame) -> pd.DataFrame:
    """`top_label_error` and exact counts of the found columns, by dose and group.

    Columns: dose, group, columns (found), error, error_uncalibrated, exact, exact_uncalibrated.
    """
    parts = []
    for table, ending in ((counts, ""), (uncalibrated, "_uncalibrated")):
        rows = []
        for keys, part in table[table["counted"] != MISSED].groupby(CONDITIONS):
            shares, truth = part[share_names(part)].to_numpy(), part["truth"].to_numpy() - 1
            rows.append(
                dict(zip(CONDITIONS, keys, strict=True))
                | {
                    "columns": len(part),
                    f"error{ending}": top_label_error(shares, truth),
                    f"exact{ending}": float((shares.argmax(axis=1) == truth).mean()),
                }
            )
        parts.append(pd.DataFrame(rows))
    return parts[0].merge(parts[1], on=[*CONDITIONS, "columns"])
