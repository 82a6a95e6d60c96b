"""The pixel size of a picture, read off its own lattice, and resampling to another pixel size.

Nominal pixel sizes are often several per cent wrong, and some are 10 to 16 %. A crystal in the
picture is a better ruler: the first-order reflections of graphene stand at 1/2.13 1/Å.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse
from scipy.signal.windows import hann

# Graphene: a = 2.46 Å, so d(10-10) = a·√3/2 = 2.13 Å and the second order d(11-20) = a/2.
GRAPHENE_SPACING = 2.13
# A larger picture is read as overlapping windows, and a movie as a few frames; their power adds.
LARGEST_WINDOW, MOST_FRAMES = 1024, 8
# Nearer to the centre than this many bins a spectrum holds the window, gradients, contamination.
SMALLEST_RADIUS = 10
# The power of a reflection over its background: the geometric mean of a hexagon, and its weakest.
# Noise of any colour and amorphous matter stay below 6.5 (the search is wide, so it is not 1);
# the graphene pictures that this was tried on have 30 to 4000, their weakest reflection 17.
SIGNIFICANT, WEAKEST = 10.0, 5.0
# A hexagon of another crystal's reflections is not regular: relative misfit to an ellipse, and
# relative difference of the ellipse's axes, that a strained or tilted sheet does not reach.
LARGEST_MISFIT, LARGEST_ANISOTROPY = 0.02, 0.08
# Steps of the log-polar search: relative radius, degrees; and how far a reflection may stray.
RADIAL_STEP, ANGULAR_STEP = 0.005, 0.5
RADIAL_SLACK, ANGULAR_SLACK = 0.03, 1.5


class ScaleError(ValueError):
    """No pixel size can be had for a picture."""


@dataclass(frozen=True)
class LatticeScale:
    """What the reflections of a lattice say about a picture's scale.

    sampling: Å/px. confidence: power over background, the geometric mean of the best grain's
    first-order reflections. peaks: (grains · symmetry/2, 2), first-order reflections x, y in
    cycles/px, one of each Friedel pair, grain after grain. grains: orientations found.
    anisotropy: (longest − shortest)/mean axis of the ellipse on which the reflections lie, 0 for
    a perfect lattice; strain, tilt and a camera's distortion look alike here.
    """

    sampling: float
    confidence: float
    peaks: np.ndarray
    grains: int
    anisotropy: float


def lattice_sampling(
    image: np.ndarray,
    spacing_angstrom: float = GRAPHENE_SPACING,
    symmetry: int = 6,
    sampling_range: tuple[float, float] = (0.02, 0.8),
) -> LatticeScale | None:
    """Pixel size from the first-order reflections of a lattice, or None where there is no lattice.

    The power spectrum is divided by its background, and every radius and angle is scored by the
    geometric mean of the `symmetry`/2 reflections that a regular set would have there. The first
    order is told from the second by looking for a set that is 2·cos(π/symmetry) times smaller
    (√3 for a hexagonal lattice) and turned by π/symmetry. A set has to be regular: an ellipse is
    fitted, and another crystal's zone axis or fringes of one direction are refused.

    image: (ny, nx) or (frames, ny, nx), any intensity scale, finite. spacing_angstrom: the
    first-order plane spacing. symmetry: 6 or 4. sampling_range: Å/px, where to search.
    """
    power = background_ratio(power_spectrum(image))
    if power is None:
        return None
    size = len(power)
    lowest = max(SMALLEST_RADIUS, size * sampling_range[0] / spacing_angstrom)
    highest = size * min(0.48, sampling_range[1] / spacing_angstrom)
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
        sampling=float(spacing_angstrom * np.sqrt(shortest * longest)),
        confidence=float(max(g.confidence for g in grains)),
        peaks=np.concatenate([g.peaks for g in grains]) / size,
        grains=len(grains),
        anisotropy=float(2 * (longest - shortest) / (longest + shortest)),
    )


def power_spectrum(image: np.ndarray) -> np.ndarray:
    """Power spectrum (n, n) of a picture or movie, zero frequency at n//2, one bin = 1/n cycles/px.

    The slow background is taken off and the local contrast made even first, so that contamination
    in half of the picture does not drown the lattice in the other half.
    """
    frames = np.atleast_3d(np.asarray(image, dtype=float).T).T
    chosen = np.unique(np.linspace(0, len(frames) - 1, MOST_FRAMES).round().astype(int))
    size = min(LARGEST_WINDOW, max(frames.shape[1:]))
    power = np.zeros((size, size))
    for frame in frames[chosen]:
        flat = _even_contrast(frame, size / 32)
        for y in _window_starts(frame.shape[0], size):
            for x in _window_starts(frame.shape[1], size):
                part = flat[y : y + size, x : x + size]
                taper = np.outer(*(hann(n, sym=False) for n in part.shape))
                power += np.abs(np.fft.fft2(part * taper, (size, size))) ** 2
    return np.fft.fftshift(power)


def background_ratio(power: np.ndarray) -> np.ndarray | None:
    """A power spectrum (n, n) over its background: the larger of ring median and local median.

    The ring's median follows the transfer function; the local one rises with broad diffuse
    streaks, so that only narrow reflections stand out. None for a spectrum without power.
    """
    if not power.any():
        return None
    smooth = ndimage.gaussian_filter(power, 0.7, mode="wrap")
    bins = np.arange(len(power)) - len(power) // 2
    ring = np.rint(np.hypot(bins[:, None], bins)).astype(int)
    ring_median = ndimage.median(smooth, ring, np.arange(ring.max() + 1))
    # Every second bin is enough for a median over 17 bins, at a sixteenth of the cost.
    local = ndimage.median_filter(smooth[::2, ::2], 9, mode="wrap")
    local = local.repeat(2, axis=0).repeat(2, axis=1)[: len(power), : len(power)]
    background = np.maximum(ndimage.maximum_filter1d(ring_median, 5)[ring], local)
    return smooth / np.maximum(background, np.finfo(float).tiny)


def choose_sampling(
    lattice: LatticeScale | float | None,
    metadata: float | None,
    user: float | None,
    tolerance: float = 0.03,
) -> tuple[float, str, list[str]]:
    """The pixel size to use, Å/px, where it comes from, and warnings.

    The user's word counts first, then the lattice's, then the file's metadata. Two that differ by
    more than `tolerance` (relative) give a warning that names all three. Returns (sampling,
    source, warnings) with source one of "user", "lattice", "metadata".

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
            "the pixel size is unknown: the picture shows no lattice to measure it by and its "
            "file names none; give it in ångström with --pixel-size 0.12, say, or as "
            "pixel_size_angstrom in the workflow's list of datasets"
        )
    for name, value in known.items():
        if not (np.isfinite(value) and value > 0):
            raise ScaleError(f"the pixel size by the {name} is {value} Å; it has to be positive")
    source = next(iter(known))
    warnings = []
    if max(known.values()) > (1 + tolerance) * min(known.values()):
        said = ", ".join(
            f"{name} {known[name]:.4f} Å" if name in known else f"{name} unknown"
            for name in ("lattice", "metadata", "user")
        )
        warnings.append(
            f"pixel sizes disagree by more than {tolerance:.0%}: {said}; the {source}'s is used"
        )
    return known[source], source, warnings


