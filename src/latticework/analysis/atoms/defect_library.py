"""A defect library: what each defect looks like, where its atoms are, and its name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latticework import shards
from latticework.analysis.atoms.defect import Defect
from latticework.analysis.atoms.site_strain import site_strain
from latticework.materials import Material

# Side of a crop, Å: a defect of a few atoms with some of the crystal around it.
CROP = 14.0


def crop(image: np.ndarray, centre: np.ndarray, size: int) -> np.ndarray:
    """A square (size, size) of an image (ny, nx) around x, y in px; NaN beyond its border."""
    left, top = np.rint(np.asarray(centre) - (size - 1) / 2).astype(int)
    ny, nx = image.shape
    part = np.full((size, size), np.nan, dtype=np.float32)
    rows = slice(max(top, 0), min(top + size, ny))
    columns = slice(max(left, 0), min(left + size, nx))
    seen = image[rows, columns]
    if seen.size:
        y, x = rows.start - top, columns.start - left
        part[y : y + seen.shape[0], x : x + seen.shape[1]] = seen
    return part


def crops_of(table: pd.DataFrame, frames: np.ndarray, sampling: float) -> np.ndarray:
    """Crops (defects, size, size) around the defects of a table, of images (n, ny, nx)."""
    size = 2 * int(CROP / sampling / 2) + 1
    centres = table[["x_px", "y_px"]].to_numpy(dtype=float)
    crops = [
        crop(frames[frame], centre, size)
        for frame, centre in zip(table["frame"], centres, strict=True)
    ]
    return np.array(crops, dtype=np.float32).reshape(-1, size, size)


def write_library(
    path: str | Path,
    table: pd.DataFrame,
    defects: Sequence[Defect],
    frames: np.ndarray,
    sampling: float,
    material: Material,
    attributes: Mapping[str, Any],
) -> None:
    """Write a library, a row a defect in the order of its table.

    Parameters
    ----------
    path
        HDF5 file of the kind `defects`.
    table
        As `defects.defect_table` makes it, of all frames.
    defects
        In the order of the table.
    frames
        Images (n, ny, nx).
    sampling
        Their pixel, Å.
    material
        What the images show.
    attributes
        JSON types: the image, and where the atoms are from.

    Arrays: `crops` (defect, y, x), NaN beyond the picture; `positions`, of the atoms in Å from the
    centre of the picture's first pixel, ragged; `bond_angstrom` and `sigma_bond_angstrom`; `strain`
    (defect, 2), the least and largest, in %, that the bond of a single dopant is compatible with;
    and each column of the table but its name. Attributes: `names`, and `classes` of each defect's
    atoms.
    """
    item = ("defect",)
    strains = [site_strain(defect, material) for defect in defects]
    arrays = {
        "crops": shards.Array(crops_of(table, frames, sampling), "", (*item, "y", "x")),
        "bond_angstrom": shards.Array(np.array([d.bond for d in defects]), "Å", item),
        "sigma_bond_angstrom": shards.Array(np.array([d.bond_sigma for d in defects]), "Å", item),
        "strain": shards.Array(np.array(strains).reshape(-1, 2), "%", (*item, "range")),
    }
    if defects:
        positions = [defect.positions for defect in defects]
        arrays["positions"] = shards.Array(positions, "Å", (*item, "atom", "xy"), ragged=True)
    for name in table.columns.drop("name"):
        units = "px" if name.endswith("_px") else ""
        arrays[name] = shards.Array(table[name].to_numpy(), units, item)
    shards.write(
        path,
        "defects",
        arrays,
        {
            **attributes,
            "material": material.name,
            "sampling_angstrom": sampling,
            "names": table["name"].tolist(),
            "classes": [list(map(str, defect.classes)) for defect in defects],
        },
    )
