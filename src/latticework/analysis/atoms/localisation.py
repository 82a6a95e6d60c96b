"""From a network's class maps to a table of atoms (Madsen 2018, §2.5)."""

from typing import Literal

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.morphology import local_minima
from skimage.segmentation import watershed

from latticework.analysis.atoms.class_shares import Calibration
from latticework.structures.thinning import hard_core

EIGHT_CONNECTED = np.ones((3, 3), dtype=bool)
FIT_STEPS = 6
BLOCK = 1 << 15  # atoms whose patches are in memory at once
SEPARATION = 2.0  # px; of two maxima nearer than this only the higher is an atom

Refinement = Literal["gaussian_fit", "centre_of_mass"]


def localise(
    probabilities: np.ndarray,
    *,
    epsilon: float,
    threshold: float,
    refine: Refinement = "gaussian_fit",
    sigma_px: float | None = None,
    calibration: Calibration | None = None,
) -> pd.DataFrame:
    """Atoms, their classes and sub-pixel positions from class maps (Madsen 2018, §2.5).

    Minima of the background below `epsilon` seed a watershed that is limited at `epsilon`; every
    segment is one candidate atom.

    *Class* (eq. 7): p_k is the sum of P_k over the segment, normalised over the classes k > 0.

    *Discarding* (eq. 8): the paper compares a segment's foreground with t times its background,
    but leaves p_n(c_0) open. The sum over the segment will not do: a perfect, isolated Gaussian
    label limited at epsilon = 0.995 is four fifths background, and would fall at t = 0.5. We use
    the paper's own practice in Fig. 6: a segment's `probability` is the largest foreground
    probability within it, and `threshold` is the least that is kept. On the pixel grid a label
    that is centred between pixels shows a smaller maximum, exp(-0.25 / sigma_px²): 0.88 at
    1.4 px.

    *Position*: "centre_of_mass" is the paper's; it is pushed away from near neighbours, and by up
    to 0.05 Å for an atom at an edge, because a watershed segment is cut off on the neighbours'
    side only. "gaussian_fit" starts there and fits all atoms together as Gaussians of one common
    width, so that neighbours cannot pull at each other: see `fit_gaussians`.

    Parameters
    ----------
    probabilities
        (classes, ny, nx) class maps, class 0 the background, summing to one in each pixel.
    epsilon
        Background probability at and above which a pixel belongs to no segment.
    threshold
        Least foreground probability that a segment's brightest pixel must reach.
    refine
        How positions are computed.
    sigma_px
        Width of the atoms in the map (px) for the fit; estimated from the map if not given.
    calibration
        Of the classes' probabilities, which the class follows: see `class_shares`.

    Returns
    -------
    pandas.DataFrame
        One row an atom, in reading order of the segments' brightest pixels: x_px, y_px (centre of
        the first pixel is 0), probability, class (most probable, counted from 1), p_1 … p_K (sum
        to one) and area_px (pixels of the segment). Without atoms it has the same columns and no
        rows.

    Raises ValueError if the maps are not (classes ≥ 2, ny, nx), not finite or do not sum to one,
    if epsilon or threshold is outside (0, 1], or if refine is unknown.
    """
    probabilities = _checked(probabilities, epsilon, threshold, refine)
    background = probabilities[0]
    foreground = 1.0 - background

    segments = segment(background, epsilon)

    count = int(segments.max())
    inside = np.flatnonzero(segments)
    owner = segments.ravel()[inside] - 1
    weight = foreground.ravel()[inside]
    peak = ndimage.maximum(foreground, segments, np.arange(1, count + 1)) if count else np.zeros(0)
    kept = np.flatnonzero(peak >= threshold)

    y, x = np.divmod(inside, background.shape[1])
    mass = np.bincount(owner, weight, count)[kept]
    centre = np.stack([np.bincount(owner, weight * axis, count)[kept] for axis in (x, y)], axis=1)
    positions = centre / mass[:, None]
    sums = np.stack(
        [np.bincount(owner, p.ravel()[inside], count)[kept] for p in probabilities[1:]], axis=1
    )
    shares = sums / sums.sum(axis=1, keepdims=True)
    if calibration is not None:
        shares = calibration(shares)

    if refine == "gaussian_fit" and len(kept):
        if sigma_px is None:
            # A Gaussian holds 2 pi a sigma². Its brightest pixel is lower than a, on average by
            # exp(-1/12 sigma²), since the centre falls anywhere within the pixel.
            variance = np.median(mass / (2 * np.pi * peak[kept])) - 1 / 12
            sigma_px = np.sqrt(max(variance, 0.25))
        positions = fit_gaussians(foreground, positions, peak[kept], sigma_px)

    columns = {
        "x_px": positions[:, 0],
        "y_px": positions[:, 1],
        "probability": peak[kept],
        "class": shares.argmax(axis=1) + 1 if len(kept) else np.zeros(0, dtype=int),
        **{f"p_{k + 1}": share for k, share in enumerate(shares.T)},
        "area_px": np.bincount(owner, minlength=count)[kept],
    }
    return pd.DataFrame(columns)


