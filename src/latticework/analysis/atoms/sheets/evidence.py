"""Which microscope an image speaks for, when atoms are where they are and not where it is best.

Whatever the microscope, atoms that may stand anywhere follow the noise, and in a wrong one they
follow what is wrong with it, as far as they must. So microscopes are compared by the likelihood
with the positions integrated out, the atoms straying by a Gaussian amount from where the network
saw them, and with the microscope's own errors integrated out, both by Laplace's method (MacKay,
Neural Computation 4 (1992) 415). The amount of straying is the likeliest for each.
"""

import numpy as np
import torch

from latticework.analysis.atoms.sheets.fit import Problem, Solution

STRAYING = torch.from_numpy(np.geomspace(0.01, 0.3, 16))  # Å, SD per axis


def surprise(problem: Problem, solution: Solution) -> float:
    """−log of the evidence for the end of a fit with a wide prior of the positions."""
    total = solution.information
    factor = torch.linalg.cholesky(total)
    seen = torch.nonzero(problem.seen.repeat_interleave(2))[:, 0]
    covariance = torch.cholesky_inverse(factor)[seen[:, None], seen]
    away = (solution.state.positions - problem.origin)[problem.moved][problem.seen].flatten()
    spread, axes = torch.linalg.eigh(covariance)
    along = (axes.T @ away) ** 2
    variance = spread.clamp(min=0) + STRAYING[:, None] ** 2
    strayed = 0.5 * (along / variance + variance.log()).sum(dim=1).min()
    return solution.state.objective + float(factor.diagonal().log().sum() + strayed)
