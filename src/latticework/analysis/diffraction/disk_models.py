"""Several models of what is inside of the disks, and their mean.

The polynomial that a disk is multiplied by is only a model of what dynamical diffraction does to
it, and square roots of a few electrons are not quite those of their mean. By how much a lattice
errs for that, no count of electrons says. Models of different degrees err differently, in part
even in opposite directions: their mean is better than any of them, and how far they differ says
how sure it is.
"""

from collections.abc import Sequence

import numpy as np
import torch

from latticework.analysis.diffraction import disks
from latticework.analysis.diffraction.disk_probe import Probe

DEGREES = (2, 3, 4)
IN_COMMON = 0.15  # correlation of two models' errors


def refine(
    patterns: torch.Tensor,
    start: torch.Tensor,
    indices: torch.Tensor,
    probe: Probe,
    *,
    degrees: Sequence[int] = DEGREES,
) -> tuple[disks.Refined, torch.Tensor]:
    """Lattices of patterns (n, ky, kx) by polynomials of all `degrees`, from a start (n, 3, 2).

    Their mean, which counts as converged where every model does, and how far every model's lattice
    is from it: (models, n, 6), px. See `disks.refine`.
    """
    fits: list[disks.Refined] = []
    for degree in degrees:
        found = disks.refine(patterns, start, indices, probe, degree=degree)
        fits.append(found)
        start = torch.where(found.converged[:, None, None], found.lattice, start)
    lattices, influence, residual = (
        torch.stack([getattr(fit, name) for fit in fits])
        for name in ("lattice", "influence", "residual")
    )
    settled = torch.stack([fit.converged for fit in fits]).all(0)
    mean = disks.Refined(
        lattices.mean(0), influence.mean(0), fits[0].disks, residual.mean(0), settled
    )
    return mean, (lattices - mean.lattice).flatten(2)


def model_covariance(apart: np.ndarray, averaged: int) -> np.ndarray:
    """Covariance (6, 6) of what models leave to chance in the mean of `averaged` of them, px².

    `apart` are `refine`'s distances (models, n, 6).
    """
    flat = apart.reshape(-1, apart.shape[-1])
    scatter = flat.T @ flat / max(1, (len(apart) - 1) * apart.shape[1])
    return scatter * (1 + (averaged - 1) * IN_COMMON) / (averaged * (1 - IN_COMMON))
