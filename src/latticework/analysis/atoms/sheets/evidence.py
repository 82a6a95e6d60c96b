"""The microscope for which an image speaks, wherever its atoms may be.

Atoms that may stand anywhere follow the noise, and in a wrong microscope they follow what is wrong
with it. So microscopes are compared with the positions integrated out (Laplace's method), the atoms
straying by a Gaussian amount from where the network saw them. The amount is the image's own
(MacKay, Neural Computation 4 (1992) 415).

At a low dose the microscope that is best with the best positions is biased, and the one that is
found in this way is kept; the positions are then the likelihood's in it. At a high dose that is not
so, and what biases is that atoms do not stray independently: then both are fitted together.
"""

import math
from dataclasses import replace

import torch

from latticework.analysis.atoms.sheets.fit import (
    Problem,
    Solution,
    State,
    curvature,
    fit,
    inverse,
    state_at,
    volume,
)

FIRST_STRAYING = 0.08  # Å, SD per axis to begin with
# One atom in a perfect lattice may stray by much more than the others.
LEAST, MOST = 0.04, 0.2  # Å
WELL = 0.045  # Å, an error per axis


def straying(problem: Problem, amount: float) -> Problem:
    """A problem whose seen atoms stray from where they were found by `amount`, Å, SD per axis.

    With none it is the problem itself, in which they may be anywhere.
    """
    if not amount:
        return problem
    doubt = torch.where(problem.seen, amount, problem.doubt)
    return replace(problem, doubt=doubt, straying=amount)


def amount_of_straying(problem: Problem, solution: Solution) -> float:
    """SD per axis, Å, of seen atoms about where they were found: the likeliest, nearly."""
    variance = inverse(solution.information).diagonal()
    variance = variance[: 2 * len(problem.moved)].reshape(-1, 2)[problem.seen]
    away = (solution.state.positions - problem.origin)[problem.moved][problem.seen]
    amount = math.sqrt(float((away**2 + variance).mean()))
    return min(max(amount, LEAST), MOST)


def determined(strays: Problem, optics: torch.Tensor) -> bool:
    """Whether an image in such a microscope tells where atoms are so well that they need no prior.

    As if each were seen alone.
    """
    over_error = torch.expm1(volume(strays, optics) / strays.seen.sum())
    return strays.straying < WELL * math.sqrt(float(over_error))


def followed(problem: Problem, solution: Solution, steps: int) -> tuple[Problem, Solution]:
    """A fit followed, and if atoms stray in it with an amount that comes from it."""
    amount = amount_of_straying(problem, solution) if problem.straying else 0.0
    strays = straying(problem, amount)
    start = state_at(strays, solution.state.positions, solution.state.optics)
    return strays, fit(strays, start, steps=steps)


def released(problem: Problem, strays: Problem, end: State, steps: int) -> Solution:
    """The likelihood's positions in the microscope at which a fit with straying atoms ended.

    `problem` is the same without straying; `strays` may be so too. The information that comes with
    them is of two steps: the microscope's errors are those with straying atoms, and they reach the
    positions.
    """
    held = replace(problem, free=problem.free[:0])
    state = fit(held, state_at(held, end.positions, end.optics), steps=steps).state
    found, total = curvature(problem, state)
    atoms = 2 * len(problem.moved)
    cross = total[:atoms, atoms:]
    tighter = (strays.doubt**-2 - problem.doubt**-2).repeat_interleave(2)

    def explained(extra: torch.Tensor) -> torch.Tensor:
        factor = torch.linalg.cholesky(total[:atoms, :atoms] + torch.diag(extra))
        return cross.T @ torch.cholesky_solve(cross, factor)

    total[atoms:, atoms:] += explained(0 * tighter) - explained(tighter)
    return Solution(state, found, total)
