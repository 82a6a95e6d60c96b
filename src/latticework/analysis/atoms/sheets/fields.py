"""Fields of an image that are fitted at once, and what a fit of one needs."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.fft import next_fast_len
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from latticework.analysis.atoms.sheets.beyond import REACH
from latticework.analysis.atoms.sheets.fit import Problem
from latticework.analysis.atoms.sheets.model import MICROSCOPE, UNITS, Grid, frequencies, in_units
from latticework.analysis.atoms.sheets.noise import band, whitened
from latticework.simulation.phase_objects import phase_factor

CORE = 36.0  # Å, side of a tile
MARGIN = 4.0  # Å around it in which atoms are fitted as well
PAD = REACH  # Å around a field, which is periodic, with the atoms there
EDGE = 1.5  # Å along the image's border that do not count
LOOSE = 1.0  # Å, SD of a prior so wide that it holds only what the image says nothing about
BEYOND = 3.0  # Å around a field in which atoms may move, but little: their image is not seen whole
TIED = 0.1  # Å, SD of what these may
COVERED = 1.6  # Å from the nearest atom; a hexagon's centre has 1.42
CONTRAST = 0.07  # half width of the contrast's prior, about one: SD 0.05 at its top
RADIAL = 4000  # frequencies at which an atom's factor is computed; between, it is interpolated
HIGHEST = 1.5  # 1/Å, frequencies that are fitted

Spectrum = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Picture:
    """An image at the pixel at which it is fitted, and its atoms.

    Parameters
    ----------
    image
        (ny, nx), in units of its local mean.
    sampling
        Å.
    positions, classes
        (n, 2) in Å from the centre of the first pixel, and (n,) numbers from 0 on; the atoms that
        `sheets.beyond` adds come last.
    symbols
        What stands on top of each other in an atom of each class, as a formula.
    energy, thermal_sigma
        eV; RMS thermal displacement, Å.
    usual, precision
        (parameters,), what is known of the microscope before, in its units: mean and inverse
        variance.
    free
        Numbers of its parameters that are fitted.
    """

    image: np.ndarray
    sampling: float
    positions: np.ndarray
    classes: np.ndarray
    symbols: tuple[str, ...]
    energy: float
    thermal_sigma: float
    usual: torch.Tensor
    precision: torch.Tensor
    free: torch.Tensor


@dataclass(frozen=True)
class Field:
    """A part of a picture.

    Parameters
    ----------
    rows, columns
        Of the picture, px.
    atoms
        Numbers of the atoms in it; the margin's are included.
    core
        Whether each of them is inside the tile proper.
    origin
        (2,), x and y in Å of the first pixel of the fitted grid in the picture.
    problem
        What is fitted; positions are from `origin` on.
    """

    rows: slice
    columns: slice
    atoms: np.ndarray
    core: np.ndarray
    origin: np.ndarray
    problem: Problem


def known_of_microscope(
    imaging: Mapping[str, Mapping[str, float]],
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean, inverse variance and numbers of the free parameters, from a card's `imaging` ranges.

    A parameter's prior is a Gaussian with the middle of its range and half of its width as standard
    deviation. Only what the training varied is fitted; contrast is one within a fifth.
    """

    def limits(name: str) -> tuple[float, float]:
        given = imaging.get(name, {"low": 0.0, "high": 0.0})
        return (given["low"] + given["high"]) / 2, (given["high"] - given["low"]) / 2

    astigmatism = imaging["astigmatism"]["high"]
    coma = imaging.get("coma", {"high": 0.0})["high"]
    threefold = imaging.get("threefold", {"high": 0.0})["high"]
    vibration = imaging["deflection"]["high"] ** 2
    known = {
        "defocus": limits("defocus"),
        "cs": limits("cs"),
        "c5": limits("c5"),
        "astigmatism_x": (0.0, astigmatism / 2),
        "astigmatism_y": (0.0, astigmatism / 2),
        "coma_x": (0.0, coma / 2),
        "coma_y": (0.0, coma / 2),
        "threefold_x": (0.0, threefold / 2),
        "threefold_y": (0.0, threefold / 2),
        "focal_spread": limits("focal_spread"),
        "blur": (vibration / 3, vibration / 3),
        "contrast": (1.0, 0.2),
    }
    mean = in_units([known[name][0] for name in MICROSCOPE])
    width = in_units([known[name][1] for name in MICROSCOPE])
    free = torch.tensor([number for number, value in enumerate(width) if value > 0])
    return mean, torch.where(width > 0, width, math.inf) ** -2, free


def with_contrast(precision: torch.Tensor, optics: torch.Tensor) -> torch.Tensor:
    """The prior's precision (parameters,) once a contrast has been found.

    Where intensities are electrons, the mean is that of vacuum and contrast is one but for the
    error of the camera's transfer. Where an image was stretched it is anything. Hence a Cauchy
    distribution, as the Gaussian that has its weight where the contrast was found.
    """
    away = float(optics[-1]) - 1 / UNITS["contrast"]
    changed = precision.clone()
    changed[-1] = 2 / ((CONTRAST / UNITS["contrast"]) ** 2 + away**2)
    return changed


