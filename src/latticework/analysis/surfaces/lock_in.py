"""Lock-in of an image at a wave vector: local amplitude and phase (Lawler et al. 2010).

The image is multiplied by exp(−2πi g·r) and averaged over a neighbourhood: what is left varies
slowly, its phase by 2π for a displacement of one period.
"""

import numpy as np
from scipy import ndimage

REACH = 3.0  # standard deviations of a neighbourhood that are summed


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
    fit of C = c·exp(−r/ξ) to all distances between the nearest and where C has fallen to a tenth.

    Parameters
    ----------
    positions, values
        (n, 2), and (n,), real or complex, such as ±1 for domains of two kinds.
    longest
        Largest distance, in the unit of the positions.

    Returns
    -------
    float, (bins,), (bins,)
        ξ, infinite where C does not fall; the distances and C, NaN where no pairs are.
    """
    from scipy.spatial import cKDTree

    pairs = cKDTree(positions).query_pairs(longest, output_type="ndarray")
    distance = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    product = (values[pairs[:, 0]] * np.conj(values[pairs[:, 1]])).real
    edges = np.linspace(0, longest, bins + 1)
    number = np.clip(np.digitize(distance, edges) - 1, 0, bins - 1)
    count = np.bincount(number, minlength=bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.bincount(number, product, bins) / count / np.mean(np.abs(values) ** 2)
        middle = np.bincount(number, distance, bins) / count
    known = np.flatnonzero(count > 0)
    low = [i for i in known if correlation[i] < 0.1]
    used = known[known < low[0]] if low else known
    if len(used) < 2:
        return float(middle[known[0]]) if len(known) else float("nan"), middle, correlation
    slope = np.polyfit(middle[used], np.log(correlation[used]), 1, w=np.sqrt(count[used]))[0]
    return (-1 / slope if slope < 0 else float("inf")), middle, correlation
