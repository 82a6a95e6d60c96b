"""How well a network finds atoms on held-out structures, against dose and defocus."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from latticework.analysis.atoms.class_shares import calibration_of
from latticework.analysis.atoms.localisation import localise
from latticework.analysis.atoms.regions import outside_margin
from latticework.evaluation import Evaluated
from latticework.evaluation.groups import atom_groups, by_adatoms, in_field
from latticework.evaluation.held_out import HeldOut, Reading, held_out_maps, load_held_out
from latticework.evaluation.matching import nearest_group, scores_by_group
from latticework.materials import Material
from latticework.shards import Array
from latticework.structures import specimen

ALL = "all"  # atoms of all classes, found and true, whatever the class
KEYS = ["dose", "defocus", "class", "group"]
UNITS = {"dose": "e/Å²", "defocus": "Å"} | dict.fromkeys(
    ("rms", "rms_x", "rms_y", "median", "bias_x", "bias_y"), "Å"
)


def evaluate_network(
    weights_path: Path,
    structures: Sequence[Path],
    simulations: Sequence[Path],
    prepared: Sequence[Path],
    *,
    material: Material,
    evaluation: Mapping[str, Any],
    inference: Mapping[str, Any],
    seed: int,
    study: str,
    name: str,
) -> Evaluated:
    """Scores of a network on held-out structures: see `evaluate`.

    Parameters
    ----------
    weights_path
        Published or trained weights.
    structures, simulations
        Held-out shards, in the same order.
    prepared
        Not needed here.
    material
        Whose groups of atoms are scored apart.
    evaluation, inference
        Sections of the configuration.
    seed
        Of the run.
    study, name
        Of what is scored; the noise does not depend on them, so that all networks of all studies
        read the same images.
    """
    held_out = load_held_out(weights_path, structures, simulations, evaluation, inference)
    return scored(held_out, material, seed, study, name)


def scored(held_out: HeldOut, material: Material, seed: int, study: str, name: str) -> Evaluated:
    """Scores of a network, pooled over structures, and those of each of them."""
    rows = evaluate(held_out, material, seed)
    arrays, names = as_arrays(rows)
    return Evaluated(pooled(rows, KEYS), arrays, names | {"study": study, "network": name})


def evaluate(held_out: HeldOut, material: Material, seed: int) -> pd.DataFrame:
    """Scores of every structure at every dose and defocus, by class and group of atoms.

    Columns: dose, defocus, structure, class, group, and those of `matching.scores`.
    """
    rows = []
    for reading in held_out_maps(held_out, seed):
        scored = score_structure(reading, held_out, material)
        condition = {"dose": reading.dose, "defocus": reading.defocus}
        rows += [condition | {"structure": reading.structure} | row for row in scored]
    return pd.DataFrame(rows)


def score_structure(
    reading: Reading, held_out: HeldOut, material: Material
) -> Iterator[dict[str, Any]]:
    """Rows of scores of one structure's class maps, one a class and group of atoms."""
    atoms = held_out.structures[reading.structure]
    found = localise(
        reading.probabilities,
        epsilon=held_out.inference.epsilon,
        threshold=held_out.inference.threshold,
        calibration=calibration_of(held_out.card),
    )
    yield from class_scores(
        found[["x_px", "y_px"]].to_numpy() * reading.sampling,
        found["class"].to_numpy(),
        atoms,
        held_out.classes,
        atom_groups(atoms, material, held_out.classes),
        radius=held_out.settings.radius,
        border=held_out.settings.border,
    )


def class_scores(
    found: np.ndarray,
    found_classes: np.ndarray,
    atoms: Atoms,
    classes: Sequence[str],
    groups: np.ndarray,
    *,
    radius: float,
    border: float,
) -> Iterator[dict[str, Any]]:
    """Rows of scores of found atoms, one a class and group.

    The class "all" matches whatever the class. Where there are several classes each is matched on
    its own as well: an atom that is found with the wrong class is missed in its own class and
    false in the other. A false atom is charged to the group of the nearest true atom of any class.

    Parameters
    ----------
    found, found_classes
        (n, 2) in Å, and their classes (n,) from 1 on.
    atoms
        The true structure.
    classes
        Names of the classes from 1 on.
    groups
        Group of each of the structure's `specimen`.
    radius, border
        Å; atoms nearer to the border than that are not scored, nor are adatoms.
    """
    true = specimen(atoms)
    truth, box = in_field(true.positions[:, :2], atoms), atoms.cell.lengths()[:2]
    if len(truth) == 0:
        return
    charged = nearest_group(found, truth, groups)
    adatoms, hidden = by_adatoms(found, atoms, radius)
    ignored = (
        outside_margin(found, box, border) | adatoms,
        outside_margin(truth, box, border) | hidden,
    )
    chosen = [(ALL, np.ones(len(found), bool), np.ones(len(truth), bool))]
    if len(classes) > 1:
        chosen += [
            (name, found_classes == number, true.classes == number)
            for number, name in enumerate(classes, start=1)
        ]
    for name, of_found, of_truth in chosen:
        grouped = scores_by_group(
            found[of_found],
            truth[of_truth],
            groups[of_truth],
            radius,
            charged=charged[of_found],
            ignore_found=ignored[0][of_found],
            ignore_truth=ignored[1][of_truth],
        )
        for group, row in grouped.items():
            yield {"class": name, "group": group, **row}


def pooled(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Scores of many images as one: counts are added, errors averaged over the atoms."""

    def pool(part: pd.DataFrame) -> pd.Series:
        hits = part["true_positives"].sum()
        false, missed = part["false_positives"].sum(), part["false_negatives"].sum()
        weight = part["true_positives"] / max(hits, 1)
        return pd.Series(
            {
                "true_positives": hits,
                "false_positives": false,
                "false_negatives": missed,
                "precision": hits / max(hits + false, 1),
                "recall": hits / max(hits + missed, 1),
                "f1": 2 * hits / max(2 * hits + false + missed, 1),
                "rms": np.sqrt((weight * part["rms"].fillna(0) ** 2).sum()),
            }
        )

    return rows.groupby(list(keys), sort=True)[list(rows)].apply(pool).reset_index()


def as_arrays(rows: pd.DataFrame) -> tuple[dict[str, Array], dict[str, list[str]]]:
    """A table's columns as arrays; those of words as numbers into lists of words.

    Returns the arrays, and the words of each such column as attributes: `class_names`,
    `group_names`.
    """
    arrays, words = {}, {}
    for name, column in rows.items():
        values = column.to_numpy()
        if values.dtype.kind not in "iuf":
            words[f"{name}_names"], values = np.unique(values.astype(str), return_inverse=True)
            words[f"{name}_names"] = words[f"{name}_names"].tolist()
        arrays[str(name)] = Array(values, UNITS.get(str(name), "1"), ("row",))
    return arrays, words