def resample(image: np.ndarray, sampling: float, target: float) -> np.ndarray:
    """A picture on a grid of another pixel size, anti-aliased.

    Convention: the centre of pixel 0 is at 0 Å and that of pixel i at i·sampling, before and
    after, so a position in Å stays what it was and `to_source_px` is a plain factor.

    image: (..., ny, nx); sampling, target: Å/px. Returns float32 (..., my, mx) with as many
    pixels as have their centres inside the source's outermost centres. Each axis is interpolated
    by a sinc under a Kaiser window of 8 zero crossings, its cutoff at the coarser of the two
    Nyquist frequencies. The picture is mirrored at its borders, and the kernel is local: nothing
    wraps round.
    """
    if not (sampling > 0 and target > 0):
        raise ValueError(f"pixel sizes have to be positive, got {sampling} and {target} Å")
    image = np.asarray(image, dtype=np.float32)
    if np.isclose(sampling, target, rtol=1e-6):
        return image
    rows, columns = (_interpolation(n, target / sampling) for n in image.shape[-2:])
    planes = image.reshape(-1, *image.shape[-2:])
    resampled = np.stack([(columns @ (rows @ plane).T).T for plane in planes])
    return resampled.reshape(*image.shape[:-2], *resampled.shape[-2:]).astype(np.float32)


def to_source_px(positions: np.ndarray, sampling: float, target: float) -> np.ndarray:
    """Positions in pixels of a picture resampled to `target`, in pixels of the source picture."""
    return np.asarray(positions) * (target / sampling)


