"""The microscope and the noise of an image, from the part of it with most atoms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from latticework.analysis.atoms.sheets.fields import Field, Picture, Spectrum, densest, field
from latticework.analysis.atoms.sheets.fit import (
    Problem,
    Solution,
    errors_drawn,
    fit,
    model_image,
    state_at,
)
from latticework.analysis.atoms.sheets.jacobian import Jacobian
from latticework.analysis.atoms.sheets.model import in_physical_units
from latticework.analysis.atoms.sheets.noise import camera_spectrum, noise_at, residual_spectrum
from latticework.analysis.atoms.sheets.starts import starts
from latticework.inference.resampling import resample

FIRST_SIDE = 15.0  # Å, without the margin
STARTS, KEPT_STARTS = 5, 3
DRAWS = 2
# Two starts whose log likelihoods differ by less are both possible: one in twenty, beyond what two
# microscopes differ by in how well the positions happen to follow the noise.
UNDECIDED = 3.0
DIFFERENT = 0.06  # Å, RMS between the positions of two starts that disagree
COARSE = 0.4  # Å
NOTHING = 1.35  # 1/Å, beyond which nothing is imaged at 20 Å of focal spread


@dataclass(frozen=True)
class Fitted:
    """A field and its solution, and how much of it counted in full, 0 to 1."""

    field: Field
    solution: Solution
    explained: float = 1.0


def first_spectrum(picture: Picture, trust: np.ndarray) -> Spectrum:
    """A usual camera's noise, as strong as the image's at frequencies where nothing is imaged."""
    k, shape = camera_spectrum(picture.sampling)
    nothing = np.zeros(picture.image.shape)
    weights = trust if trust.any() else np.ones(picture.image.shape)
    found = residual_spectrum(picture.image - 1, weights, picture.sampling, nothing)
    beyond = (k > NOTHING) & (k < 0.5 / picture.sampling)
    ratio = np.median(noise_at(found, k[beyond]) / shape[beyond])
    return k, shape * ratio


def first_fit(
    picture: Picture, trust: np.ndarray, spectrum: Spectrum, card: Mapping[str, Any]
) -> tuple[Fitted, Spectrum, list[str]]:
    """The microscope and the noise on the densest part of the image, from several starts."""
    part = densest(picture, FIRST_SIDE)
    limits = {name: _limits(card["imaging"][name]) for name in ("defocus", "cs")}
    tile = field(picture, trust, spectrum, *part)
    tried = []
    for optics in starts(coarse_problem(picture, trust, spectrum, part), limits, STARTS):
        start = state_at(tile.problem, tile.problem.origin, optics)
        tried.append(fit(tile.problem, start, steps=5))
    tried = sorted(tried, key=lambda solution: solution.state.objective)[:KEPT_STARTS]
    spectrum = new_spectrum(tile, tried[0], spectrum)
    tile = field(picture, trust, spectrum, *part)
    ends = []
    for solution in tried:
        start = state_at(tile.problem, solution.state.positions, solution.state.optics)
        ends.append(fit(tile.problem, start, steps=8))
    ends = sorted(ends, key=lambda solution: solution.state.objective)
    warnings = ambiguity(tile, ends)
    spectrum = new_spectrum(tile, ends[0], spectrum)
    tile = field(picture, trust, spectrum, *part)
    return Fitted(tile, sharpened(tile, ends[0])), spectrum, warnings


def coarse_problem(
    picture: Picture, trust: np.ndarray, spectrum: Spectrum, part: tuple[slice, slice]
) -> Problem:
    """A part of the picture at a coarser pixel, at which many microscopes are soon compared."""
    step = picture.sampling
    coarse = replace(picture, image=resample(picture.image, step, COARSE), sampling=COARSE)
    counted = np.clip(resample(trust, step, COARSE), 0, 1)
    # Power per pixel: a coarser pixel holds more electrons.
    power = spectrum[0], spectrum[1] * (step / COARSE) ** 2
    rows, columns = (
        slice(round(span.start * step / COARSE), round(span.stop * step / COARSE)) for span in part
    )
    return field(coarse, counted, power, rows, columns).problem


def _limits(known: Mapping[str, float]) -> tuple[float, float]:
    return known["low"], known["high"]


def sharpened(tile: Field, solution: Solution) -> Solution:
    """A solution whose microscope is fitted to where the atoms may be: see `Problem.doubts`."""
    problem = tile.problem
    start = state_at(problem, solution.state.positions, solution.state.optics)
    solution = fit(problem, start, steps=3)
    doubts = errors_drawn(problem, solution, DRAWS)
    doubtful = replace(problem, doubts=doubts)
    start = state_at(doubtful, solution.state.positions, solution.state.optics)
    return fit(doubtful, start, steps=4)


def new_spectrum(tile: Field, solution: Solution, spectrum: Spectrum) -> Spectrum:
    """The noise's spectrum, from what a solution leaves of the image."""
    problem = tile.problem
    state, step = solution.state, problem.grid.sampling
    with torch.no_grad():
        residual = problem.image - model_image(problem, state.positions, state.optics)
    weights = (problem.weights > 0).double().numpy()
    parameters = 2 * len(problem.moved) + len(problem.free)
    taken = taken_up(solution.jacobian, residual.shape, parameters / weights.sum())
    found = residual_spectrum(residual.numpy(), weights, step, taken)
    relative = noise_at(spectrum, found[0]) / spectrum[1][0]
    return found[0], found[1] * relative


def taken_up(found: Jacobian, shape: Sequence[int], density: float) -> np.ndarray:
    """Share (ny, nx) of each coefficient's noise that a fit takes up, in FFT order.

    As many coefficients' worth as there are parameters per pixel (`density`), where the atoms'
    derivatives have their power.
    """
    power = (torch.fft.fft2(found.patches.double()).abs() ** 2).mean(dim=(0, 1)).numpy()
    size = len(power)
    rows, columns = (np.rint(np.fft.fftfreq(n) * size).astype(int) % size for n in shape)
    power = power[np.ix_(rows, columns)]
    return np.minimum(density * power / power.mean(), 0.8)


def ambiguity(tile: Field, ends: Sequence[Solution]) -> list[str]:
    """A warning where two starts are nearly as likely and disagree."""
    best, *others = ends
    chance = math.sqrt(len(tile.problem.moved))
    for other in others:
        less = other.state.objective - best.state.objective
        core = torch.from_numpy(tile.core)
        apart = (other.state.positions - best.state.positions)[core]
        rms = float((apart**2).mean().sqrt())
        if less < UNDECIDED + chance and rms > DIFFERENT:
            values = in_physical_units(torch.stack([best.state.optics, other.state.optics]))
            said = " or ".join(
                f"defocus {row[0]:.0f} Å with Cs {row[1] / 1e4:.1f} µm" for row in values.tolist()
            )
            return [
                f"the microscope is not certain: {said} are nearly as likely (log likelihoods "
                f"{less:.0f} apart, chance alone makes {chance:.0f}), and the positions "
                f"differ by {rms:.2f} Å (RMS) between them"
            ]
    return []
