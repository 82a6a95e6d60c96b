"""Strain at every atom, every bond and ring, and the reference's atoms, of a dataset."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latticework import materials, shards
from latticework.analysis.atoms.bonds_and_rings import bond_table, material_bonds, ring_table
from latticework.analysis.atoms.reference import reference_atoms
from latticework.analysis.atoms.template_strain import strain_table
from latticework.logs import tee
from latticework.materials import Material

NONE = np.zeros((0, 2))


def of_image(
    positions: np.ndarray, classes: list[str], material: Material
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Tables of strain, bonds and rings of one image; empty where the material has no bonds."""
    bonds = np.zeros((0, 2), dtype=int)
    if material.bonds is not None:
        bonds = material_bonds(positions, classes, material.bonds)
    strains = strain_table(positions, material.template)
    return strains, bond_table(positions, bonds), ring_table(positions, bonds)


def write_reference(path: Path, arrays: Mapping[str, Any], attributes: Mapping[str, Any]) -> None:
    """Write where a dataset's reference says that its first image has atoms, Å."""
    entry = attributes["entry"]["reference"]
    points = NONE
    if entry is not None and "reference" in arrays and len(arrays["sampling"]):
        points = reference_atoms(arrays["reference"], entry["kind"]) * arrays["sampling"][0]
    shards.write_csv(path, pd.DataFrame(points, columns=["x_angstrom", "y_angstrom"]))


def main(
    atoms: Path,
    dataset: Path,
    strain: Path,
    bonds: Path,
    rings: Path,
    reference: Path,
    *,
    material: str,
) -> None:
    """Measure a dataset's atoms image by image (`frame`)."""
    looked_at = materials.load(material)
    tables = [[table.assign(frame=[])] for table in of_image(NONE, [], looked_at)]
    for frame, table in pd.read_csv(atoms, dtype={"class": str}).groupby("frame"):
        positions = table[["x_angstrom", "y_angstrom"]].to_numpy()
        measured = of_image(positions, table["class"].tolist(), looked_at)
        for collected, one in zip(tables, measured, strict=True):
            collected.append(one.assign(frame=frame))
    for path, collected in zip((strain, bonds, rings), tables, strict=True):
        shards.write_csv(path, pd.concat(collected, ignore_index=True))
    write_reference(reference, *shards.read(dataset, "dataset"))


if __name__ == "__main__":
    tee(snakemake.log[0])
    main(
        Path(snakemake.input.atoms),
        Path(snakemake.input.dataset),
        Path(snakemake.output.strain),
        Path(snakemake.output.bonds),
        Path(snakemake.output.rings),
        Path(snakemake.output.reference),
        material=snakemake.params.material,
    )
