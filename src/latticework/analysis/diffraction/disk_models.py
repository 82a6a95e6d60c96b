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

DEGREES = (2, 3, 4)
IN_COMMON = 0.15  # correlation of two models' errors


def refine(
    patterns: torch.Tensor,
    start: torch.Tensor,
    indices: torch.Tensor,
    probe: disks.Probe,
    *,
    degrees: Sequence[int] = DEGREES,
) -> tuple[disks.Refined, torch.Tensor]:
    """Lattices of patterns (n, ky, kx) by polynomials of all `degrees`, from a start (n, 3, 2).

    The mean of the models that converge, which counts as converged where more than half of them
    do, and how far every model's lattice is from it: (models, n, 6), px, NaN where it did not
    converge. See `disks.refine`.
    """
    fits: list[disks.Refined] = []
    for degree in degrees:
        found = disks.refine(patterns, start, indices, probe, degree=degree)
        fits.append(found)
        start = torch.where(found.converged[:, None, None], found.lattice, start)
    settled = torch.stack([fit.converged for fit in fits])

    def average(name: str) -> torch.Tensor:
        each = torch.stack([getattr(fit, name) for fit in fits])
        known = settled.reshape(settled.shape + (1,) * (each.ndim - 2))
        return each.where(known, torch.nan).nanmean(0)

    lattice = average("lattice")
    mean = disks.Refined(
        lattice,
        average("influence"),
        fits[0].disks,
        average("residual"),
        2 * settled.sum(0) > len(fits),
    )
    apart = torch.stack([fit.lattice for fit in fits]) - lattice
    return mean, apart.where(settled[..., None, None], torch.nan).flatten(2)


def model_covariance(apart: np.ndarray, averaged: np.ndarray) -> np.ndarray:
    """Covariance (n, 6, 6) of what models leave to chance in means of `averaged` (n,) of them, px².

    `apart` are `refine`'s distances (models, m, 6), of positions where all models converged.
    """
    flat = apart.reshape(-1, apart.shape[-1])
    scatter = flat.T @ flat / max(1, (len(apart) - 1) * apart.shape[1])
    share = (1 + (averaged - 1) * IN_COMMON) / (averaged * (1 - IN_COMMON))
    return scatter * share[:, None, None]