def segment(background: np.ndarray, epsilon: float) -> np.ndarray:
    """Segments of a background map (ny, nx): a watershed from its minima, limited at `epsilon`.

    Returns (ny, nx) integers: 0 outside segments, else 1 … n in reading order of their seeds.
    """
    seeds = find_seeds(background, epsilon)
    return watershed(background, seeds, mask=background < epsilon)


def find_seeds(
    background: np.ndarray, epsilon: float, separation: float = SEPARATION
) -> np.ndarray:
    """Label image of the local minima of a background (ny, nx) below `epsilon`, one an atom.

    A plateau is one minimum. Of minima nearer than `separation` (px, between centres) the lowest
    stays: a saturated peak with ripples in its last digits is one atom.

    Returns (ny, nx) integers: 0 outside seeds, else 1 … n in reading order.
    """
    labels, count = ndimage.label(
        local_minima(background) & (background < epsilon), EIGHT_CONNECTED
    )
    if count < 2 or separation <= 0:
        return labels
    pixels = np.flatnonzero(labels)
    label = labels.ravel()[pixels] - 1
    y, x = np.divmod(pixels, labels.shape[1])
    size = np.bincount(label)
    centres = np.stack([np.bincount(label, x), np.bincount(label, y)], axis=1) / size[:, None]
    depth = np.empty(count)
    depth[label] = 1.0 - background.ravel()[pixels]
    kept = hard_core(centres, separation, priority=depth)
    renumbered = np.zeros(count + 1, dtype=labels.dtype)
    renumbered[1:][kept] = np.arange(1, np.count_nonzero(kept) + 1)
    return renumbered[labels]


