"""Where a fit of the microscope starts: a grid of defocus, Cs and C5, the atoms being held.

What an image of held atoms leaves has two sources beside the noise. Atoms are displaced from where
the network saw them, which leaves what the lens transfers of such displacements: Thon rings. And
the microscope lies between the values of the grid. Both are given as variances of each frequency,
and the likelihood of what is left (Whittle, 1953) ranks the microscopes: a perfect lattice alone
says little, as a few reflections come out alike in many.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from scipy.ndimage import minimum_filter

from latticework.analysis.atoms.sheets.fit import Problem
from latticework.analysis.atoms.sheets.model import (
    MICROSCOPE,
    UNITS,
    frequencies,
    sheet_wave,
    transfer,
)

# Steps of the grid, Å: about 0.9 rad of χ at 0.81 1/Å, graphene's second order, at 80 kV.
STEPS = {"defocus": 10.0, "cs": 2e4, "c5": 2.5e7}
MOST = 30  # values of each
FAINTEST, STRONGEST = 0.7, 1.3  # contrast of a start
DISPLACED = (0.02, 0.06, 0.12)  # Å, RMS of the held atoms' errors per axis
BETWEEN = 0.3  # of an image's amplitude: how far a step of the grid is from the truth
PASSED = 0.5  # of the band's transfer: frequencies that are compared


def grid_of(low: float, high: float, step: float) -> np.ndarray:
    """Values from low to high, about a step apart, but not too many."""
    return np.linspace(low, high, min(MOST, max(1, round((high - low) / step) + 1)))


@dataclass(frozen=True)
class Comparison:
    """A field whose image is compared with those of held atoms, at frequencies that pass.

    Parameters
    ----------
    wave
        (ny, nx), spectrum of the exit wave.
    window
        (ny, nx), the pixels that count.
    passed
        (ny, nx // 2 + 1), the frequencies of half a real image's spectrum that are compared.
    share
        Of the coefficients, those that are independent.
    unit
        Amplitude of a coefficient of the noise.
    target
        (passed,), the image's spectrum in these units.
    displaced
        (passed,), power that atoms displaced by 1 Å would scatter to each frequency, were nothing
        lost in the lens; in units of the noise's.
    """

    wave: torch.Tensor
    window: torch.Tensor
    passed: torch.Tensor
    share: float
    unit: float
    target: torch.Tensor
    displaced: torch.Tensor

    @classmethod
    def of(cls, problem: Problem) -> Self:
        """The comparison of a problem's image with its atoms where they were found."""
        grid = problem.grid
        exit_wave = sheet_wave(grid, problem.origin, problem.classes)
        window = (problem.weights > 0).float()
        noise = 1 / float(problem.weights.max())
        passed = problem.band > PASSED
        unit = math.sqrt(noise * float(window.sum()))
        inside = int(problem.seen.sum())
        density = inside / (float(window.sum()) * grid.sampling**2)
        k = frequencies(grid.shape, grid.sampling)
        amplitude = 2 * math.pi * k * 2 * grid.factors.mean(dim=0)
        power = density * amplitude**2 / (noise * grid.sampling**2)
        made = cls(
            torch.fft.fft2(exit_wave).to(torch.complex64),
            window,
            passed,
            float(window.mean()),
            unit,
            torch.zeros(()),
            power[:, : passed.shape[1]][passed].float(),
        )
        return replace(made, target=made.spectrum(problem.image.float() - 1))

    def spectrum(self, image: torch.Tensor) -> torch.Tensor:
        """What is compared (…, passed) of images (…, ny, nx), less their means."""
        mean = (self.window * image).sum(dim=(-2, -1), keepdim=True) / self.window.sum()
        return torch.fft.rfft2(self.window * (image - mean))[..., self.passed] / self.unit

    def surprise(self, lenses: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """−log likelihood (n,) of the image in lenses (n, ny, nx), and the contrast (n,)."""
        model = self.spectrum(torch.fft.ifft2(self.wave * lenses).abs() ** 2 - 1)
        overlap = (self.target * model.conj()).real.sum(dim=-1)
        contrast = (overlap / (model.abs() ** 2).sum(dim=-1)).clamp(FAINTEST, STRONGEST)
        seen = contrast[:, None] * model
        left = (self.target - seen).abs() ** 2
        certain = 1 + BETWEEN**2 * seen.abs() ** 2
        part = lenses.imag[:, :, : self.passed.shape[1]][:, self.passed]
        thon = contrast[:, None] ** 2 * self.displaced * part**2
        values = []
        for displaced in DISPLACED:
            variance = certain + displaced**2 * thon
            values.append((variance.log() + left / variance).sum(dim=-1))
        return self.share * torch.stack(values).min(dim=0).values, contrast


def starts(
    problem: Problem, limits: Mapping[str, tuple[float, float]], count: int
) -> list[torch.Tensor]:
    """Microscopes (parameters,) from which to start, the most likely first.

    `limits` of what STEPS names, in Å; everything else is as usual. They are the best local minima
    on the grid.
    """
    axes = {name: grid_of(*limits[name], step) for name, step in STEPS.items()}
    numbers = {name: MICROSCOPE.index(name) for name in axes}
    grid, usual = problem.grid, problem.usual.clone()
    usual[list(numbers.values())] = 0
    none = torch.zeros_like(usual)

    def lens(values: torch.Tensor) -> torch.Tensor:
        return transfer(grid.ky, grid.kx, grid.energy, values).to(torch.complex64)

    # A lens of several aberrations is the product of those of each.
    alone = {
        name: torch.stack(
            [lens(none.index_fill(0, torch.tensor(number), v / UNITS[name])) for v in axes[name]]
        )
        for name, number in numbers.items()
    }
    with torch.no_grad():
        comparison, rest = Comparison.of(problem), lens(usual)
        found = [
            comparison.surprise(rest * alone["cs"][i] * alone["c5"][j] * alone["defocus"])
            for i, j in np.ndindex(len(axes["cs"]), len(axes["c5"]))
        ]
    surprises, contrasts = (
        torch.stack(part).reshape(len(axes["cs"]), len(axes["c5"]), -1).numpy()
        for part in zip(*found, strict=True)
    )
    valleys = np.argwhere(surprises == minimum_filter(surprises, size=3))
    best = valleys[np.argsort(surprises[tuple(valleys.T)])][:count]
    chosen = []
    for i, j, number in best:
        optics = usual.clone()
        values = axes["defocus"][number], axes["cs"][i], axes["c5"][j]
        for name, value in zip(("defocus", "cs", "c5"), values, strict=True):
            optics[numbers[name]] = value / UNITS[name]
        optics[-1] = float(contrasts[i, j, number]) / UNITS["contrast"]
        chosen.append(optics)
    return chosen
