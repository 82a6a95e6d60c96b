"""Fitted fields as one answer: the table of atoms, the image and what is left of it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from latticework.analysis.atoms.refined import Refined
from latticework.analysis.atoms.sheets.fields import Picture, Spectrum
from latticework.analysis.atoms.sheets.fit import inverse, model_image
from latticework.analysis.atoms.sheets.microscope import Fitted
from latticework.analysis.atoms.sheets.model import MICROSCOPE, in_physical_units
from latticework.analysis.atoms.sheets.posterior import posterior
from latticework.inference.resampling import resample
from latticework.materials import Material

UNITS = {"blur": "blur_square_angstrom", "contrast": "contrast"}
PLACES = ["x_angstrom", "y_angstrom"]
NEW = [
    "sigma_x_angstrom",
    "sigma_y_angstrom",
    "x_posterior_angstrom",
    "y_posterior_angstrom",
    "sigma_posterior_angstrom",
]
LEAST_EXPLAINED = 0.9
STRETCHED = (0.5, 1.5)  # contrast of an image whose intensities are electrons
FAR = 0.6  # Å from where the network saw it; an atom that the fit took further is in doubt


def assembled(
    atoms: pd.DataFrame,
    picture: Picture,
    fitted: Sequence[Fitted],
    material: Material,
    spectrum: Spectrum,
    warnings: Sequence[str],
) -> Refined:
    """The answer of all tiles of a picture; images are at the picture's pixel."""
    table = network_table(atoms)
    model = np.full(picture.image.shape, np.nan)
    widths = []
    for one in fitted:
        numbers = one.field.atoms[one.field.core]
        answer, width = tile_table(one, material)
        table.loc[table.index[numbers], [*PLACES, *NEW]] = answer
        widths.append(width)
        tile = one.field
        model[tile.rows, tile.columns] = tile_image(one, picture.sampling)
    moved = np.hypot(*(table[PLACES].to_numpy() - picture.positions[: len(table)]).T)
    doubts = list(warnings)
    if (far := int((moved > FAR).sum())) > 0:
        doubts.append(f"{far} atoms moved by more than {FAR} Å: they may not be where they seem")
    noise = float(spectrum[1][0])
    parameters = microscope(fitted)
    share = float(np.mean([one.explained for one in fitted])) if fitted else 1.0
    if share < LEAST_EXPLAINED:
        doubts.append(
            f"the model explains only {share:.0%} of the sheet's image; the rest counts less"
        )
    if fitted and not STRETCHED[0] < parameters["contrast"][0] < STRETCHED[1]:
        doubts.append(
            f"the contrast is {parameters['contrast'][0]:.2f} times that of the model: the "
            "intensities may have been stretched or offset, and then the dose is not the image's"
        )
    parameters["dose_per_angstrom2"] = (1 / (noise * picture.sampling**2), np.nan)
    straying, bending = np.median(np.array(widths), axis=0) if widths else (np.nan, np.nan)
    parameters["straying_angstrom"] = (float(straying), np.nan)
    parameters["bending_angstrom"] = (float(bending), np.nan)
    return Refined(table, model, picture.image - model, parameters, doubts)


def network_table(atoms: pd.DataFrame) -> pd.DataFrame:
    """The network's table with its positions kept apart, and nothing refined yet."""
    kept = {f"{name[0]}_network_angstrom": atoms[name] for name in PLACES}
    return atoms.assign(**kept, **dict.fromkeys(NEW, np.nan))


def tile_table(one: Fitted, material: Material) -> tuple[np.ndarray, tuple[float, float]]:
    """Rows (core atoms, 7) of PLACES and NEW, and the widths of the prior."""
    tile, problem, solution = one.field, one.field.problem, one.solution
    # Atoms around the field are held by their prior: their errors are averaged over, no more.
    seen = problem.seen
    moved = problem.moved[seen].numpy()
    both = torch.nonzero(seen.repeat_interleave(2))[:, 0]
    covariance = inverse(solution.information)[both[:, None], both]
    precision = inverse(covariance).numpy()
    places = solution.state.positions.numpy()[moved]
    sigma = covariance.diagonal().sqrt().numpy().reshape(-1, 2)
    if material.bonds is None:
        shrunk, shrunk_sigma, widths = np.nan * places, np.nan * sigma, (np.nan, np.nan)
    else:
        after = posterior(places, precision, material.bonds.longest, material.bonds.coordination)
        shrunk, shrunk_sigma = after.positions, after.sigma
        widths = after.straying, after.bending
    one_sigma = np.sqrt((shrunk_sigma**2).mean(axis=1, keepdims=True))
    rows = np.hstack([places + tile.origin, sigma, shrunk + tile.origin, one_sigma])
    return rows[tile.core[moved]], widths


def tile_image(one: Fitted, sampling: float) -> np.ndarray:
    """The fitted image (rows, columns) of a tile without its margin."""
    tile, state = one.field, one.solution.state
    with torch.no_grad():
        image = model_image(tile.problem, state.positions, state.optics).numpy()
    left, top = np.rint(tile.origin / sampling).astype(int)
    rows = slice(tile.rows.start - top, tile.rows.stop - top)
    columns = slice(tile.columns.start - left, tile.columns.stop - left)
    return image[rows, columns]


def microscope(fitted: Sequence[Fitted]) -> dict[str, tuple[float, float]]:
    """Name with unit → value and standard deviation: of the tiles, weighted by what each knows."""
    values, weights = [], []
    for one in fitted:
        free, total = one.field.problem.free, one.solution.information
        variance = torch.full((len(MICROSCOPE),), torch.inf, dtype=torch.float64)
        variance[free] = inverse(total).diagonal()[len(total) - len(free) :]
        values.append(one.solution.state.optics)
        weights.append(1 / variance)
    if not fitted:
        return {}
    stacked, sums = torch.stack(weights), torch.stack(weights).sum(dim=0)
    mean = (torch.stack(values) * stacked).sum(dim=0) / sums
    value = in_physical_units(torch.where(sums > 0, mean, values[0]))
    sigma = in_physical_units(torch.where(sums > 0, sums.rsqrt(), torch.nan))
    return {
        UNITS.get(name, f"{name}_angstrom"): (float(value[number]), float(sigma[number]))
        for number, name in enumerate(MICROSCOPE)
    }


def at_pixel(found: Refined, shape: tuple[int, int], sampling: float, fitted: float) -> Refined:
    """An answer whose images have the pixel of the source and its shape (ny, nx).

    `fitted` is the pixel of the fit. Pixels beyond the last one that was fitted are NaN.
    """
    if sampling == fitted:
        return found
    images = []
    for image in (found.model, found.residual):
        known = np.isfinite(image)
        finer = resample(np.where(known, image, 0), fitted, sampling)
        share = resample(known.astype(float), fitted, sampling)
        whole = np.full(shape, np.nan)
        rows, columns = (min(a, b) for a, b in zip(shape, finer.shape, strict=True))
        whole[:rows, :columns] = np.where(share > 0.99, finer, np.nan)[:rows, :columns]
        images.append(whole)
    return replace(found, model=images[0], residual=images[1])
