"""Pixel and elliptic distortion of a diffraction camera, from the rings of a known powder."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy import ndimage
from scipy.optimize import minimize, minimize_scalar

from latticework.datasets.read import PictureError
from latticework.inference.direct_beam import centre_of_symmetry
from latticework.inference.scan_calibration import disk
from latticework.simulation.structure_factors import fourier_coefficients, reciprocal_vectors

REACH = 1.6  # 1/Å: rings farther out are faint
ANGLES = 180
STEP = 0.5  # px along a radius
CLEAR = 4.0  # radii of the direct beam: nearer to it, its tail is all that is seen
BROAD = 7.0  # px: what changes more slowly along a radius is no ring
LIKELY = 0.75  # correlation of the measured with the expected profile
SCALES = 400


@dataclass(frozen=True)
class Rings:
    """What the rings of a known powder say of a camera.

    sampling: 1/Å a pixel, the geometric mean over all directions; ratio: of the longest to the
    shortest diameter of what should be a circle; angle: of the longest from x towards y, rad;
    centre (x, y) in px; alike: correlation of the rings with those expected.
    """

    sampling: float
    ratio: float
    angle: float
    centre: tuple[float, float]
    alike: float

    @property
    def said(self) -> str:
        """What was found, as a line of text."""
        return (
            f"rings: pixel {self.sampling:.5f} 1/Å, longest diameter {self.ratio:.4f} times the "
            f"shortest, {np.degrees(self.angle):+.0f} degrees from x towards y (correlation with "
            f"the expected rings {self.alike:.2f})"
        )


def round_again(ratio: float, angle: float) -> np.ndarray:
    """Matrix (2, 2) that turns vectors (x, y) of an elliptic camera, as rows, into a round one's.

    `ratio` and `angle` as in `Rings`; the area is kept.
    """
    c, s = np.cos(angle), np.sin(angle)
    axes = np.array([[c, s], [-s, c]])
    return axes.T @ np.diag([ratio**-0.5, ratio**0.5]) @ axes


def powder_rings(atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Radii (n,) in 1/Å and strengths (n,) of a powder's rings, kinematic, of a crystal's cell.

    A ring's strength at a point is that of its reflections over its length.
    """
    indices = reciprocal_vectors(atoms.cell[:], REACH)
    indices = indices[np.any(indices != 0, axis=1)]
    length = np.linalg.norm(indices @ np.linalg.inv(atoms.cell[:]).T, axis=1)
    power = np.abs(fourier_coefficients(atoms, indices)) ** 2 / length
    radii, number = np.unique(length.round(5), return_inverse=True)
    strength = np.bincount(number, power)
    seen = strength > 1e-3 * strength.max()
    return radii[seen], strength[seen] / strength.max()


def fit_rings(pattern: np.ndarray, atoms: Atoms) -> Rings:
    """Fit the rings of a powder whose crystal is known to a pattern (ky, kx).

    The centre and the ellipse are those about which all directions see the same: the variance over
    directions of what changes along a radius is least. The pixel is the one at which the mean over
    directions is most like the rings that are expected, each as wide as the direct beam. Raises
    PictureError where the rings are not those of the crystal.
    """
    counts = np.clip(np.nan_to_num(pattern), 0, None)
    # Where nothing was recorded, a logarithm would be all that decides.
    level = np.log(np.maximum(counts, 0.1 * np.median(counts) + 1e-12))
    _, beam = disk(pattern, "the pattern of rings, for its direct beam")
    start = np.array(centre_of_symmetry(pattern))
    reach = min(*start, *(np.array(pattern.shape)[::-1] - 1 - start))
    radius = np.arange(CLEAR * beam, reach - 2, STEP)
    if len(radius) < 40:
        raise PictureError(f"rings: only {reach:.0f} px from the direct beam to the border")

    def seen(place: np.ndarray) -> np.ndarray:
        return _without_background(_polar(level, place[:2], place[2:], radius))

    place = _least(lambda p: float(seen(p).var(axis=1).sum()), np.array([*start, 0.0, 0.0]))
    profile = seen(place).mean(axis=1)
    lines, strength = powder_rings(atoms)

    def alike(sampling: float) -> float:
        return float(np.corrcoef(profile, _expected(lines, strength, radius, sampling, beam))[0, 1])

    # From the first ring at the border to ten rings between the beam and the border.
    tenth = lines[min(9, len(lines) - 1)]
    samplings = np.geomspace(lines[0] / radius[-1], tenth / radius[0], SCALES)
    best = int(np.nanargmax([alike(s) for s in samplings]))
    bounds = samplings[max(0, best - 1)], samplings[min(SCALES - 1, best + 1)]
    sampling = float(minimize_scalar(lambda s: -alike(s), bounds=bounds, method="bounded").x)
    likeness = alike(sampling)
    if not likeness > LIKELY:
        raise PictureError(
            f"rings: they are not those of {atoms.get_chemical_formula(mode='metal')} at any pixel "
            f"size (correlation {likeness:.2f})"
        )
    size = float(np.hypot(*place[2:]))
    angle = 0.5 * float(np.arctan2(place[3], place[2]))
    centre = (float(place[0]), float(place[1]))
    return Rings(sampling, float(np.exp(2 * size)), angle, centre, likeness)


def _polar(
    level: np.ndarray, centre: np.ndarray, ellipse: np.ndarray, radius: np.ndarray
) -> np.ndarray:
    """A pattern along ellipses (radius, angle): `ellipse` is the logarithm of the stretch."""
    size = float(np.hypot(*ellipse))
    turn = 0.5 * float(np.arctan2(ellipse[1], ellipse[0]))
    theta = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)
    along = np.exp(size) * np.cos(theta - turn)
    across = np.exp(-size) * np.sin(theta - turn)
    x = np.cos(turn) * along - np.sin(turn) * across
    y = np.sin(turn) * along + np.cos(turn) * across
    rows = centre[1] + radius[:, None] * y
    columns = centre[0] + radius[:, None] * x
    return ndimage.map_coordinates(level, [rows, columns], order=1, mode="nearest")


def _without_background(profile: np.ndarray) -> np.ndarray:
    """A profile along a radius, the first axis, less what changes slowly."""
    return profile - ndimage.gaussian_filter1d(profile, BROAD / STEP, axis=0)


def _expected(
    lines: np.ndarray, strength: np.ndarray, radius: np.ndarray, sampling: float, beam: float
) -> np.ndarray:
    """The profile of rings with a pixel, each as wide as a direct beam of a radius in px."""
    # A disk's standard deviation along one axis is half of its radius.
    rings = np.exp(-0.5 * ((radius[:, None] - lines / sampling) / (0.5 * beam)) ** 2)
    return _without_background(rings @ np.sqrt(strength))


def _least(score: Callable[[np.ndarray], float], start: np.ndarray) -> np.ndarray:
    """Where a score is least, from a start: centre x and y (px), then numbers near zero."""
    size = np.array([1.0, 1.0, 0.015, 0.015])
    simplex = np.vstack([start, start + np.diag(size)])
    options = {"initial_simplex": simplex, "xatol": 1e-4, "fatol": 1e-9, "maxiter": 400}
    return minimize(score, start, method="Nelder-Mead", options=options).x
