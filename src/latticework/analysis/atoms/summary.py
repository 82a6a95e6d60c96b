"""What a page about an image shows beside its atoms: distances and strain of one image."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from latticework import materials
from latticework.analysis.atoms.bonds_and_rings import bond_lengths, material_bonds
from latticework.analysis.atoms.reading import Prediction
from latticework.analysis.atoms.template_strain import strain_table


@dataclass(frozen=True)
class Summary:
    """Measures of the atoms of one image.

    Parameters
    ----------
    atoms
        Its rows of the table.
    distances
        Å: bonds, or where the material has none the distances to the nearest neighbour.
    distances_are
        Which of the two, in words.
    expected
        Their length in the perfect crystal, Å, or None.
    strain
        Components by name, of the atoms that have a neighbourhood to measure it by; empty for a
        material without a template.
    """

    atoms: pd.DataFrame
    distances: np.ndarray
    distances_are: str
    expected: float | None
    strain: dict[str, np.ndarray]


def summary(found: Prediction, frame: int = 0) -> Summary:
    """The measures of one of the images that were read."""
    material = materials.load(found.card["material"])
    atoms = found.atoms[found.atoms["frame"] == frame]
    positions = atoms[["x_angstrom", "y_angstrom"]].to_numpy(dtype=float)
    strains = {}
    if material.bonds is not None:
        pairs = material_bonds(positions, atoms["class"].astype(str).tolist(), material.bonds)
        distances, words = bond_lengths(positions, pairs), "bond lengths"
        expected = material.bonds.length
    else:
        nearest = cKDTree(positions).query(positions, k=2)[0][:, 1] if len(positions) > 1 else []
        distances, words, expected = np.asarray(nearest), "distances to the nearest neighbour", None
    if material.template is not None:
        table = strain_table(positions, material.template)
        for name in ("xx", "yy", "xy"):
            values = table[name].to_numpy(dtype=float)
            strains[name] = values[np.isfinite(values)]
    return Summary(atoms, distances, words, expected, strains)
