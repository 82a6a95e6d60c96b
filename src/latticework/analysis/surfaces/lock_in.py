"""Lock-in of an image at a wave vector: local amplitude and phase (Lawler et al. 2010).

The image is multiplied by exp(−2πi g·r) and averaged over a neighbourhood: what is left varies
slowly, its phase by 2π for a displacement of one period.
"""

import numpy as np
from scipy import ndimage
from scipy.optimize import minimize_scalar
from scipy.spatial import cKDTree

REACH = 3.0  # standard deviations of a neighbourhood that are summed
LONGEST = 50.0  # of the longest distance: a correlation length that cannot be told from infinity


def demodulate(image: np.ndarray, frequency: np.ndarray, width: float) -> np.ndarray:
    """Complex amplitude (ny, nx) of the wave of `frequency` (x, y in cycles/px) around each pixel.

    A wave A·cos(2π g·r + φ) gives A·exp(iφ). `width` is the standard deviation in px of the
    neighbourhood; near a border it is the part inside.
    """
    ny, nx = image.shape
    wave_x = np.exp(-2j * np.pi * frequency[0] * np.arange(nx))
    wave_y = np.exp(-2j * np.pi * frequency[1] * np.arange(ny))
    shifted = 2 * image * wave_x * wave_y[:, None]
    return _average(shifted.real, width) + 1j * _average(shifted.imag, width)


def _average(values: np.ndarray, width: float) -> np.ndarray:
    inside = np.ones_like(values)
    how = {"sigma": width, "mode": "constant", "truncate": REACH}
    return ndimage.gaussian_filter(values, **how) / ndimage.gaussian_filter(inside, **how)


def domain_walls(amplitude: np.ndarray, waves: int = 1) -> np.ndarray:
    """Walls (ny, nx) of an ordered state: True where its local phase turns by more than π/2 over
    the neighbourhood of a pixel, or its amplitude falls below a third of the typical one.

    Parameters
    ----------
    amplitude
        Complex (ny, nx), of `demodulate`.
    waves
        The phase is multiplied by so many, where phases that differ by 2π/waves are one domain.
    """
    size = np.abs(amplitude)
    typical = np.median(size)
    unit = (amplitude / np.maximum(size, 1e-300)) ** waves
    wall = size < typical / 3
    for axis in (0, 1):
        turned = np.abs(np.angle(np.roll(unit, -4, axis) * np.roll(unit, 4, axis).conj()))
        inside = np.ones_like(wall)
        edge = [slice(None)] * 2
        for end in (slice(None, 4), slice(-4, None)):
            edge[axis] = end
            inside[tuple(edge)] = False
        wall |= (turned > np.pi / 2) & inside
    return wall


def correlation_length(
    positions: np.ndarray, values: np.ndarray, longest: float, bins: int = 24
) -> tuple[float, np.ndarray, np.ndarray]:
    """Length ξ over which values at sites agree, and the correlation against distance.

    C(r) = mean of v_i·v_j over pairs of sites at a distance r, over the mean of v². ξ is from the
    fit of C = c·exp(−r/ξ) by least squares, a distance counting as much as it has pairs.

    Parameters
    ----------
    positions, values
        (n, 2), and (n,) or (n, m), real or complex, such as ±1 for domains of two kinds.
    longest
        Largest distance, in the unit of the positions.

    Returns
    -------
    float, (bins,), (bins,)
        ξ, infinite where C does not fall; the distances and C, NaN where no pairs are.
    """
    pairs = cKDTree(positions).query_pairs(longest, output_type="ndarray")
    distance = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    values = values.reshape(len(positions), -1)
    product = (values[pairs[:, 0]] * np.conj(values[pairs[:, 1]])).real.sum(axis=1)
    square = float((np.abs(values) ** 2).sum(axis=1).mean())
    edges = np.linspace(0, longest, bins + 1)
    number = np.clip(np.digitize(distance, edges) - 1, 0, bins - 1)
    count = np.bincount(number, minlength=bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.bincount(number, product, bins) / count / square
        middle = np.bincount(number, distance, bins) / count
    known = np.flatnonzero(count > 0)
    if len(known) < 2:
        return float("nan"), middle, correlation
    r, c, weight = middle[known], correlation[known], count[known]

    def misfit(logarithm: float) -> float:
        shape = np.exp(-r * np.exp(-logarithm))
        size = (weight * shape * c).sum() / (weight * shape**2).sum()
        return float((weight * (c - size * shape) ** 2).sum())

    # Shorter than the nearest sites' distance, or much longer than the image, cannot be told.
    limits = np.log(0.2 * r[0]), np.log(LONGEST * longest)
    found = minimize_scalar(misfit, bounds=limits, method="bounded").x
    return (float("inf") if found > limits[1] - 0.1 else float(np.exp(found))), middle, correlation
