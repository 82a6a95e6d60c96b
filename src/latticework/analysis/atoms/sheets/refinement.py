"""Refinement of a sheet's atoms: a likelihood fit of the image, started from a network's answer.

The microscope is first fitted on the part of the image with most atoms, from several starts. Then
the image is fitted tile by tile, positions and microscope together. Nothing need be known
beforehand but the beam's energy and the ranges of microscopes of the network's training; the
noise's spectrum and with it the camera's transfer are estimated from what the fit leaves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import gaussian_filter
from tqdm import tqdm

from latticework.analysis.atoms.refined import Refined
from latticework.analysis.atoms.sheets.beyond import continued
from latticework.analysis.atoms.sheets.evidence import followed, released, straying
from latticework.analysis.atoms.sheets.fields import (
    Field,
    Picture,
    coverage,
    field,
    known_of_microscope,
    tiles,
    with_contrast,
)
from latticework.analysis.atoms.sheets.fit import (
    filtered_residual,
    fit,
    state_at,
)
from latticework.analysis.atoms.sheets.microscope import (
    Fitted,
    first_fit,
    first_spectrum,
    new_spectrum,
)
from latticework.analysis.atoms.sheets.model import in_units
from latticework.analysis.atoms.sheets.noise import in_local_units
from latticework.analysis.atoms.sheets.table import assembled, at_pixel, network_table
from latticework.inference.resampling import resample
from latticework.materials import Material

PIXELS = (0.2, 0.3)  # Å, an image's own pixel is kept within these
PIXEL = 0.25  # Å, otherwise
FEWEST_ATOMS = 12
STEPS = 20  # of the fit of a tile with its microscope
DECIDING = 10  # of these after which one of two microscopes is taken
POLISHING = 12  # more of them, once the noise is known
RELEASING = 8  # of positions that may be anywhere, in the microscope that was found
MISFIT = 1.5  # local χ² above which the model does not explain the image
MISFIT_WINDOW = 3.0  # Å
# How much the microscope may differ from tile to tile: SD, Å, Å² and 1, in MICROSCOPE's order.
VARIATION = (20.0, 5e3, 2e6, 10.0, 10.0, 30.0, 30.0, 30.0, 30.0, 2.0, 0.01, 0.1)


def refine(
    image: np.ndarray,
    atoms: pd.DataFrame,
    sampling: float,
    card: Mapping[str, Any],
    material: Material,
    *,
    progress: bool,
) -> Refined:
    """Refine the atoms of a sheet: see `analysis.atoms.refined.Refined`.

    Parameters are those of `sheets.model.MICROSCOPE` with their units, the dose in e/Å² if every
    electron counts (dose_per_angstrom2), and the widths of the posterior's prior. Raises ValueError
    for a material that is no sheet, an image that
    holds no intensities, or a class that is no chemical formula.
    """
    if material.reference is not None and material.reference.layers > 1:
        raise ValueError(
            f"{material.name} is no sheet: only what is one or two atoms thick is fitted here"
        )
    picture = picture_of(image, atoms, sampling, card, material)
    if len(atoms) < FEWEST_ATOMS:
        few = f"{len(atoms)} atoms are too few to fit a microscope to: nothing was refined"
        nothing = np.full(image.shape, np.nan)
        return Refined(network_table(atoms), nothing, nothing, {}, [few])
    trust = coverage(picture)
    spectrum = first_spectrum(picture, trust)
    first = first_fit(picture, trust, spectrum, card)
    microscopes = first.microscopes
    picture = replace(picture, precision=with_contrast(picture.precision, microscopes[0]))
    parts = list(tiles(picture.image.shape, picture.sampling))
    around = picture
    if len(parts) > 1:
        # The first part's microscope is what the tiles' differ from, but for a tilted sheet little.
        precision = in_units(VARIATION) ** -2.0
        around = replace(picture, usual=microscopes[0], precision=precision)
    fitted: list[Fitted] = []
    for part in tqdm(parts, "refine", unit="tile", disable=not progress):
        tile = field(around, trust, spectrum, *part)
        if not (tile.core.any() and tile.problem.weights.any()):
            continue
        steps = STEPS if len(microscopes) == 1 else DECIDING
        ends = [fitted_tile(tile, optics, first.straying, steps) for optics in microscopes]
        one = likeliest(ends)
        if len(ends) > 1:
            end = fit(one.problem, one.solution.state, steps=STEPS - DECIDING)
            one = replace(one, solution=end)
        if not fitted:
            # Where the first part could not decide, a whole tile does.
            microscopes = [one.solution.state.optics]
            around = around if len(parts) == 1 else replace(around, usual=microscopes[0])
            spectrum = new_spectrum(one.field, one.solution, spectrum)
            one = polished(field(around, trust, spectrum, *part), one)
        end = released(one.field.problem, one.problem, one.solution.state, RELEASING)
        fitted.append(replace(one, solution=end))
    found = assembled(atoms, picture, fitted, material, spectrum, first.warnings)
    return at_pixel(found, image.shape, sampling, picture.sampling)


def picture_of(
    image: np.ndarray,
    atoms: pd.DataFrame,
    sampling: float,
    card: Mapping[str, Any],
    material: Material,
) -> Picture:
    """The image at the pixel of the fit, in units of its local mean, and what is known of it."""
    step = sampling if PIXELS[0] <= sampling <= PIXELS[1] else PIXEL
    scaled = np.asarray(image, dtype=float) / max(float(np.mean(np.abs(image))), 1e-30)
    scaled = scaled if step == sampling else resample(scaled, sampling, step).astype(float)
    symbols = tuple(card["classes"])
    usual, precision, free = known_of_microscope(card["imaging"])
    positions = atoms[["x_angstrom", "y_angstrom"]].to_numpy(dtype=float)
    classes = np.array([symbols.index(name) for name in atoms["class"]], dtype=int)
    if material.template == "honeycomb":
        extent = np.array(scaled.shape[::-1]) * step
        more, kinds = continued(positions, classes, extent)
        positions, classes = np.vstack([positions, more]), np.concatenate([classes, kinds])
    return Picture(
        in_local_units(scaled, step),
        step,
        positions,
        classes,
        symbols,
        card["energy"],
        card["simulation"]["thermal_sigma"],
        usual,
        precision,
        free,
    )


def likeliest(answers: Sequence[Fitted]) -> Fitted:
    """Of several answers for a tile the one that fits all of it best."""

    def surprise(one: Fitted) -> float:
        end, trusted = one.solution.state, answers[0].field.problem.weights
        return state_at(replace(one.problem, weights=trusted), end.positions, end.optics).objective

    return min(answers, key=surprise)


def fitted_tile(tile: Field, optics: torch.Tensor, amount: float, steps: int) -> Fitted:
    """A tile and its solution after some steps, from a microscope that is nearly the right one.

    Atoms stray by about such an `amount`, Å. Pixels count less where the model leaves much more
    than the noise: contamination, mostly.
    """
    strays = straying(tile.problem, amount)
    held = replace(strays, free=tile.problem.free[:0])
    solution = fit(held, state_at(held, held.origin, optics), steps=3)
    residual = filtered_residual(held, solution.state.positions, solution.state.optics).numpy()
    trusted = explained(residual, held.weights.numpy(), held.grid.sampling)
    counted = tile.problem.weights.numpy() > 0
    weights = tile.problem.weights * torch.from_numpy(trusted)
    tile = replace(tile, problem=replace(tile.problem, weights=weights))
    share = float((trusted[counted] == 1).mean())
    strays = replace(strays, weights=weights)
    start = state_at(strays, solution.state.positions, solution.state.optics)
    return Fitted(tile, strays, fit(strays, start, steps=steps), share)


def polished(tile: Field, before: Fitted) -> Fitted:
    """A tile fitted on from a solution, with what has been learned of the noise since."""
    trusted = before.field.problem.weights / before.field.problem.weights.max()
    problem = replace(tile.problem, weights=tile.problem.weights * trusted)
    strays = straying(problem, before.problem.straying)
    strays, solution = followed(strays, before.solution, POLISHING)
    return Fitted(replace(tile, problem=problem), strays, solution, before.explained)


def explained(residual: np.ndarray, weights: np.ndarray, sampling: float) -> np.ndarray:
    """How much each pixel (ny, nx) counts, 0 to 1: as little as the model explains around it."""
    width = MISFIT_WINDOW / sampling
    counted = weights > 0
    near = gaussian_filter(counted.astype(float), width)
    local = gaussian_filter(counted * residual**2, width) / np.maximum(near, 1e-6)
    usual = np.median(local[counted]) if counted.any() else 1.0
    ratio = local / max(usual, 1e-30)
    return np.where(ratio > MISFIT, 1 / np.maximum(ratio, 1e-6), 1.0)