def fit_gaussians(
    foreground: np.ndarray, positions: np.ndarray, amplitudes: np.ndarray, sigma_px: float
) -> np.ndarray:
    """Positions from a least-squares fit of a sum of Gaussians of one width to a map.

    Labels are sums of Gaussians, so on a label map the fit is exact, also for neighbours that
    overlap; a width that is 5 % off costs no more than 0.002 Å. A network that is unsure of a
    position gives a wider and weaker blob: the fit then is its centroid under a Gaussian window
    with the neighbours subtracted, and haze between the atoms stays outside the window.

    Gauss-Newton steps on positions and amplitudes. The small coupling of neighbours is left out
    of the step's matrix, not of the residual, so every atom steps on its own. An atom that walks
    more than 1.5 sigma from its start (a blob that is no Gaussian) keeps its starting position.

    Parameters
    ----------
    foreground
        (ny, nx).
    positions
        (n, 2), starting x, y in px.
    amplitudes
        (n,), starting heights.
    sigma_px
        Width (standard deviation) of the Gaussians in px.

    Returns
    -------
    np.ndarray
        (n, 2), fitted x, y in px.
    """
    ny, nx = foreground.shape
    start, least = positions, 0.1 * amplitudes
    radius = int(np.ceil(3.5 * sigma_px))
    offsets = np.arange(-radius, radius + 1)
    # Patches stay where they are while the positions move inside them. Where a patch reaches over
    # the picture's edge its Gaussian is cut to zero, and the clipped index does no harm.
    origin = np.rint(positions).astype(int)
    column, row = origin[:, 0, None] + offsets, origin[:, 1, None] + offsets
    in_x, in_y = (column >= 0) & (column < nx), (row >= 0) & (row < ny)
    row, column = np.clip(row, 0, ny - 1) * nx, np.clip(column, 0, nx - 1)
    blocks = [slice(first, first + BLOCK) for first in range(0, len(positions), BLOCK)]
    flat = foreground.ravel().astype(float)

    for _ in range(FIT_STEPS):
        dx, dy = origin[:, :1] + offsets, origin[:, 1:] + offsets
        dx, dy = dx - positions[:, :1], dy - positions[:, 1:]
        gx = np.exp(-0.5 * (dx / sigma_px) ** 2) * in_x
        gy = np.exp(-0.5 * (dy / sigma_px) ** 2) * in_y
        residual = flat.copy()
        for block in blocks:
            model = (amplitudes[block, None] * gy[block])[:, :, None] * gx[block, None, :]
            index = row[block, :, None] + column[block, None, :]
            residual -= np.bincount(index.ravel(), model.ravel(), flat.size)
        over_x, over_y = np.empty_like(gy), np.empty_like(gx)
        for block in blocks:
            left = residual[row[block, :, None] + column[block, None, :]]
            over_x[block] = (left @ gx[block, :, None])[:, :, 0]
            over_y[block] = (gy[block, None, :] @ left)[:, 0, :]

        slope_x, slope_y = dx / sigma_px**2 * gx, dy / sigma_px**2 * gy
        norm_x, norm_y = (gx**2).sum(axis=1), (gy**2).sum(axis=1)
        step_x = (over_y * slope_x).sum(axis=1) / ((slope_x**2).sum(axis=1) * norm_y)
        step_y = (over_x * slope_y).sum(axis=1) / ((slope_y**2).sum(axis=1) * norm_x)
        step = np.stack([step_x, step_y], axis=1) / amplitudes[:, None]
        positions = positions + np.clip(step, -0.5 * sigma_px, 0.5 * sigma_px)
        amplitudes = amplitudes + (over_y * gx).sum(axis=1) / (norm_x * norm_y)
        amplitudes = np.maximum(amplitudes, least)

    strayed = np.hypot(*(positions - start).T) > 1.5 * sigma_px
    return np.where(strayed[:, None], start, positions)


def _checked(
    probabilities: np.ndarray, epsilon: float, threshold: float, refine: str
) -> np.ndarray:
    """The class maps, or a ValueError that says what is wrong with the arguments."""
    probabilities = np.asarray(probabilities)
    if probabilities.ndim != 3 or probabilities.shape[0] < 2:
        raise ValueError(f"probabilities must be (classes >= 2, ny, nx), not {probabilities.shape}")
    total = probabilities.sum(axis=0, dtype=np.float32)
    # One comparison that NaN fails too; half precision sums to one within 5e-3.
    if not np.all(np.abs(total - 1.0) < 5e-3):
        raise ValueError("probabilities must be finite and sum to one over the classes")
    for name, value in (("epsilon", epsilon), ("threshold", threshold)):
        if not 0.0 < value <= 1.0:
            raise ValueError(f"{name} must be in (0, 1], not {value}")
    if refine not in ("gaussian_fit", "centre_of_mass"):
        raise ValueError(f"refine must be 'gaussian_fit' or 'centre_of_mass', not {refine!r}")
    return probabilities
