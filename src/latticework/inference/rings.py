"""Pixel and elliptic distortion of a diffraction camera, from the rings of a known powder."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from scipy import ndimage
from scipy.optimize import minimize

from latticework.datasets.read import PictureError
from latticework.inference.direct_beam import centre_of_symmetry
from latticework.inference.scan_calibration import disk
from latticework.simulation.structure_factors import fourier_coefficients, reciprocal_vectors

REACH = 1.6  # 1/Å: rings farther out are faint
ANGLES = 180
STEP = 0.5  # px along a radius
CLEAR = 4.0  # radii of the direct beam: nearer to it, its tail is all that is seen
BROAD = 7.0  # px: what changes more slowly along a radius is no ring
LIKELY = 0.6  # correlation of the measured with the expected profile
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

    The pixel, the centre and the ellipse are those with which the mean along ellipses is most like
    the rings that are expected, each as wide as the direct beam: it is least smeared where the
    ellipse is right. Raises PictureError where the rings are not those of the crystal.
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

    def profile(place: np.ndarray) -> np.ndarray:
        return _without_background(_profile(level, place[:2], place[2:4], radius))

    lines, strength = powder_rings(atoms)

    def alike(place: np.ndarray, sampling: float) -> float:
        expected = _expected(lines, strength, radius, sampling, beam)
        return float(np.corrcoef(profile(place), expected)[0, 1])

    # From the first ring at the border to ten rings between the beam and the border.
    samplings = np.geomspace(
        lines[0] / radius[-1], lines[min(9, len(lines) - 1)] / radius[0], SCALES
    )
    plain = np.array([*start, 0.0, 0.0])
    best = samplings[int(np.nanargmax([alike(plain, s) for s in samplings]))]
    together = _maximised(lambda p: alike(p[:4], best * np.exp(p[4])), np.array([*plain, 0.0]))
    sampling = float(best * np.exp(together[4]))
    likeness = alike(together[:4], sampling)
    if not likeness > LIKELY:
        raise PictureError(
            f"rings: they are not those of {atoms.get_chemical_formula(mode='metal')} at any pixel "
            f"size (correlation {likeness:.2f})"
        )
    size = float(np.hypot(*together[2:4]))
    angle = 0.5 * float(np.arctan2(together[3], together[2]))
    return Rings(
        sampling, float(np.exp(2 * size)), angle, tuple(map(float, together[:2])), likeness
    )


def _profile(
    level: np.ndarray, centre: np.ndarray, ellipse: np.ndarray, radius: np.ndarray
) -> np.ndarray:
    """Mean along ellipses of a size (n,): `ellipse` is the logarithm of the stretch, 2 numbers."""
    size = float(np.hypot(*ellipse))
    turn = 0.5 * float(np.arctan2(ellipse[1], ellipse[0]))
    theta = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)
    along = np.exp(size) * np.cos(theta - turn)
    across = np.exp(-size) * np.sin(theta - turn)
    x = np.cos(turn) * along - np.sin(turn) * across
    y = np.sin(turn) * along + np.cos(turn) * across
    rows = centre[1] + radius[:, None] * y
    columns = centre[0] + radius[:, None] * x
    return ndimage.map_coordinates(level, [rows, columns], order=1, mode="nearest").mean(axis=1)


def _without_background(profile: np.ndarray) -> np.ndarray:
    """A profile along a radius less what changes slowly."""
    return profile - ndimage.gaussian_filter1d(profile, BROAD / STEP)


def _expected(
    lines: np.ndarray, strength: np.ndarray, radius: np.ndarray, sampling: float, beam: float
) -> np.ndarray:
    """The profile of rings with a pixel, each as wide as a direct beam of a radius in px."""
    # A disk's standard deviation along one axis is half of its radius.
    rings = np.exp(-0.5 * ((radius[:, None] - lines / sampling) / (0.5 * beam)) ** 2)
    return _without_background(rings @ np.sqrt(strength))


def _maximised(score: Callable[[np.ndarray], float], start: np.ndarray) -> np.ndarray:
    """Where a score is largest, from a start: centre x and y (px), then numbers near zero."""
    size = np.array([1.0] * 2 + [0.015] * (len(start) - 2))
    simplex = np.vstack([start, start + np.diag(size)])
    options = {"initial_simplex": simplex, "xatol": 1e-4, "fatol": 1e-7, "maxiter": 600}
    return minimize(lambda p: -score(p), start, method="Nelder-Mead", options=options).x
