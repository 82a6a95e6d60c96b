"""Cramér–Rao bound of a lattice that is measured by the edges of its disks, in a counted pattern.

Counts N have the variance N, so their square roots the variance 1/4 wherever there are a few: the
Fisher information of the lattice is four times the curvature of the fit of the square roots, what
the polynomials inside of the disks take up being eliminated.
"""

import torch

from latticework.analysis.diffraction import disks
from latticework.analysis.diffraction.disk_probe import Probe


def lattice_bound(
    patterns: torch.Tensor,
    lattice: torch.Tensor,
    indices: torch.Tensor,
    probe: Probe,
    dose: float,
    *,
    degree: int = disks.DEGREE,
) -> torch.Tensor:
    """Smallest covariance (n, 6, 6) of lattices (n, 3, 2), px², of any unbiased measurement.

    Parameters
    ----------
    patterns
        (n, ky, kx), free of noise, as probabilities.
    lattice, indices
        The true lattices (n, 3, 2), and the disks (m, 2) that are measured.
    probe
        Made ready with the power 1/2, as `disk_probe.make_probe`.
    dose
        Electrons in a pattern.
    degree
        Of the polynomials inside of the disks.

    Raises ValueError for a probe of another power.
    """
    if probe.power != 0.5:
        raise ValueError(f"the bound is that of square roots; the probe's power is {probe.power}")
    curvature = disks.curvature(patterns * dose, lattice, indices, probe, degree)
    return torch.linalg.pinv(4 * curvature)
