"""Order on a lattice: waves of an image at given vectors, and how sure their amplitudes are."""

from dataclasses import dataclass

import numpy as np

from latticework.analysis.surfaces.lattice import Lattice
from latticework.analysis.surfaces.reflections import SIGNIFICANT, spectrum, tapered

REACH = 1.3  # bins about an expected vector in which a wave's own maximum may lie
# An amplitude over its standard deviation that is a wave: what makes a reflection, too.
DETECTED = np.sqrt(2 * SIGNIFICANT)


@dataclass(frozen=True)
class Wave:
    """A wave of an image.

    Parameters
    ----------
    frequency
        (2,), x and y in cycles/px: where the power is highest near the expected vector.
    amplitude, sigma
        Of A·cos in the image's unit, and the standard deviation that the noise around the vector,
        that of the lines included, gives it.
    """

    frequency: np.ndarray
    amplitude: float
    sigma: float

    @property
    def significance(self) -> float:
        """Amplitude over its standard deviation."""
        return self.amplitude / self.sigma

    @property
    def present(self) -> bool:
        """Whether it stands out of the noise as a reflection does."""
        return self.significance > DETECTED


def waves_at(image: np.ndarray, expected: np.ndarray, free: bool = True) -> list[Wave]:
    """Waves of a levelled image near expected vectors (n, 2), x and y in cycles/px.

    With `free` a wave's frequency is that of the highest power within `REACH`; without, the
    expected one.
    """
    known = tapered(image), spectrum(image)
    return [_wave(*known, vector, free) for vector in np.asarray(expected)]


def _wave(
    taper: tuple[np.ndarray, np.ndarray],
    known: tuple[np.ndarray, ...],
    expected: np.ndarray,
    free: bool,
) -> Wave:
    (values, window), (_, background, fx, fy) = taper, known
    expected = expected * (1 if expected[1] >= 0 else -1)
    frequency = _maximum(values, expected) if free else expected
    row, column = np.abs(fy - expected[1]).argmin(), np.abs(fx - expected[0]).argmin()
    noise = background[row, column]
    amplitude = 2 * np.sqrt(_power(values, frequency)) / window.sum()
    # The power of noise is the sum of the squares of two normal numbers.
    return Wave(frequency, float(amplitude), float(2 * np.sqrt(noise / 2) / window.sum()))


def _power(values: np.ndarray, frequency: np.ndarray) -> float:
    ny, nx = values.shape
    along_x = np.exp(-2j * np.pi * frequency[0] * np.arange(nx))
    along_y = np.exp(-2j * np.pi * frequency[1] * np.arange(ny))
    return float(np.abs(along_y @ values @ along_x) ** 2)


def _maximum(values: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The frequency of the highest power near an expected one: three grids, finer each time."""
    bins = 1 / np.array(values.shape[::-1])
    best, reach = np.asarray(expected, dtype=float), REACH
    for _ in range(3):
        steps = np.linspace(-reach, reach, 9)
        trials = [best + bins * (x, y) for x in steps for y in steps]
        inside = [t for t in trials if np.hypot(*((t - expected) / bins)) <= REACH + 1e-9]
        best = max(inside, key=lambda trial: _power(values, trial))
        reach /= 4
    return best


@dataclass(frozen=True)
class Ordering:
    """Ordering vectors against the lattice's own: one row for each direction of the lattice.

    Parameters
    ----------
    fractions
        |q|/|g|, measured independently of each other.
    order, bragg
        The waves at q and at g.
    ratio, ratio_sigma
        Mean amplitude of the ordering waves over that of the lattice's, and its standard deviation.
    """

    fractions: np.ndarray
    order: list[Wave]
    bragg: list[Wave]
    ratio: float
    ratio_sigma: float


def ordering(image: np.ndarray, bragg: np.ndarray, divisor: float) -> Ordering:
    """Waves at g/divisor for each of the lattice's reflections `bragg` (n, 2) in cycles/px."""
    found = waves_at(image, np.concatenate([bragg, bragg / divisor]))
    lattice_waves, waves = found[: len(bragg)], found[len(bragg) :]
    fractions = [
        np.linalg.norm(q.frequency) / np.linalg.norm(g.frequency)
        for q, g in zip(waves, lattice_waves, strict=True)
    ]
    top, top_sigma = _mean(waves)
    bottom, bottom_sigma = _mean(lattice_waves)
    ratio = top / bottom
    sigma = ratio * np.hypot(top_sigma / max(top, 1e-300), bottom_sigma / bottom)
    return Ordering(np.array(fractions), waves, lattice_waves, float(ratio), float(sigma))


def _mean(waves: list[Wave]) -> tuple[float, float]:
    """Mean amplitude of waves and its standard deviation by their noise."""
    sigma = np.array([wave.sigma for wave in waves])
    return float(np.mean([wave.amplitude for wave in waves])), float(
        np.sqrt((sigma**2).sum()) / len(waves)
    )


def first_star(lattice: Lattice) -> np.ndarray:
    """The lattice's first-order reflections, one of each pair: 3 of a hexagonal lattice, else 2."""
    a, b = lattice.reciprocal
    star = [a, b, a - b if np.linalg.norm(a - b) < np.linalg.norm(a + b) else a + b]
    return np.array(star if lattice.symmetry == "hexagonal" else star[:2])


def staggered(image: np.ndarray, lattice: Lattice) -> dict[tuple[float, float], Wave]:
    """Waves at (½, ½) and (½, −½), the two diagonals, and at (½, 0) and (0, ½) of a lattice.

    Of a checkerboard both diagonals are one wave; a scan whose lines are noisy, or a row that
    orders, has one without the other.
    """
    points = ((0.5, 0.5), (0.5, -0.5), (0.5, 0.0), (0.0, 0.5))
    found = waves_at(image, np.array(points) @ lattice.reciprocal)
    return dict(zip(points, found, strict=True))
