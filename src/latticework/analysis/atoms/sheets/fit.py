"""Least squares of an image: positions and microscope together, by a quasi-Newton method.

The gradient is exact (automatic differentiation). The information is that of `sheets.jacobian`,
which is costly and nearly right. It is kept for a few steps, and what the gradient did in these
corrects it: where parameters of the microscope act nearly alike, the little that is wrong with it
would otherwise keep a fit from its end.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from latticework.analysis.atoms.sheets.jacobian import Jacobian, banded, information, jacobian
from latticework.analysis.atoms.sheets.model import (
    Grid,
    contrast_spectrum,
    recording,
    sheet_wave,
    transfer,
)

KEPT = 6  # steps for which the information is kept
REMEMBERED = 6  # steps by which it is corrected
CONVERGED = 0.05  # two falls of the objective in a row by less, and a fit ends
FIRST_DAMPING, LEAST_DAMPING, STEEPEST = 0.03, 1e-4, 1e4
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
        (ny, nx // 2 + 1), which frequencies count, in FFT order.
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
    seen
        (m,), whether the image shows each of them whole.
    straying
        Å, SD per axis of these atoms' prior where their positions are to be integrated out; else 0.
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
    seen: torch.Tensor
    straying: float = 0.0


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
    return 1 + torch.fft.irfft2(spectrum, s=problem.grid.shape)


def filtered(problem: Problem, image: torch.Tensor) -> torch.Tensor:
    """What of an image (ny, nx) lies inside and in the frequencies that count."""
    inside, band = (known.to(image.dtype) for known in (problem.inside, problem.band))
    return banded(inside * image, band)


def filtered_residual(
    problem: Problem, positions: torch.Tensor, optics: torch.Tensor
) -> torch.Tensor:
    """Image less model (ny, nx), filtered."""
    return filtered(problem, problem.image.float() - model_image(problem, positions, optics))


def objective(problem: Problem, positions: torch.Tensor, optics: torch.Tensor) -> torch.Tensor:
    """Half of χ² and of the distance from what is usual: −log of the posterior, or evidence."""
    residual = filtered_residual(problem, positions, optics)
    away = (problem.precision * (optics - problem.usual) ** 2).sum()
    change = (positions - problem.origin)[problem.moved] / problem.doubt[:, None]
    moved = (change**2).sum()
    value = 0.5 * ((problem.weights * residual**2).sum() + away + moved)
    return value + volume(problem, optics) if problem.straying else value


def volume(problem: Problem, optics: torch.Tensor) -> torch.Tensor:
    """½ log det(1 + s²P): what integrating out positions with straying s and information P adds.

    As if each atom were seen alone and as a weak object.
    """
    grid = problem.grid
    kx = grid.kx[: grid.shape[1] // 2 + 1]
    square = grid.ky[:, None] ** 2 + kx**2
    passed = transfer(grid.ky, kx, grid.energy, optics).imag * recording(grid, optics)
    # Both halves of the spectrum, and half of k² for either axis.
    power = 4 * math.pi**2 * square * (2 * passed * problem.band / grid.sampling**2) ** 2
    information = problem.weights.max() / (grid.shape[0] * grid.shape[1]) * power
    seen = problem.classes[problem.moved][problem.seen]
    count = torch.bincount(seen, minlength=len(grid.factors))
    known = torch.stack(
        [(information * factor[:, : len(kx)] ** 2).sum() for factor in grid.factors]
    )
    return (count * torch.log1p(problem.straying**2 * known)).sum()


def state_at(problem: Problem, positions: torch.Tensor, optics: torch.Tensor) -> State:
    """A state, with its objective."""
    with torch.no_grad():
        return State(positions, optics, float(objective(problem, positions, optics)))


def with_gradient(
    problem: Problem, positions: torch.Tensor, optics: torch.Tensor
) -> tuple[State, torch.Tensor]:
    """A state and the gradient (2m + free parameters,) there; x and y of the atoms alternate."""
    atoms, lens = positions.clone().requires_grad_(), optics.clone().requires_grad_()
    value = objective(problem, atoms, lens)
    by_atoms, by_optics = torch.autograd.grad(value, (atoms, lens))
    slope = torch.cat([by_atoms[problem.moved].flatten(), by_optics[problem.free]])
    return State(positions, optics, float(value.detach())), slope


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


def moved_by(problem: Problem, state: State, change: torch.Tensor) -> tuple[State, torch.Tensor]:
    """State and gradient after a change of the moved atoms and the free parameters."""
    atoms = 2 * len(problem.moved)
    positions, optics = state.positions.clone(), state.optics.clone()
    positions[problem.moved] += change[:atoms].reshape(-1, 2)
    optics[problem.free] += change[atoms:]
    return with_gradient(problem, positions, optics)


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
    state, slope = with_gradient(problem, start.positions, start.optics)
    damping, age, falls = FIRST_DAMPING, 0, 0
    found, total = curvature(problem, state)
    factor, memory = _factor(total, damping), []
    while steps > 0 and damping < STEEPEST:
        if age >= KEPT:
            found, total = curvature(problem, state)
            damping, age, memory = max(damping / 30, LEAST_DAMPING), 0, []
            factor = _factor(total, damping)
        steps -= 1
        report()
        change = _limited(problem, _direction(slope, memory, factor))
        tried, steepness = moved_by(problem, state, change)
        fall = state.objective - tried.objective
        if fall > 0:
            memory = [*memory[1 - REMEMBERED :], (change, steepness - slope)]
            state, slope, age = tried, steepness, age + 1
            falls = falls + 1 if fall < CONVERGED else 0
            if falls > 1:
                break
        elif memory:
            age = KEPT
        else:
            damping *= 10
            factor = _factor(total, damping)
    return Solution(state, found, total)


def _direction(
    slope: torch.Tensor,
    memory: Sequence[tuple[torch.Tensor, torch.Tensor]],
    factor: tuple[torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    """Where to go: −H⁻¹ g, with H corrected by what steps since have shown of it (L-BFGS).

    `memory` are changes of the parameters and of the gradient, the last one at the end. Source:
    Nocedal, Math. Comp. 35 (1980) 773.
    """
    left, used = slope.clone(), []
    for change, turn in reversed(memory):
        if (bend := float(change @ turn)) > 0:
            part = float(change @ left) / bend
            left -= part * turn
            used.append((change, turn, part, bend))
    away = _solve(factor, left)
    for change, turn, part, bend in reversed(used):
        away += (part - float(turn @ away) / bend) * change
    return -away


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


def _factor(total: torch.Tensor, damping: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale (n,) to a unit diagonal, and the Cholesky factor of H + λ diag H, so scaled.

    In single precision: it says where to go, and not when to stop.
    """
    scale = _scale(total)
    scaled = (total * scale[:, None] * scale).float()
    scaled.diagonal().add_(damping + 1e-9)
    factor, failed = torch.linalg.cholesky_ex(scaled)
    if failed:
        scaled.diagonal().add_(1e-3)
        factor = torch.linalg.cholesky(scaled)
    return scale, factor


def _solve(factor: tuple[torch.Tensor, torch.Tensor], slope: torch.Tensor) -> torch.Tensor:
    """(H + λ diag H)⁻¹ g. Parameters without any information stay where they are."""
    scale, triangle = factor
    return scale * torch.cholesky_solve((scale * slope)[:, None].float(), triangle)[:, 0]


def inverse(information: torch.Tensor) -> torch.Tensor:
    """The covariance of an information: several times faster than without its symmetry."""
    return torch.cholesky_inverse(torch.linalg.cholesky(information))
