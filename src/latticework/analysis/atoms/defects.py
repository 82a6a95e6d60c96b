"""Atoms → defects with names, none of which any network had to be trained on.

Around dopants (Si2C5), at single sites (S_vacancy) and in rings (5-7, 5-8-5). What counts as a
defect, and what its name is, are facts about the material.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from latticework.analysis.atoms.atom_set import AtomSet
from latticework.analysis.atoms.defect import Defect
from latticework.analysis.atoms.dopants import dopant_defects
from latticework.analysis.atoms.ring_defects import ring_defects
from latticework.analysis.atoms.vacancies import missing_sites, site_defects, with_lines
from latticework.materials import Material

COLUMNS = [
    "frame",
    "defect",
    "name",
    "x_px",
    "y_px",
    "n_dopant",
    "n_host",
    "confidence",
    "distorted",
]


def find_defects(atoms: AtomSet, field: tuple[float, float], material: Material) -> list[Defect]:
    """All defects of one image, from the top of the picture down.

    Parameters
    ----------
    atoms
        Of the image, with the candidates that count as none, which lower the confidence.
    field
        Size (x, y) of the picture, Å.
    material
        With facts about its defects.

    Raises ValueError for a material without them.
    """
    if material.defects is None:
        raise ValueError(
            f"materials/{material.name}.yaml has no section `defects`, which says what a defect "
            "is and what it is called"
        )
    found: list[Defect] = []
    if material.defects.dopants:
        found += dopant_defects(atoms, field, material)
    missing = list(missing_sites(atoms, field, material))
    found += with_lines([*site_defects(atoms, material), *missing], material)
    if material.defects.ring:
        found += ring_defects(atoms, material, [defect.place for defect in missing])
    return sorted(found, key=lambda defect: tuple(defect.place[::-1]))


def defect_table(defects: Sequence[Defect], sampling: float, frame: int = 0) -> pd.DataFrame:
    """One row a defect: frame, defect (its number), name, x_px, y_px, n_dopant, n_host, confidence,
    distorted. `sampling` is the pixel in Å."""
    places = np.array([defect.place for defect in defects]).reshape(-1, 2) / sampling
    return pd.DataFrame(
        {
            "frame": frame,
            "defect": np.arange(len(defects)),
            "name": np.array([defect.name for defect in defects], dtype=object),
            "x_px": places[:, 0],
            "y_px": places[:, 1],
            "n_dopant": np.array([defect.n_dopant for defect in defects], dtype=int),
            "n_host": np.array([defect.n_host for defect in defects], dtype=int),
            "confidence": np.array([defect.confidence for defect in defects], dtype=float),
            "distorted": np.array([defect.distorted for defect in defects], dtype=bool),
        },
        columns=COLUMNS,
    )


def counts(table: pd.DataFrame) -> pd.DataFrame:
    """Defects of each name, the most frequent first: name, count, and the expected number, which is
    the sum of their confidences."""
    grouped = table.groupby("name", sort=True)["confidence"].agg(["size", "sum"])
    grouped = grouped.sort_values("size", ascending=False, kind="stable").reset_index()
    return grouped.set_axis(["name", "count", "expected"], axis=1)
