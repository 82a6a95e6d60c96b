"""A table of atoms that a user brings, checked before anything is computed."""

from pathlib import Path
from typing import TYPE_CHECKING

from latticework.cli.published import InputError

if TYPE_CHECKING:
    import pandas as pd

NEEDED = ("x_px", "y_px", "class")


def read_atoms(path: Path, frames: int, shape: tuple[int, int]) -> "pd.DataFrame":
    """A table of atoms of so many frames of shape (ny, nx), checked. Raises InputError."""
    import numpy as np
    import pandas as pd

    try:
        table = pd.read_csv(path, dtype={"class": str}, keep_default_na=True)
    except (OSError, ValueError) as error:
        raise InputError(f"--atoms {path}: not a table that can be read ({error})") from error
    if missing := [name for name in NEEDED if name not in table]:
        raise InputError(
            f"--atoms {path}: no column {', '.join(missing)}; expected {', '.join(NEEDED)}, and "
            "where they are known probability, sigma_angstrom and frame"
        )
    if "frame" not in table:
        table = table.assign(frame=0)
    numeric = [n for n in table.columns if n != "class" and not n.startswith("p_")]
    needed = table[[n for n in numeric if n in ("x_px", "y_px", "probability", "frame")]]
    values = needed.apply(pd.to_numeric, errors="coerce")
    if table["class"].isna().any() or not np.isfinite(values.to_numpy(dtype=float)).all():
        raise InputError(f"--atoms {path}: has rows without a number or a class")
    table = table.assign(**values)
    table["frame"] = table["frame"].astype(int)
    if len(table) and not table["frame"].between(0, frames - 1).all():
        raise InputError(f"--atoms {path}: frames beyond those of the image, 0 to {frames - 1}")
    ny, nx = shape
    outside = ~(table["x_px"].between(-1, nx) & table["y_px"].between(-1, ny))
    if outside.any():
        raise InputError(
            f"--atoms {path}: {int(outside.sum())} of {len(table)} atoms lie outside of the image "
            f"of {nx} × {ny} px"
        )
    return table
