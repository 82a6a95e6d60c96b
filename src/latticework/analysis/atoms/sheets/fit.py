"""Least squares of an image: positions and microscope together, by a damped Gauss–Newton method.

The gradient is exact (automatic differentiation) and the information is that of
`sheets.jacobian`, which is costly and is therefore kept for a few steps.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from latticework.analysis.atoms.sheets.jacobian import Jacobian, information, jacobian
from latticework.analysis.atoms.sheets.model import Grid, contrast_spectrum, sheet_wave

KEPT = 3  # steps for which the information is kept
CONVERGED = 2e-3  # fall of the objective at which a fit ends, a parameter
FIRST_DAMPING, STEEPEST = 0.03, 1e4
LONGEST_STEP = 0.3  # Å that an atom may move in one step
LONGEST_TURN = 4.0  # units that a parameter of the microscope may move in one step


@dataclass(frozen=True)
class Problem:
    """What is fitted.

    Parameters
    ----------
    grid, classes, moved
        The field, the class (n,) of each atom from 0 on, and the numbers (m,) of those that move.
    image
        (ny, nx), whitened and in units of its local mean.
    inside
        (ny, nx), 0 to 1: where the image is known.
    band
        (ny, nx), which frequencies count, in FFT order.
    weights
        (ny, nx), inverse variance of the filtered residual.
    free
        Numbers of the free parameters of the microscope.
    usual, precision
        (parameters,), a Gaussian prior of the microscope: its mean and inverse variance.
    origin
        (n, 2), where the atoms were found, Å.
    doubt
        (m,), SD of the prior of each moved atom about its origin, Å.
    """

    grid: Grid
    classes: torch.Tensor
    moved: torch.Tensor
    image: torch.Tensor
    inside: torch.Tensor
    band: torch.Tensor
    weights: torch.Tensor
    free: torch.Tensor
    usual: torch.Tensor
    precision: torch.Tensor
    origin: torch.Tensor
    doubt: torch.Tensor


@dataclass(frozen=True)
class State:
    """Positions (n, 2) in Å, the microscope (parameters,), and the objective there."""

    positions: torch.Tensor
    optics: torch.Tensor
    objective: float


@dataclass(frozen=True)
class Solution:
    """Where a fit ended, and the Jacobian and the information there or nearly there."""

    state: State
    jacobian: Jacobian
    information: torch.Tensor


def model_image(problem: Problem, positions: torch.Tensor, optics: torch.Tensor) -> torch.Tensor:
    """The fitted image (ny, nx), in units of its local mean."""
    exit_wave = sheet_wave(problem.grid, positions, problem.classes)
    spectrum = contrast_spectrum(problem.grid, exit_wave, optics)
    return 1 + torch.fft.ifft2(spectrum).real


def filtered(problem: Problem, image: torch.Tensor) -> torch.Tensor:
    """What of an image (ny, nx) lies inside and in the frequencies that count."""
    return torch.fft.ifft2(torch.fft.fft2(problem.inside * image) * problem.band).real


def filtered_residual(
    problem: Problem, positions: torch.Tensor, optics: torch.Tensor
) -> torch.Tensor:
    """Image less model (ny, nx), filtered."""
    return filtered(problem, problem.image - model_image(problem, positions, optics))


def objective(problem: Problem, positions: torch.Tensor, optics: torch.Tensor) -> torch.Tensor:
    """Half of χ² and of the microscope's distance from what is usual: −log of the posterior."""
    residual = filtered_residual(problem, positions, optics)
    away = (problem.precision * (optics - problem.usual) ** 2).sum()
    change = (positions - problem.origin)[problem.moved] / problem.doubt[:, None]
    moved = (change**2).sum()
    return 0.5 * ((problem.weights * residual**2).sum() + away + moved)


def state_at(problem: Problem, positions: torch.Tensor, optics: torch.Tensor) -> State:
    """A state, with its objective."""
    with torch.no_grad():
        return State(positions, optics, float(objective(problem, positions, optics)))


