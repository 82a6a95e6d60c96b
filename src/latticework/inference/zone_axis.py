"""The pixel size of an image of a crystal along a zone axis, by the pattern of its reflections.

Along ⟨110⟩ an fcc metal shows two pairs of {111} reflections and a pair of {200}: no regular
polygon, so `scale.lattice_sampling` does not see it, and hardly anything else looks like it.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from latticework.inference.scale import (
    LARGEST_ANISOTROPY,
    LARGEST_MISFIT,
    SAMPLING_RANGE,
    SIGNIFICANT,
    SMALLEST_RADIUS,
    TOLERANCE,
    WEAKEST,
    LatticeScale,
)
from latticework.inference.spectrum import (
    ANGULAR_STEP,
    RADIAL_STEP,
    background_ratio,
    locate,
    polar_maximum,
    power_spectrum,
)
from latticework.inference.stretched import stretched_sampling
from latticework.materials import Material

# px: a smaller window shows too few planes to tell lattices apart.
SMALLEST_WINDOW = 192


def material_sampling(
    image: np.ndarray, material: Material, region: Sequence[int] | None = None
) -> LatticeScale | None:
    """Pixel size by the lattice of a material, or None where the image does not show it.

    Parameters
    ----------
    image
        As for `zone_axis_sampling`.
    material
        Its reflections are looked for.
    region
        x0, y0, x1, y1 in px, where to look; without it in the whole image.
    """
    return next(_scales(_cut(image, region), material), None)


def material_scales(
    image: np.ndarray, material: Material, region: Sequence[int] | None = None
) -> list[LatticeScale]:
    """Pixel sizes at which the image shows the lattice of a material, the whole image's first.

    There is more than one where another crystal has planes with the same angles. A smaller crystal
    beside another one shows best in a part of the image: those are looked at as well, and of parts
    that agree the clearest tells. The parameters are those of `material_sampling`.
    """
    found = _apart(_scales(_cut(image, region), material))
    if region is not None or material.reflections.spacing is not None:
        return found
    parts = [scale for part in _windows(image) for scale in _scales(part, material)]
    clearest_first = sorted([*found[1:], *parts], key=lambda scale: -scale.confidence)
    return _apart([*found[:1], *clearest_first])


def _cut(image: np.ndarray, region: Sequence[int] | None) -> np.ndarray:
    if region is None:
        return image
    x0, y0, x1, y1 = region
    return image[..., y0:y1, x0:x1]


def _scales(image: np.ndarray, material: Material) -> Iterator[LatticeScale]:
    reflections = material.reflections
    if reflections.spacing is not None:
        found = stretched_sampling(image, reflections.spacing, reflections.symmetry)
        yield from () if found is None else (found,)
        return
    for pattern in reflections.zone_axes.values():
        yield from zone_axis_scales(image, np.array(pattern))


def _apart(scales: Iterable[LatticeScale]) -> list[LatticeScale]:
    """Scales that differ from all those before them."""
    kept: list[LatticeScale] = []
    for scale in scales:
        if all(abs(scale.sampling / other.sampling - 1) > TOLERANCE for other in kept):
            kept.append(scale)
    return kept


def _windows(image: np.ndarray) -> Iterator[np.ndarray]:
    """Nine overlapping windows of half the sides of an image or of a movie's first frame."""
    frame = image.reshape(-1, *image.shape[-2:])[0]
    high, wide = (max(n // 2, SMALLEST_WINDOW) for n in frame.shape)
    if high > frame.shape[0] or wide > frame.shape[1]:
        return
    for y in np.linspace(0, frame.shape[0] - high, 3).astype(int):
        for x in np.linspace(0, frame.shape[1] - wide, 3).astype(int):
            yield frame[y : y + high, x : x + wide]


def zone_axis_sampling(image: np.ndarray, reflections: np.ndarray) -> LatticeScale | None:
    """The first of `zone_axis_scales`, or None where the image does not show the pattern."""
    return next(zone_axis_scales(image, reflections), None)


def zone_axis_scales(image: np.ndarray, reflections: np.ndarray) -> Iterator[LatticeScale]:
    """Pixel sizes at which an image shows a pattern of reflections, the clearest first.

    Every size and turn of the pattern is scored by the geometric mean of its reflections' powers
    over the background; an affine map is then fitted to their exact positions, and one that
    distorts the pattern as no crystal near its zone axis does is refused.

    Parameters
    ----------
    image
        (ny, nx) or (frames, ny, nx), any intensity scale, finite.
    reflections
        (n ≥ 2, 2), x, y in 1/Å, one of each Friedel pair.
    """
    power = background_ratio(power_spectrum(image))
    if power is None:
        return
    size = len(power)
    lengths = np.hypot(*reflections.T)
    lowest = max(SMALLEST_RADIUS / lengths.min(), size * SAMPLING_RANGE[0])
    highest = min(0.48 * size / lengths.max(), size * SAMPLING_RANGE[1])
    if highest < 1.1 * lowest:
        return
    # Bins per 1/Å: what a pattern's length is multiplied by.
    scales = lowest * np.exp(np.arange(0, np.log(highest / lowest), RADIAL_STEP))
    logs = np.zeros((len(scales), round(180 / ANGULAR_STEP)))
    for length, direction in zip(lengths, np.arctan2(*reflections.T[::-1]), strict=True):
        polar = polar_maximum(power, scales * length)
        logs += np.log(np.roll(polar, -round(np.rad2deg(direction) / ANGULAR_STEP), axis=1))
    score = np.exp(logs / len(reflections))
    # The best may be another crystal's rows that happen to fit: try a few.
    for _ in range(8):
        row, column = np.unravel_index(score.argmax(), score.shape)
        if score[row, column] < SIGNIFICANT:
            return
        found = _fit(power, reflections, scales[row], np.deg2rad(column * ANGULAR_STEP))
        if found is not None:
            yield found
        # Its flanks, and all of its turns that are the same by symmetry, give the same scale.
        score[max(row - 6, 0) : row + 7, np.arange(column - 4, column + 5) % score.shape[1]] = 0
        if found is not None:
            score[np.abs(np.log(scales / (found.sampling * size))) < 2 * TOLERANCE] = 0


def _fit(
    power: np.ndarray, reflections: np.ndarray, scale: float, turn: float
) -> LatticeScale | None:
    cos, sin = np.cos(turn), np.sin(turn)
    expected = scale * reflections @ np.array([[cos, sin], [-sin, cos]])
    peaks, heights = zip(*(locate(power, e) for e in expected), strict=True)
    confidence = np.exp(np.mean(np.log(np.maximum(heights, 1e-12))))
    if min(heights) < WEAKEST or confidence < SIGNIFICANT:
        return None
    measured = np.array(peaks)
    linear = np.linalg.lstsq(reflections, measured, rcond=None)[0].T
    shortest, longest = np.linalg.svd(linear, compute_uv=False)[::-1]
    mean = np.sqrt(shortest * longest)
    misfit = np.sqrt(np.mean(np.sum((measured - reflections @ linear.T) ** 2, axis=1)))
    if misfit > LARGEST_MISFIT * scale * np.hypot(*reflections.T).min():
        return None
    if longest - shortest > LARGEST_ANISOTROPY * mean:
        return None
    size = len(power)
    return LatticeScale(
        sampling=float(mean / size),
        confidence=float(confidence),
        peaks=measured / size,
        grains=1,
        anisotropy=float((longest - shortest) / mean),
    )
