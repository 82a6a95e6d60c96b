"""One defect, as every way of finding defects gives it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Defect:
    """A defect of a crystal.

    Parameters
    ----------
    name
        Such as Si2C5, S_vacancy, 5-7.
    positions, classes
        (n, 2) in Å and (n,), its atoms: dopants first, then the host atoms next to them.
    n_dopant, n_host
        Foreign atoms, or columns or sites that differ from the crystal's, and host atoms around.
    confidence
        Probability that all decisions behind the name hold.
    distorted
        Whether the bonds around the dopant are unevenly spread.
    bond, bond_sigma
        Mean length of the bonds between dopants and their neighbours, Å, and its standard
        deviation; NaN without any.
    centre
        (2,), Å; without it, the mean of the dopants, or of all atoms where there is no dopant.
    """

    name: str
    positions: np.ndarray
    classes: tuple[str, ...]
    n_dopant: int
    n_host: int
    confidence: float
    distorted: bool = False
    bond: float = np.nan
    bond_sigma: float = np.nan
    centre: np.ndarray | None = None

    @property
    def place(self) -> np.ndarray:
        """(2,), where it is, Å."""
        if self.centre is not None:
            return self.centre
        return self.positions[: self.n_dopant or None].mean(axis=0)
