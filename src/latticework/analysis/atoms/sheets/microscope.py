"""The microscope and the noise of an image, from the part of it with most atoms."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt

from latticework.analysis.atoms.sheets.evidence import (
    FIRST_STRAYING,
    determined,
    followed,
    straying,
)
from latticework.analysis.atoms.sheets.fields import Field, Picture, Spectrum, densest, field
from latticework.analysis.atoms.sheets.fit import (
    Problem,
    Solution,
    filtered,
    fit,
    model_image,
    state_at,
)
from latticework.analysis.atoms.sheets.jacobian import applied, projected
from latticework.analysis.atoms.sheets.model import in_physical_units
from latticework.analysis.atoms.sheets.noise import (
    BIN,
    LOWEST,
    RECORDED,
    UNSEEN,
    camera_spectrum,
    noise_at,
    radii,
    recorded_up_to,
    residual_spectrum,
)
from latticework.analysis.atoms.sheets.starts import STEPS, starts
from latticework.inference.resampling import resample


@dataclass(frozen=True)
class Beginning:
    """What a part of the image says: microscopes, the likeliest first, how far atoms stray, doubts.

    `straying` is the SD per axis, Å, about where the network saw them; 0 where the image tells
    their places well without.
    """

    microscopes: list[torch.Tensor]
    straying: float
    warnings: list[str]


SEARCHED_SIDE = 26.0  # Å, without the margin
FIRST_STEPS, LAST_STEPS = 10, 12
INNER = 3.0  # Å from what does not count, where atoms beyond the field leave nothing
STARTS, KEPT_STARTS = 8, 3
MOST_POSSIBLE = 2  # microscopes with which a whole tile is fitted
UNDECIDED = 3.0
DIFFERENT = 0.06  # Å, RMS between the positions of two starts that disagree
DRAWS = 8  # of noise, by which is found what a fit takes up of it
COARSE = 0.4  # Å
NOTHING = 1.35  # 1/Å, beyond which nothing is imaged at 20 Å of focal spread


@dataclass(frozen=True)
class Fitted:
    """A field, a problem and its solution, and how much of the field counted in full, 0 to 1.

    In the `problem` atoms stray; that of the field is the same without.
    """

    field: Field
    problem: Problem
    solution: Solution
    explained: float = 1.0


def first_spectrum(picture: Picture, trust: np.ndarray) -> Spectrum:
    """A usual camera's noise, as strong as the image's at frequencies where nothing is imaged.

    Of an image that was interpolated from such coarse pixels that these were not recorded: as
    strong as it is where there is least beside it, since what is imaged only adds to it.
    """
    nothing = np.zeros(picture.image.shape)
    weights = trust if trust.any() else np.ones(picture.image.shape)
    last = recorded_up_to(picture.image, picture.sampling)
    found = residual_spectrum(picture.image - 1, weights, picture.sampling, nothing, last)
    nyquist = min(0.5 / picture.sampling, last)
    k, shape = camera_spectrum(picture.sampling, 0.5 / nyquist)
    ratio = noise_at(found, k) / shape
    beyond = (k > NOTHING) & (k < nyquist)
    strength = np.median(ratio[beyond]) if beyond.any() else ratio[(k > LOWEST) & (k < last)].min()
    return k, np.where(k < last, shape, UNSEEN) * strength


def first_fit(
    picture: Picture, trust: np.ndarray, spectrum: Spectrum, card: Mapping[str, Any]
) -> Beginning:
    """The microscope on the densest part of the image, from several starts."""
    limits = {name: _limits(card["imaging"][name]) for name in STEPS}
    problem = coarse_problem(picture, trust, spectrum, densest(picture, SEARCHED_SIDE))
    microscopes = starts(problem, limits, STARTS)
    strays = straying(problem, FIRST_STRAYING)
    if determined(strays, microscopes[0]):
        strays = problem
    tried = [
        fit(strays, state_at(strays, problem.origin, optics), steps=FIRST_STEPS)
        for optics in microscopes
    ]
    tried = sorted(tried, key=lambda end: end.state.objective)[:KEPT_STARTS]
    ends = [followed(strays, end, LAST_STEPS) for end in tried]
    ends = sorted(ends, key=lambda end: end[1].state.objective)
    best = ends[0][1].state.objective
    possible = [end for end in ends if end[1].state.objective - best < undecided(strays)]
    return Beginning(
        [end.state.optics for _, end in possible[:MOST_POSSIBLE]],
        ends[0][0].straying,
        ambiguity(strays, [end for _, end in possible]),
    )


def undecided(problem: Problem) -> float:
    """Log likelihoods, or evidences, that differ by less do not tell two microscopes apart.

    One in twenty, beyond what chance makes: how well positions that may be anywhere happen to
    follow the noise.
    """
    return UNDECIDED if problem.straying else UNDECIDED + math.sqrt(len(problem.moved))


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


def new_spectrum(tile: Field, solution: Solution, spectrum: Spectrum) -> Spectrum:
    """The noise's spectrum, from what a solution leaves of the image."""
    problem = tile.problem
    state, step = solution.state, problem.grid.sampling
    with torch.no_grad():
        residual = problem.image - model_image(problem, state.positions, state.optics)
    counted = problem.weights.numpy() > 0
    inner = distance_transform_edt(counted) * step > INNER
    weights = torch.from_numpy(inner if inner.any() else counted).double()
    taken = taken_up(problem, solution, weights)
    recorded = spectrum[1] > RECORDED * spectrum[1].max()
    last = math.inf if recorded.all() else float(spectrum[0][recorded].max()) + BIN
    found = residual_spectrum(residual.numpy(), weights.numpy(), step, taken, last)
    relative = noise_at(spectrum, found[0]) / spectrum[1][0]
    return found[0], found[1] * relative