def gradient(problem: Problem, state: State) -> torch.Tensor:
    """Of the objective by the moved atoms (x and y alternate) and the free parameters."""
    positions = state.positions.clone().requires_grad_()
    optics = state.optics.clone().requires_grad_()
    by_atoms, by_optics = torch.autograd.grad(
        objective(problem, positions, optics), (positions, optics)
    )
    return torch.cat([by_atoms[problem.moved].flatten(), by_optics[problem.free]])


def curvature(problem: Problem, state: State) -> tuple[Jacobian, torch.Tensor]:
    """The Jacobian and the information, with the prior's."""
    found = jacobian(
        problem.grid,
        state.positions,
        problem.classes,
        problem.moved,
        state.optics,
        problem.free,
        problem.inside,
        problem.band,
    )
    total = information(found, problem.weights)
    loose = problem.doubt.repeat_interleave(2) ** -2
    total.diagonal().add_(torch.cat([loose, problem.precision[problem.free]]))
    return found, total


def moved_by(problem: Problem, state: State, change: torch.Tensor) -> State:
    """The state after a change of the moved atoms and the free parameters."""
    atoms = 2 * len(problem.moved)
    positions, optics = state.positions.clone(), state.optics.clone()
    positions[problem.moved] += change[:atoms].reshape(-1, 2)
    optics[problem.free] += change[atoms:]
    return state_at(problem, positions, optics)


def fit(
    problem: Problem,
    start: State,
    *,
    steps: int,
    report: Callable[[], object] = lambda: None,
) -> Solution:
    """Minimise the objective from a start, in at most so many steps.

    `report` is called after every step.
    """
    state, damping, age = start, FIRST_DAMPING, 0
    found, total = curvature(problem, state)
    while steps > 0 and damping < STEEPEST:
        if age >= KEPT:
            found, total = curvature(problem, state)
            age = 0
        steps -= 1
        report()
        slope = gradient(problem, state)
        change = _limited(problem, -_solve(total, damping, slope))
        tried = moved_by(problem, state, change)
        fall = state.objective - tried.objective
        expected = -float(slope @ change + 0.5 * change @ (total @ change))
        if fall > 0:
            state, age = tried, age + 1
            damping = _adapted(damping, fall / expected)
            if fall < CONVERGED * len(slope):
                break
        else:
            damping, age = 10 * damping, KEPT if age else 0
    return Solution(state, found, total)


def settled(problem: Problem, solution: Solution) -> Solution:
    """A solution with the information at its very end."""
    found, total = curvature(problem, solution.state)
    return replace(solution, jacobian=found, information=total)


def _adapted(damping: float, ratio: float) -> float:
    """The next damping, after a step that gave such a share of what was expected of it."""
    if ratio > 0.7:
        return max(damping / 5, 1e-5)
    return damping if ratio > 0.3 else 3 * damping


def _limited(problem: Problem, change: torch.Tensor) -> torch.Tensor:
    """A change in which no atom and no parameter goes too far at once."""
    atoms = change[: 2 * len(problem.moved)].clamp(-LONGEST_STEP, LONGEST_STEP)
    optics = change[len(atoms) :]
    if len(optics):
        optics = optics * min(1.0, LONGEST_TURN / max(float(optics.abs().max()), 1e-12))
    return torch.cat([atoms, optics])


def _scale(total: torch.Tensor) -> torch.Tensor:
    diagonal = total.diagonal()
    return diagonal.clamp(min=1e-12 * float(diagonal.max())).rsqrt()


def _factor(total: torch.Tensor, damping: float) -> torch.Tensor:
    """Cholesky factor of H + λ diag H, scaled to a unit diagonal."""
    scale = _scale(total)
    scaled = total * scale[:, None] * scale
    scaled.diagonal().add_(damping + 1e-9)
    factor, failed = torch.linalg.cholesky_ex(scaled)
    if failed:
        scaled.diagonal().add_(1e-3)
        factor = torch.linalg.cholesky(scaled)
    return factor


def _solve(total: torch.Tensor, damping: float, slope: torch.Tensor) -> torch.Tensor:
    """(H + λ diag H)⁻¹ g. Parameters without any information stay where they are."""
    scale = _scale(total)
    scaled = (scale * slope)[:, None]
    return scale * torch.cholesky_solve(scaled, _factor(total, damping))[:, 0]