@dataclass(frozen=True)
class _ReflectionSet:
    """One grain's first-order reflections: radius in bins, angle of the first in radians,
    peaks (symmetry/2, 2) in bins from the centre, and the map (2, 2) from a regular set to it."""

    radius: float
    angle: float
    confidence: float
    peaks: np.ndarray
    map: np.ndarray


def _even_contrast(frame: np.ndarray, sigma: float) -> np.ndarray:
    if np.ptp(frame) <= 1e-6 * np.abs(frame).max():
        # A constant frame: what is left of it would be rounding.
        return np.zeros_like(frame)
    flat = frame - _blur(frame, sigma)
    contrast = np.sqrt(np.maximum(_blur(flat**2, 2 * sigma), 0))
    # Vacuum without noise has no contrast to make even: keep it from being blown up.
    return flat / np.maximum(contrast, 1e-3 * flat.std())


def _blur(frame: np.ndarray, sigma: float) -> np.ndarray:
    """Nearly Gaussian: two boxes, whose cost does not grow with sigma."""
    width = 2 * round(sigma * np.sqrt(6) / 2) + 1
    return ndimage.uniform_filter(ndimage.uniform_filter(frame, width), width)


def _window_starts(length: int, window: int) -> np.ndarray:
    """Starts of windows that cover a length and overlap by half or more."""
    count = int(np.ceil(2 * max(length - window, 0) / window)) + 1
    return np.linspace(0, max(length - window, 0), count).astype(int)


def polar_maximum(power: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Power (radii, angles over half a turn) at radii in bins, the largest within the slack."""
    angles = np.deg2rad(np.arange(0, 180, ANGULAR_STEP))
    centre = len(power) // 2
    rows = np.rint(centre + radii[:, None] * np.sin(angles)).astype(int)
    columns = np.rint(centre + radii[:, None] * np.cos(angles)).astype(int)
    polar = ndimage.maximum_filter(power, 3)[rows, columns]
    slack = (2 * round(RADIAL_SLACK / RADIAL_STEP) + 1, 2 * round(ANGULAR_SLACK / ANGULAR_STEP) + 1)
    polar = ndimage.maximum_filter(polar, slack, mode=("nearest", "wrap"))
    return np.maximum(polar, np.finfo(float).tiny)


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


def locate(power: np.ndarray, expected: np.ndarray) -> tuple[np.ndarray, float]:
    """Sub-pixel x, y (bins from the centre) and height of the highest peak near the expected."""
    centre = len(power) // 2
    bins = np.arange(len(power)) - centre
    reach = 2 + RADIAL_SLACK * np.hypot(*expected)
    distance = np.hypot(bins[:, None] - expected[1], bins - expected[0])
    row, column = np.unravel_index(np.where(distance <= reach, power, 0).argmax(), power.shape)
    height = power[row, column]
    peak = np.array([column - centre, row - centre], dtype=float)
    # A centroid serves sharp and strained reflections alike; three rounds centre its aperture.
    for _ in range(3):
        weight = np.where(np.hypot(bins[:, None] - peak[1], bins - peak[0]) <= 3, power - 1, 0)
        weight = np.maximum(weight, 0)
        if not weight.any():
            break
        peak = np.array([weight.sum(0) @ bins, weight.sum(1) @ bins]) / weight.sum()
    return peak, float(height)


def _interpolation(length: int, step: float, crossings: int = 8) -> sparse.csr_array:
    """Matrix (outputs, length) that reads a line of samples at 0, step, 2·step, …"""
    count = int(np.floor((length - 1) / step + 1e-9)) + 1
    positions = step * np.arange(count)
    width = max(1.0, step)
    reach = int(np.ceil(crossings * width))
    taps = np.floor(positions)[:, None].astype(int) + np.arange(-reach, reach + 2)
    offset = (taps - positions[:, None]) / width
    window = np.i0(8.0 * np.sqrt(np.clip(1 - (offset / crossings) ** 2, 0, None)))
    weights = np.where(np.abs(offset) <= crossings, np.sinc(offset) * window, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    # Mirror about the outermost pixels' centres, as often as a short line needs it.
    period = max(2 * (length - 1), 1)
    folded = np.abs((taps + length - 1) % period - (length - 1))
    rows = np.repeat(np.arange(count), taps.shape[1])
    return sparse.csr_array(
        (weights.ravel().astype(np.float32), (rows, folded.ravel())), shape=(count, length)
    )
