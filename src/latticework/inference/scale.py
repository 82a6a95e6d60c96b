"""The pixel size of an image, measured on its own lattice.

Nominal pixel sizes are often several per cent wrong, and some are 10 to 16 % off. A crystal in the
image is a better ruler: the spacing of its first-order reflections is known.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from latticework.inference.spectrum import (
    ANGULAR_SLACK,
    ANGULAR_STEP,
    RADIAL_SLACK,
    RADIAL_STEP,
    background_ratio,
    locate,
    polar_maximum,
    power_spectrum,
)

# Nearer to the centre than this many bins a spectrum holds the window, gradients, contamination.
SMALLEST_RADIUS = 10
# The power of a reflection over its background: the geometric mean of a set, and its weakest.
# Noise of any colour and amorphous matter stay below 6.5 (the search is wide, so it is not 1);
# real images of two-dimensional crystals have 30 to 4000, and their weakest reflection 17.
SIGNIFICANT, WEAKEST = 10.0, 5.0
# A hexagon of another crystal's reflections is not regular: relative misfit to an ellipse, and
# relative difference of the ellipse's axes, that a strained or tilted sheet does not reach.
LARGEST_MISFIT, LARGEST_ANISOTROPY = 0.02, 0.08
SAMPLING_RANGE = (0.02, 0.8)  # Å/px, where to search
TOLERANCE = 0.03  # of two pixel sizes that agree, relative


class ScaleError(ValueError):
    """No pixel size is known for an image."""


@dataclass(frozen=True)
class LatticeScale:
    """What the reflections of a lattice say about an image's scale.

    Parameters
    ----------
    sampling
        Å/px.
    confidence
        Power over background, the geometric mean of the best grain's first-order reflections.
    peaks
        (grains · symmetry/2, 2), first-order reflections x, y in cycles/px, one of each Friedel
        pair, grain after grain.
    grains
        Number of orientations found.
    anisotropy
        (longest − shortest)/mean axis of the ellipse on which the reflections lie, 0 for a
        perfect lattice; strain, tilt and a camera's distortion look alike here.
    """

    sampling: float
    confidence: float
    peaks: np.ndarray
    grains: int
    anisotropy: float


def lattice_sampling(image: np.ndarray, spacing: float, symmetry: int) -> LatticeScale | None:
    """Pixel size from the first-order reflections of a lattice, or None where there is no lattice.

    The power spectrum is divided by its background, and every radius and angle is scored by the
    geometric mean of the `symmetry`/2 reflections that a regular set would have there. The first
    order is told from the second by looking for a set that is 2·cos(π/symmetry) times smaller
    (√3 for a hexagonal lattice) and turned by π/symmetry. A set has to be regular: an ellipse is
    fitted, and another crystal's zone axis or fringes of one direction are refused.

    Parameters
    ----------
    image
        (ny, nx) or (frames, ny, nx), any intensity scale, finite.
    spacing
        Of the first-order planes, Å.
    symmetry
        Number of first-order reflections: 6 or 4.
    """
    power = background_ratio(power_spectrum(image))
    if power is None:
        return None
    size = len(power)
    lowest = max(SMALLEST_RADIUS, size * SAMPLING_RANGE[0] / spacing)
    highest = size * min(0.48, SAMPLING_RANGE[1] / spacing)
    if highest < 1.1 * lowest:
        return None
    radii = lowest * np.exp(np.arange(0, np.log(highest / lowest), RADIAL_STEP))
    score = _set_scores(power, radii, symmetry)
    first = next(_sets(power, radii, score, symmetry), None)
    if first is None:
        return None

    ratio, turn = 2 * np.cos(np.pi / symmetry), np.pi / symmetry
    width = np.deg2rad(2 * ANGULAR_SLACK)
    inside = _near(radii, first.radius / ratio, score, first.angle + turn, width, symmetry)
    first = next(_sets(power, radii, np.where(inside, score, 0), symmetry), first)

    ring = np.abs(np.log(radii / first.radius)) < 2 * RADIAL_SLACK
    grains = list(_sets(power, radii, np.where(ring[:, None], score, 0), symmetry)) or [first]
    # F maps a regular set to the measured one; F·Fᵀ is free of the grain's orientation. A small
    # grain's blunt reflections count for less.
    squared_maps = [g.map @ g.map.T for g in grains]
    weights = [g.confidence for g in grains]
    squared_axes = np.linalg.eigvalsh(np.average(squared_maps, axis=0, weights=weights))
    shortest, longest = np.sqrt(squared_axes) / size
    return LatticeScale(
        sampling=float(spacing * np.sqrt(shortest * longest)),
        confidence=float(max(g.confidence for g in grains)),
        peaks=np.concatenate([g.peaks for g in grains]) / size,
        grains=len(grains),
        anisotropy=float(2 * (longest - shortest) / (longest + shortest)),
    )


def choose_sampling(
    lattice: LatticeScale | float | None,
    metadata: float | None,
    user: float | None,
) -> tuple[float, str, list[str]]:
    """The pixel size to use, Å/px, where it comes from, and warnings.

    The user's value takes precedence over the lattice's, and that over the file's metadata. Two
    that differ by more than 3 % give a warning that names all three. The source is "user",
    "lattice" or "metadata".

    Raises ScaleError if there is none, or if the user's or the metadata's is not positive.
    """
    lattice = getattr(lattice, "sampling", lattice)
    known = {
        name: value
        for name, value in (("user", user), ("lattice", lattice), ("metadata", metadata))
        if value is not None
    }
    if not known:
        raise ScaleError(
            "the pixel size is unknown: the image shows no lattice to measure it by and its "
            "file names none; give it in ångström with --pixel-size 0.12, say, or as "
            "pixel_size_angstrom in the workflow's list of datasets"
        )
    for name, value in known.items():
        if not (np.isfinite(value) and value > 0):
            raise ScaleError(f"the pixel size by the {name} is {value} Å; it has to be positive")
    source = next(iter(known))
    warnings = []
    if max(known.values()) > (1 + TOLERANCE) * min(known.values()):
        said = ", ".join(
            f"{name} {known[name]:.4f} Å" if name in known else f"{name} unknown"
            for name in ("lattice", "metadata", "user")
        )
        warnings.append(
            f"pixel sizes disagree by more than {TOLERANCE:.0%}: {said}; the {source}'s is used"
        )
    return known[source], source, warnings


@dataclass(frozen=True)
class _ReflectionSet:
    """One grain's first-order reflections: radius in bins, angle of the first in radians,
    peaks (symmetry/2, 2) in bins from the centre, and the map (2, 2) from a regular set to it."""

    radius: float
    angle: float
    confidence: float
    peaks: np.ndarray
    map: np.ndarray


def _set_scores(power: np.ndarray, radii: np.ndarray, symmetry: int) -> np.ndarray:
    """Geometric mean over a set's reflections, (radii, angles of one sector)."""
    logs = np.log(polar_maximum(power, radii))
    return np.exp(logs.reshape(len(radii), symmetry // 2, -1).mean(axis=1))


def _turned(angle: np.ndarray | float, from_angle: float, symmetry: int) -> np.ndarray | float:
    """Absolute difference of two angles of a set, 0 to π/symmetry."""
    sector = 2 * np.pi / symmetry
    return np.abs((angle - from_angle + sector / 2) % sector - sector / 2)


def _near(
    radii: np.ndarray, radius: float, score: np.ndarray, angle: float, width: float, symmetry: int
) -> np.ndarray:
    """Mask of the scores within twice the slack of a radius, and within a width of an angle."""
    angles = np.deg2rad(ANGULAR_STEP) * np.arange(score.shape[1])
    close = np.abs(np.log(radii / radius)) < 2 * RADIAL_SLACK
    return close[:, None] & (_turned(angles, angle, symmetry) < width)


def _sets(
    power: np.ndarray, radii: np.ndarray, score: np.ndarray, symmetry: int
) -> Iterator[_ReflectionSet]:
    """Regular, significant sets, the best score first; an irregular one is passed over."""
    score = score.copy()
    angles_found = []
    # Twelve tries: a boundary has two orientations, and a few irregular sets may come before.
    for _ in range(12):
        best = np.unravel_index(score.argmax(), score.shape)
        if score[best] < SIGNIFICANT:
            return
        radius, angle = _plateau_centre(score, best, radii)
        # A reflection's flanks, three bins of them, are no other grain.
        width = np.deg2rad(2 * ANGULAR_SLACK) + 3 / radius
        found = _fit_set(power, radius, angle, symmetry)
        if found is not None and all(
            _turned(found.angle, known, symmetry) > width for known in angles_found
        ):
            angles_found.append(found.angle)
            score[_near(radii, found.radius, score, found.angle, width, symmetry)] = 0
            yield found
        score[_near(radii, radius, score, angle, width / 2, symmetry)] = 0


def _plateau_centre(
    score: np.ndarray, best: tuple[int, int], radii: np.ndarray
) -> tuple[float, float]:
    """Radius and angle of the middle of the plateau that the slack makes of each maximum."""
    sector = score.shape[1]
    rows, columns = np.nonzero(score >= score[best] * (1 - 1e-9))
    # Angles wrap round; those of one plateau lie within half a sector of the maximum.
    shift = (columns - best[1] + sector // 2) % sector - sector // 2
    log_radius = np.log(radii)[rows].mean()
    return np.exp(log_radius), np.deg2rad(ANGULAR_STEP) * (best[1] + shift.mean())


def _fit_set(
    power: np.ndarray, radius: float, angle: float, symmetry: int
) -> _ReflectionSet | None:
    """The set at a radius in bins and an angle, or None where it is weak or irregular."""
    turns = angle + 2 * np.pi / symmetry * np.arange(symmetry // 2)
    regular = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    peaks, heights = zip(*(locate(power, radius * g) for g in regular), strict=True)
    if min(heights) < WEAKEST or (confidence := np.exp(np.mean(np.log(heights)))) < SIGNIFICANT:
        return None
    measured = np.array(peaks)
    linear = np.linalg.lstsq(regular, measured, rcond=None)[0].T
    axes = np.linalg.svd(linear, compute_uv=False)
    misfit = np.sqrt(np.mean(np.sum((measured - regular @ linear.T) ** 2, axis=1)))
    mean_axis = np.sqrt(axes[0] * axes[1])
    if misfit > LARGEST_MISFIT * mean_axis or np.ptp(axes) > LARGEST_ANISOTROPY * mean_axis:
        return None
    rotation = np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1])
    return _ReflectionSet(mean_axis, angle + rotation, confidence, measured, linear)