def tiles(shape: tuple[int, int], sampling: float) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of tiles of nearly equal size that cover an image (ny, nx)."""
    spans = []
    for length in shape:
        count = max(1, math.ceil((length * sampling - 2 * MARGIN) / CORE))
        ends = np.linspace(0, length, count + 1).round().astype(int)
        spans.append([slice(int(a), int(b)) for a, b in itertools.pairwise(ends)])
    for rows in spans[0]:
        for columns in spans[1]:
            yield rows, columns


def densest(picture: Picture, side: float) -> tuple[slice, slice]:
    """Rows and columns of the square of `side` Å in which most atoms are."""
    ny, nx = picture.image.shape
    size = min(round(side / picture.sampling), ny, nx)
    half = size * picture.sampling / 2
    extent = np.array([nx, ny]) * picture.sampling
    middles = np.clip(picture.positions, half, np.maximum(extent - half, half))
    counts = cKDTree(picture.positions).query_ball_point(
        middles, half, p=np.inf, return_length=True
    )
    # Of equally full squares the one nearest to the middle of the image.
    away = np.hypot(*(middles - extent / 2).T)
    x, y = middles[np.argmax(counts - 1e-3 * away)]
    top, left = (round(float(v - half) / picture.sampling) for v in (y, x))
    top, left = min(max(top, 0), ny - size), min(max(left, 0), nx - size)
    return slice(top, top + size), slice(left, left + size)


def coverage(picture: Picture) -> np.ndarray:
    """Pixels (ny, nx) that show the sheet: near an atom and not at the image's border."""
    step, (ny, nx) = picture.sampling, picture.image.shape
    empty = np.ones((ny, nx), dtype=bool)
    pixel = np.rint(picture.positions / step).astype(int)
    inside = ((pixel >= 0) & (pixel < [nx, ny])).all(axis=1)
    empty[pixel[inside, 1], pixel[inside, 0]] = False
    if empty.all():
        return np.zeros((ny, nx))
    covered = distance_transform_edt(empty) * step <= COVERED
    edge = round(EDGE / step)
    covered[:edge] = covered[ny - edge :] = False
    covered[:, :edge] = covered[:, nx - edge :] = False
    return covered.astype(float)


def field(
    picture: Picture, trust: np.ndarray, spectrum: Spectrum, rows: slice, columns: slice
) -> Field:
    """The field of a tile with its margin.

    `trust` (ny, nx) is how much each pixel counts, 0 to 1, and `spectrum` that of the noise. The
    image is whitened over a field that is larger still.
    """
    step = picture.sampling
    margin, pad = round(MARGIN / step), round(PAD / step)
    shape = picture.image.shape
    wide = [
        slice(max(part.start - margin, 0), min(part.stop + margin, length))
        for part, length in zip((rows, columns), shape, strict=True)
    ]
    lengths = [part.stop - part.start for part in wide]
    size = tuple(next_fast_len(length + 2 * pad, real=True) for length in lengths)
    image, inside, weights = (np.zeros(size) for _ in range(3))
    here = tuple(slice(pad, pad + length) for length in lengths)
    image[here] = whitened(picture.image, step, spectrum)[wide[0], wide[1]]
    inside[here] = 1
    weights[here] = _faded(trust[wide[0], wide[1]], wide, shape, round(EDGE / step))
    weights /= spectrum[1][0]

    corner = np.array([wide[1].start, wide[0].start]) * step
    origin = corner - pad * step
    extent = np.array(lengths[::-1]) * step
    place = picture.positions - corner
    chosen = np.flatnonzero(((place > -pad * step) & (place < extent + pad * step)).all(axis=1))
    within = ((place > 0) & (place < extent)).all(axis=1)[chosen]
    near = ((place > -BEYOND) & (place < extent + BEYOND)).all(axis=1)[chosen]
    pixel = np.rint(picture.positions[chosen] / step).astype(int)
    core = within & (pixel[:, 1] >= rows.start) & (pixel[:, 1] < rows.stop)
    core &= (pixel[:, 0] >= columns.start) & (pixel[:, 0] < columns.stop)
    k = frequencies(size, step).numpy()
    radial = np.linspace(0, float(k.max()), RADIAL)
    factors = [
        np.interp(k, radial, phase_factor(symbol, radial, picture.energy, picture.thermal_sigma))
        for symbol in picture.symbols
    ]
    problem = Problem(
        Grid(size, step, picture.energy, torch.from_numpy(np.stack(factors))),
        torch.from_numpy(picture.classes[chosen]),
        torch.from_numpy(np.flatnonzero(near)),
        torch.from_numpy(image),
        torch.from_numpy(inside),
        torch.from_numpy(band(size, step, HIGHEST, spectrum))[:, : size[1] // 2 + 1],
        torch.from_numpy(weights),
        picture.free,
        picture.usual,
        picture.precision,
        torch.from_numpy(picture.positions[chosen] - origin),
        torch.from_numpy(np.where(within[near], LOOSE, TIED)),
        torch.from_numpy(within[near]),
    )
    return Field(rows, columns, chosen, core, origin, problem)


def _faded(trust: np.ndarray, wide: list[slice], shape: tuple[int, ...], edge: int) -> np.ndarray:
    """Trust without the border of a field inside the image: neighbours beyond it are not fitted."""
    kept = trust.copy()
    for axis, (part, length) in enumerate(zip(wide, shape, strict=True)):
        view = np.moveaxis(kept, axis, 0)
        if part.start > 0:
            view[:edge] = 0
        if part.stop < length:
            view[-edge:] = 0
    return kept
