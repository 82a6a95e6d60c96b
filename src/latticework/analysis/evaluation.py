"""How well a network finds atoms on held-out structures, and how well anything could."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms
from scipy.spatial import cKDTree

from latticework.analysis.held_out import HeldOut, held_out_maps
from latticework.analysis.lattice import hexagonal_atoms
from latticework.analysis.localisation import localise
from latticework.analysis.matching import outside_margin, scores_by_group
from latticework.config import Evaluation, Inference
from latticework.structures import targets
from latticework.structures.nanoparticles import COLUMN_NEIGHBOURS

CONTAMINATION_REACH = 4.0


def column_groups(atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Columns (n, 2) of a particle: "inside" with all neighbouring columns, else "edge"."""
    positions = targets(atoms).positions[:, :2]
    reach, complete = COLUMN_NEIGHBOURS[str(atoms.info["zone_axis"])]
    near = cKDTree(positions).query_ball_point(positions, reach, return_length=True) - 1
    return in_field(positions, atoms), np.where(near >= complete, "inside", "edge")


def in_field(positions: np.ndarray, atoms: Atoms) -> np.ndarray:
    """Positions (n, 2) in Å where the picture shows them: it is periodic, and an atom that
    roughening put beyond the border is seen at the opposite side."""
    return positions % atoms.cell.lengths()[:2]


def sheet_groups(atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Sheet atoms (n, 2) and the group of each by which it is judged.

    "hexagonal": three neighbours and only six-rings; "other": defects and edges; "covered":
    under contamination or within 4 Å of it, where pictures of the sheet are not the sheet's alone.
    """
    sheet = atoms.arrays["sheet"]
    positions = atoms.positions[sheet, :2]
    box = atoms.cell.lengths()[:2]
    groups = np.where(hexagonal_atoms(positions, cell=box), "hexagonal", "other")
    dirt = atoms.positions[~sheet, :2]
    if len(dirt):
        near = cKDTree(dirt % box, boxsize=box).query(positions % box)[0] < CONTAMINATION_REACH
        groups[near | ~atoms.arrays["visible"][sheet]] = "covered"
    return positions, groups


def atom_groups(atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """What is to be found (n, 2) in Å, and the group of each by which it is judged."""
    return column_groups(atoms) if "column" in atoms.arrays else sheet_groups(atoms)


def score_structure(
    probabilities: np.ndarray,
    sampling: float,
    atoms: Atoms,
    settings: Evaluation,
    inference: Inference,
) -> list[dict[str, Any]]:
    """Rows of scores, one a group of atoms, for the map of one structure. Lengths in Å."""
    truth, groups = atom_groups(atoms)
    found = localise(probabilities, epsilon=inference.epsilon, threshold=inference.threshold)
    positions = found[["x_px", "y_px"]].to_numpy() * sampling
    box = atoms.cell.lengths()[:2]
    grouped = scores_by_group(
        positions,
        truth,
        groups,
        settings.radius,
        ignore_found=outside_margin(positions, box, settings.border),
        ignore_truth=outside_margin(truth, box, settings.border),
    )
    return [{"group": group, **row} for group, row in grouped.items()]


def evaluate(held_out: HeldOut, seed: int) -> pd.DataFrame:
    """Scores of every dose, defocus and group of atoms, pooled over held-out structures."""
    rows = []
    for defocus, dose, number, probabilities, pixel in held_out_maps(held_out, seed):
        scored = score_structure(
            probabilities,
            pixel,
            held_out.structures[number],
            held_out.settings,
            held_out.inference,
        )
        rows += [{"dose": dose, "defocus": defocus, **row} for row in scored]
    return pooled(pd.DataFrame(rows), ("dose", "defocus", "group"))


def pooled(rows: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Scores of many pictures as one: counts are added, errors averaged over the atoms."""

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