def taken_up(problem: Problem, solution: Solution, counted: torch.Tensor) -> np.ndarray:
    """Share (ny, nx) of the noise's power that a fit takes up, at each frequency in FFT order.

    In the pixels (ny, nx) that are `counted`.

    White noise is drawn and fitted as the image was, to first order: what is left of it tells.
    """
    shape = problem.weights.shape
    spread = 1 / problem.weights.max().sqrt()
    factor = torch.linalg.cholesky(solution.information)
    generator = torch.Generator().manual_seed(0)
    before, after = (torch.zeros(shape, dtype=torch.float64) for _ in range(2))
    for _ in range(DRAWS):
        noise = spread * torch.randn(shape, generator=generator, dtype=torch.float64)
        slope = projected(solution.jacobian, problem.weights * filtered(problem, noise))
        change = torch.cholesky_solve(slope[:, None], factor)[:, 0]
        left = noise - applied(solution.jacobian, change, shape)
        before += torch.fft.fft2(counted * noise).abs() ** 2
        after += torch.fft.fft2(counted * left).abs() ** 2
    ring = np.rint(radii(shape, problem.grid.sampling) / BIN).astype(int).ravel()
    sums = [np.bincount(ring, power.numpy().ravel()) for power in (after, before)]
    return (1 - sums[0] / sums[1])[ring].reshape(shape)


def ambiguity(problem: Problem, ends: Sequence[Solution]) -> list[str]:
    """A warning where another possible end disagrees with the best about the positions."""
    best, *others = ends
    seen = problem.moved[problem.seen]
    for other in others:
        less = other.state.objective - best.state.objective
        apart = (other.state.positions - best.state.positions)[seen]
        rms = float((apart**2).mean().sqrt())
        if rms > DIFFERENT:
            values = in_physical_units(torch.stack([best.state.optics, other.state.optics]))
            said = " or ".join(
                f"defocus {row[0]:.0f} Å with Cs {row[1] / 1e4:.1f} µm" for row in values.tolist()
            )
            return [
                f"the microscope is not certain: on a part of the image {said} are nearly as "
                f"likely ({less:.0f} apart in log likelihood, {undecided(problem):.0f} tell "
                f"nothing), and the positions differ by {rms:.2f} Å (RMS) between them"
            ]
    return []
