"""The best that any method could do at counting a column's atoms: likelihood ratios of pictures."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from ase import Atoms
from scipy.stats import norm

from latticework.analysis.limits import detection_bound
from latticework.config import Evaluation
from latticework.imaging.augmentation import fixed_microscope, series_intensity, wave_bank


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
    settings: Evaluation,
    *,
    energy: float,
    sampling: float,
    band_limit: float,
    series: Sequence[float],
    columns: int,
) -> pd.DataFrame:
    """Least rate of wrong counts for some columns of each structure, for every dose.

    One column is to be counted while everything else is known: the microscope, every other
    column, and that the column has n − 1, n or n + 1 atoms, each as likely. The best test of two
    heights errs with probability Φ(−d′/2), d′ being the detectability of their difference in the
    Poisson counts of all frames; of three in a row, n is mistaken for either neighbour. The
    camera's MTF costs nothing: see `analysis.limits`. Real counting knows less and errs more.

    Columns: dose, structure, tilt_degrees, group, column, height, less, more (d′ against one atom
    less and one more), error.
    """
    rows = []
    for number, atoms in enumerate(structures):
        box = atoms.cell.lengths()[0]
        # The exit plane stays where it is, whatever is added.
        atoms = atoms.copy()
        atoms.cell[2, 2] += 3.0
        chosen = chosen_columns(atoms, columns)
        variants = [with_height(atoms, c, change) for c in chosen for change in (-1, 1)]
        waves = torch.from_numpy(np.stack([make_wave(v) for v in (atoms, *variants)]))
        nothing = [torch.zeros(1, 2)] * len(waves)
        bank = wave_bank(waves, nothing, [torch.ones(1)] * len(waves), box, band_limit)
        size = 2 * round(box / sampling / 2)
        middle = settings.defocus[len(settings.defocus) // 2]
        pictures = series_intensity(
            bank.spectra,
            bank.frequencies,
            box,
            size,
            energy,
            fixed_microscope(middle, settings.cs, settings.focal_spread, len(waves)),
            series,
        )
        pictures = pictures.flatten(1, 2).double().numpy()
        heights = np.bincount(atoms.arrays["column"][atoms.arrays["column"] >= 0])
        tilt = float(atoms.info["tilt_degrees"])
        for dose in settings.doses:
            per_pixel = dose / len(series) * (box / size) ** 2
            for place, column in enumerate(chosen):
                less, more = (
                    detection_bound(pictures[0], pictures[1 + 2 * place + k], per_pixel)
                    for k in (0, 1)
                )
                rows.append(
                    {
                        "dose": dose,
                        "structure": number,
                        "tilt_degrees": tilt,
                        "group": "aligned" if tilt == 0 else "tilted",
                        "column": column,
                        "height": heights[column],
                        "less": less,
                        "more": more,
                        "error": min(1.0, norm.cdf(-less / 2) + norm.cdf(-more / 2)),
                    }
                )
    return pd.DataFrame(rows)
