"""Where a fit of the microscope starts: a grid of defocus, Cs and C5, the atoms being held."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from scipy.ndimage import maximum_filter

from latticework.analysis.atoms.sheets.fit import Problem, filtered
from latticework.analysis.atoms.sheets.model import MICROSCOPE, UNITS, contrast_spectrum, sheet_wave

# Steps of the grid, Å: about 0.9 rad of χ at 0.81 1/Å, graphene's second order, at 80 kV.
STEPS = {"defocus": 10.0, "cs": 2e4, "c5": 2.5e7}
MOST = 30  # values of each
FAINTEST = 0.1  # contrast of a start: with less, an image of the other sign was tried
WORSE = 3.0  # times the best start's misfit: such a start is not worth while


def grid_of(low: float, high: float, step: float) -> np.ndarray:
    """Values from low to high, about a step apart, but not too many."""
    return np.linspace(low, high, min(MOST, max(1, round((high - low) / step) + 1)))


def agreement(problem: Problem, optics: Sequence[torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Fall (n,) of the objective by the images of microscopes, each at its best contrast (n,)."""
    exit_wave = sheet_wave(problem.grid, problem.origin, problem.classes)

    def seen(image: torch.Tensor) -> torch.Tensor:
        return problem.weights.sqrt() * filtered(problem, image)

    target = seen(problem.image - 1)
    doubt = float(problem.precision[-1]) / UNITS["contrast"] ** 2
    falls, contrasts = [], []
    for values in optics:
        spectrum = contrast_spectrum(problem.grid, exit_wave, values)
        image = seen(torch.fft.ifft2(spectrum).real)
        overlap, power = float((target * image).sum()), float((image**2).sum())
        contrast = (overlap + doubt) / (power + doubt)
        falls.append(contrast * overlap - (contrast**2 * power + doubt * (contrast - 1) ** 2) / 2)
        contrasts.append(contrast)
    return np.array(falls), np.array(contrasts)


def total_misfit(problem: Problem) -> float:
    """The objective of an image without atoms."""
    return 0.5 * float((problem.weights * filtered(problem, problem.image - 1) ** 2).sum())


def starts(
    problem: Problem, limits: Mapping[str, tuple[float, float]], count: int
) -> list[torch.Tensor]:
    """Microscopes (parameters,) from which to start, the most likely first.

    `limits` of what STEPS names, in Å; everything else is as usual. They are the best local maxima
    of the grid, as far as they are not much worse than the best of all.
    """
    axes = [grid_of(*limits[name], STEPS[name]) for name in STEPS]
    microscopes = []
    for values in itertools.product(*axes):
        optics = problem.usual.clone()
        optics[-1] = 1 / UNITS["contrast"]
        for name, value in zip(STEPS, values, strict=True):
            optics[MICROSCOPE.index(name)] = value / UNITS[name]
        microscopes.append(optics)
    with torch.no_grad():
        falls, contrasts = agreement(problem, microscopes)
    falls = falls.reshape([len(axis) for axis in axes])
    peaks = np.flatnonzero((falls == maximum_filter(falls, size=3)).ravel())
    best = peaks[np.argsort(-falls.ravel()[peaks])]
    misfit = total_misfit(problem) - falls.ravel()[best]
    good = (misfit <= WORSE * misfit[0]) & (contrasts[best] > FAINTEST)
    chosen = best[good | (best == best[0])][:count]
    for number in chosen:
        microscopes[number][-1] *= max(float(contrasts[number]), FAINTEST)
    return [microscopes[number] for number in chosen]
