"""The best that any method could do at counting a column's atoms: likelihood ratios of images."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms
from scipy.stats import norm

from latticework.limits.fisher import detection_bound
from latticework.limits.images import Microscope, mean_images

HEADROOM = 3.0  # Å above a particle, for an atom more


def chosen_particles(structures: Sequence[Atoms], count: int) -> list[Atoms]:
    """The first structures, as many exactly on their zone axis as tilted ones, `count` in all."""
    aligned = [atoms for atoms in structures if atoms.info["tilt_degrees"] == 0]
    tilted = [atoms for atoms in structures if atoms.info["tilt_degrees"] != 0]
    half = count // 2
    return aligned[:half] + tilted[:half]


def with_height(atoms: Atoms, column: int, change: int) -> Atoms:
    """A particle whose column has one atom less (change −1) or more (+1), at its far end.

    The column goes on with its own spacing and direction. Raises ValueError where fewer than two
    atoms do not say which these are.
    """
    members = np.flatnonzero(atoms.arrays["column"] == column)
    if len(members) < 2:
        raise ValueError(f"column {column} has {len(members)} atoms: at least 2 are needed")
    order = members[np.argsort(atoms.positions[members, 2])]
    if change == -1:
        return atoms[np.arange(len(atoms)) != order[-1]]
    if change != 1:
        raise ValueError(f"change is −1 or 1, not {change}")
    grown = atoms + atoms[[order[-1]]]
    positions = atoms.positions[order]
    grown.positions[-1] = positions[-1] + (positions[-1] - positions[0]) / (len(order) - 1)
    return grown


def chosen_columns(atoms: Atoms, count: int) -> np.ndarray:
    """Numbers of `count` columns of at least two atoms, evenly spaced in the order of height."""
    numbers, heights = np.unique(atoms.arrays["column"], return_counts=True)
    usable = numbers[(numbers >= 0) & (heights >= 2)]
    ordered = usable[np.argsort(heights[np.isin(numbers, usable)], kind="stable")]
    return ordered[np.unique(np.linspace(0, len(ordered) - 1, count).round().astype(int))]


def count_bounds(
    make_wave: Callable[[Atoms], np.ndarray],
    structures: Sequence[Atoms],
    microscope: Microscope,
    *,
    doses: Sequence[float],
    defocus: float,
    columns: int,
) -> pd.DataFrame:
    """Least rate of wrong counts for some columns of each structure, for every dose.

    One column is to be counted while everything else is known: the microscope, every other
    column, and that the column has n − 1, n or n + 1 atoms, each as likely. The best test of two
    heights errs with probability Φ(−d′/2), d′ being the detectability of their difference in the
    Poisson counts of all images; of three in a row, n is mistaken for either neighbour. The
    camera's MTF costs nothing: see `limits.fisher`. Real counting knows less and errs more.

    Parameters
    ----------
    make_wave
        Exit wave (ny, nx) of a structure.
    structures
        Particles in a square box with the array `column`.
    microscope
        In which they are imaged.
    doses, defocus
        e/Å², of all images of a series together, and Å.
    columns
        Of each structure, evenly spaced in the order of height.

    Returns
    -------
    pandas.DataFrame
        dose, structure, tilt_degrees, group, column, height, less, more (d′ against one atom less
        and one more), error.
    """
    rows = []
    for number, atoms in enumerate(structures):
        tilt = float(atoms.info["tilt_degrees"])
        group = "aligned" if tilt == 0 else "tilted"
        particle = {"structure": number, "tilt_degrees": tilt, "group": group}
        rows += [
            {"dose": row.pop("dose")} | particle | row
            for row in _of_particle(make_wave, atoms, microscope, doses, defocus, columns)
        ]
    return pd.DataFrame(rows)


def _of_particle(
    make_wave: Callable[[Atoms], np.ndarray],
    atoms: Atoms,
    microscope: Microscope,
    doses: Sequence[float],
    defocus: float,
    columns: int,
) -> Iterator[dict[str, Any]]:
    """Rows of `count_bounds` of one particle, without what is the same in all of them."""
    box = atoms.cell.lengths()[0]
    # The exit plane stays where it is, whatever is added.
    atoms = atoms.copy()
    atoms.cell[2, 2] += HEADROOM
    chosen = chosen_columns(atoms, columns)
    variants = [with_height(atoms, c, change) for c in chosen for change in (-1, 1)]
    waves = np.stack([make_wave(variant) for variant in (atoms, *variants)])
    images = mean_images(waves, box, microscope, defocus, double=False)
    heights = np.bincount(atoms.arrays["column"][atoms.arrays["column"] >= 0])
    for dose in doses:
        electrons = microscope.electrons(dose, box)
        for place, column in enumerate(chosen):
            less, more = (
                detection_bound(images[0], images[1 + 2 * place + k], electrons) for k in (0, 1)
            )
            yield {
                "dose": dose,
                "column": column,
                "height": heights[column],
                "less": less,
                "more": more,
                "error": min(1.0, norm.cdf(-less / 2) + norm.cdf(-more / 2)),
            }
