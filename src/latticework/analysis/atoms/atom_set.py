"""The atoms of one image as arrays, and how probable what is said of them is."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from scipy import special

# Å per axis: of a position whose table says nothing, and the least that any is believed.
USUAL_SIGMA, LEAST_SIGMA = 0.05, 0.01


@dataclass(frozen=True)
class AtomSet:
    """Atoms, and candidates that count as none, of one image.

    Parameters
    ----------
    positions
        (n, 2), Å.
    classes
        (n,), names.
    probability
        (n,), that there is an atom of this class.
    sigma
        (n,), standard deviation of a position per axis, Å.
    found
        (n,) bool: those that count as atoms; the others only make it doubtful that there are none.
    """

    positions: np.ndarray
    classes: np.ndarray
    probability: np.ndarray
    sigma: np.ndarray
    found: np.ndarray

    @classmethod
    def of_table(cls, table: pd.DataFrame, sampling: float, threshold: float = 0.5) -> Self:
        """Atoms of one image's table: x_px, y_px, class and, where it has them, more.

        `probability` (else 1), p_<class> (else the probability) and the standard deviation
        sigma_angstrom, or sigma_x_angstrom and sigma_y_angstrom of a refinement. `sampling` is the
        pixel in Å; an atom has a probability of at least `threshold`.
        """
        count = len(table)
        classes = table["class"].astype(str).to_numpy(dtype=object)
        present = _column(table, "probability", np.ones(count))
        share = present.copy()
        for name in set(classes):
            if f"p_{name}" in table:
                own = classes == name
                share[own] = table[f"p_{name}"].to_numpy(dtype=float)[own]
        sigma = _column(table, "sigma_angstrom", np.full(count, USUAL_SIGMA))
        if {"sigma_x_angstrom", "sigma_y_angstrom"} <= set(table):
            refined = np.hypot(table["sigma_x_angstrom"], table["sigma_y_angstrom"]) / np.sqrt(2)
            sigma = np.where(np.isfinite(refined), refined, sigma)
        return cls(
            positions=table[["x_px", "y_px"]].to_numpy(dtype=float).reshape(-1, 2) * sampling,
            classes=classes,
            probability=np.clip(share, 0, 1),
            sigma=np.maximum(np.where(np.isfinite(sigma), sigma, USUAL_SIGMA), LEAST_SIGMA),
            found=present >= threshold,
        )

    def __len__(self) -> int:
        return len(self.positions)

    def atoms(self) -> Self:
        """Only what counts as atoms."""
        return type(self)(*(getattr(self, name)[self.found] for name in self.__dataclass_fields__))

    def nearer(self, pairs: np.ndarray, limit: float | np.ndarray) -> np.ndarray:
        """Probability (pairs,) that the atoms of each of the `pairs` (pairs, 2) are nearer than a
        limit in Å, given the errors of their positions."""
        first, second = np.asarray(pairs, dtype=int).reshape(-1, 2).T
        distance = np.hypot(*(self.positions[second] - self.positions[first]).T)
        sigma = np.hypot(self.sigma[first], self.sigma[second])
        return special.ndtr((limit - distance) / sigma)


def _column(table: pd.DataFrame, name: str, otherwise: np.ndarray) -> np.ndarray:
    return table[name].to_numpy(dtype=float) if name in table else otherwise
