"""Where the direct beam is in diffraction patterns for which there is no vacuum probe.

The brightest disk often is it, but not in a thick or tilted crystal, and not behind a beam stop.
Patterns have another mark of it: they are nearly the same about it after half a turn, in their
reflections (Friedel's law, for the most part) and in the diffuse background.
"""

from dataclasses import dataclass

import numpy as np

from latticework.datasets.read import PictureError

# A disk this many times as bright as any other is the direct beam, whatever the symmetry.
FAR_BRIGHTEST = 3.0
# The direct beam is looked for in this middle part of the detector.
MIDDLE = 0.6


@dataclass(frozen=True)
class DirectBeam:
    """Place (x, y) of the direct beam in px, and a line on what is doubtful about it, or ""."""

    place: tuple[float, float]
    warning: str


def direct_beam(pattern: np.ndarray, brightest: tuple[float, float], radius: float) -> DirectBeam:
    """The direct beam of a mean pattern (ky, kx).

    Parameters
    ----------
    pattern
        Mean of some patterns, any intensity scale.
    brightest, radius
        Middle (x, y) of its brightest disk, and the radius of the disks, px.
    """
    symmetric = centre_of_symmetry(pattern)
    away = np.hypot(symmetric[0] - brightest[0], symmetric[1] - brightest[1])
    if away <= 1.5 * radius:
        return DirectBeam(brightest, "")
    if _mean_inside(pattern, brightest, radius) > FAR_BRIGHTEST * _next_brightest(
        pattern, brightest, radius
    ):
        return DirectBeam(brightest, "")
    place, seen = _refined(pattern, symmetric, radius)
    if not seen and not _dark(pattern, place, radius):
        return DirectBeam(
            brightest,
            f"the direct beam is taken to be the brightest disk, x = {brightest[0]:.1f}, y = "
            f"{brightest[1]:.1f} px, about which the pattern is not symmetric; --origin X Y says "
            "where it is",
        )
    why = "which is not the brightest disk" if seen else "where no disk is, behind a beam stop say"
    return DirectBeam(
        place,
        f"the direct beam is taken to be in the centre of symmetry, x = {place[0]:.1f}, "
        f"y = {place[1]:.1f} px, {why}; --origin X Y says where it is",
    )


def centre_of_symmetry(pattern: np.ndarray) -> tuple[float, float]:
    """Point (x, y) in px about which a pattern (ky, kx) is most alike after half a turn.

    The pattern, on a logarithmic scale so that no disk decides alone, is convolved with itself; the
    largest value lies at twice the centre.
    """
    floor = max(float(np.median(pattern[pattern > 0])) if (pattern > 0).any() else 1.0, 1e-30)
    level = np.log1p(np.maximum(pattern, 0) / floor)
    level = level - level.mean()
    shape = [2 * n for n in level.shape]
    alike = np.fft.irfft2(np.fft.rfft2(level, shape) ** 2, shape)
    # Where halves hardly overlap, little is alike by chance: no division by the overlap.
    rows, columns = (slice(int((1 - MIDDLE) * n), int((1 + MIDDLE) * n)) for n in level.shape)
    window = alike[rows, columns]
    y, x = np.unravel_index(window.argmax(), window.shape)
    return 0.5 * float(x + columns.start), 0.5 * float(y + rows.start)


def beam_warning(pattern: np.ndarray, place: tuple[float, float], radius: float) -> str:
    """A line where a mean pattern (ky, kx) has no disk where the direct beam should be, or ""."""
    inside = _distance(pattern.shape, place) <= max(radius, 1.0)
    around = _distance(pattern.shape, place)
    ring = (around > 1.5 * radius + 1) & (around <= 3 * radius + 3)
    if not inside.any() or not ring.any():
        return "the direct beam is outside of the detector"
    excess = pattern[inside].mean() - np.median(pattern[ring])
    noise = pattern[ring].std() / np.sqrt(inside.sum())
    if excess > 3 * noise:
        return ""
    return (
        f"no disk is where the direct beam should be, x = {place[0]:.1f}, y = {place[1]:.1f} px: "
        "noise, a beam stop, or another origin (--origin X Y)"
    )


def check_origin(origin: tuple[float, float], shape: tuple[int, int]) -> None:
    """Raise PictureError for an origin (x, y) in px outside of patterns (ky, kx) of a shape."""
    if not (0 <= origin[0] <= shape[1] - 1 and 0 <= origin[1] <= shape[0] - 1):
        raise PictureError(
            f"--origin {origin[0]:g} {origin[1]:g}: is outside of the patterns of {shape[1]} × "
            f"{shape[0]} px"
        )


def _distance(shape: tuple[int, int], place: tuple[float, float]) -> np.ndarray:
    y, x = np.indices(shape)
    return np.hypot(x - place[0], y - place[1])


def _dark(pattern: np.ndarray, place: tuple[float, float], radius: float) -> bool:
    """Whether a place is far darker than the background around it, as a beam stop is."""
    around = _distance(pattern.shape, place)
    ring = (around > 3 * radius) & (around <= 6 * radius + 3)
    return _mean_inside(pattern, place, radius) < 0.3 * float(np.median(pattern[ring]))


def _mean_inside(pattern: np.ndarray, place: tuple[float, float], radius: float) -> float:
    return float(pattern[_distance(pattern.shape, place) <= radius].mean())


def _next_brightest(pattern: np.ndarray, brightest: tuple[float, float], radius: float) -> float:
    """Mean over the brightest disk that is not the given one."""
    rest = np.where(_distance(pattern.shape, brightest) <= 2.5 * radius, 0, pattern)
    size = max(3, round(2 * radius))
    blurred = rest
    for axis in (0, 1):
        kernel = np.ones(size) / size
        blurred = np.apply_along_axis(np.convolve, axis, blurred, kernel, mode="same")
    return float(blurred.max())


def _refined(
    pattern: np.ndarray, place: tuple[float, float], radius: float
) -> tuple[tuple[float, float], bool]:
    """The middle of the disk at a place, and whether there is one."""
    if beam_warning(pattern, place, radius):
        return place, False
    x, y = place
    columns, rows = np.indices(pattern.shape)[::-1]
    for _ in range(5):
        near = np.hypot(columns - x, rows - y) <= 1.5 * radius
        weight = np.where(near, pattern - np.percentile(pattern[near], 20), 0).clip(0)
        x = float((weight * columns).sum() / weight.sum())
        y = float((weight * rows).sum() / weight.sum())
    return (x, y), True
