"""An image's lattice with all that makes it doubtful: what `latticework lattice` prints."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from latticework.analysis.surfaces.harmonics import fitted, refined
from latticework.analysis.surfaces.lattice import Lattice, find_lattice, symmetry_of
from latticework.analysis.surfaces.lock_in import demodulate
from latticework.analysis.surfaces.reflections import Reflections, find_reflections
from latticework.imaging.levelling import level
from latticework.imaging.normalisation import local_mean

CONFIDENT = 0.95
# Periods in an image below which vectors are rough, and below which waves are fitted together.
FEWEST_PERIODS, MANY_PERIODS = 5, 8
MOST_LOST = 0.05  # share of lines without a signal that needs no mention
COVERED = 0.8  # share of the image in which the lattice has to be seen
STRONGEST = 3  # reflections by which the lattice is followed through the image
# Of the lattice over noise; and by how much the phase, rad, or the amplitude may jump at a line.
STANDS_OUT, LARGEST_JUMP, LARGEST_RATIO = 2.0, 0.8, 2.5
EVEN = 1 / 16  # of the image's side: the window in which contrast is made even


@dataclass(frozen=True)
class Reading:
    """What an image says about its lattice.

    Parameters
    ----------
    lattice
        None where the reflections have none.
    reflections
        Of the image.
    levelled
        The image (ny, nx) as it was read, in robust standard deviations.
    coverage
        Share of the image in which the lattice is seen.
    warnings
        What makes it doubtful; for a confident lattice there are none.
    """

    lattice: Lattice | None
    reflections: Reflections
    levelled: np.ndarray
    coverage: float
    warnings: list[str]

    @property
    def confident(self) -> bool:
        """Whether the lattice can be relied on: certain, and nothing speaks against it."""
        return (
            self.lattice is not None and self.lattice.confidence >= CONFIDENT and not self.warnings
        )


def read_lattice(image: np.ndarray) -> Reading:
    """The lattice of an image (ny, nx) as the instrument wrote it, any unit."""
    image = np.asarray(image, dtype=np.float32)
    image, warnings = _without_lost_lines(image)
    levelled = level(torch.from_numpy(image)).numpy().astype(float)
    best = _attempt(levelled)
    if best[1] is None or best[1].confidence < CONFIDENT:
        # A step edge drowns a lattice until the contrast is the same on both sides of it.
        even = _attempt(_even(levelled))
        if even[1] is not None and (best[1] is None or even[1].confidence > best[1].confidence):
            best = even
    flat, lattice, reflections = best
    if lattice is None:
        return Reading(None, reflections, levelled, 0.0, [*warnings, "no lattice was found"])
    coverage, notes = _follow(flat, lattice, reflections)
    warnings += notes
    longest = lattice.lengths.max()
    few = longest * MANY_PERIODS > min(image.shape)
    lattice = _fitted(flat, lattice, reflections, few)
    if longest * FEWEST_PERIODS > min(image.shape):
        warnings.append(
            f"only {min(image.shape) / longest:.1f} periods of {longest:.1f} px: vectors are rough"
        )
    if lattice.confidence < CONFIDENT:
        warnings.append(
            f"the lattice is a guess: reflections at random would have one as good with a "
            f"probability of {1 - lattice.confidence:.2g}"
        )
    return Reading(lattice, reflections, levelled, coverage, warnings)


def in_words(reading: Reading, sampling: float | None) -> str:
    """What was found, in a few lines; lengths in Å too, where a pixel is `sampling` Å."""
    lattice = reading.lattice
    if lattice is None:
        return "no lattice"
    lines = []
    for name, length, sigma in zip("ab", lattice.lengths, lattice.length_sigma, strict=True):
        said = f"{name} = {length:.2f} ± {sigma:.2f} px"
        if sampling is not None:
            said += f" = {length * sampling:.3f} ± {sigma * sampling:.3f} Å"
        lines.append(said)
    lines.append(
        f"angle {lattice.angle:.1f}°, {lattice.symmetry} "
        f"(probability {lattice.symmetry_confidence:.2f})"
    )
    sure = "certain" if reading.confident else "not certain"
    lines.append(
        f"{len(lattice.members)} of {len(reading.reflections.significance)} reflections, "
        f"confidence {lattice.confidence:.4f}, seen in {reading.coverage:.0%} of the image: {sure}"
    )
    return "\n".join(lines)


def _attempt(image: np.ndarray) -> tuple[np.ndarray, Lattice | None, Reflections]:
    reflections = find_reflections(image)
    return image, find_lattice(reflections, image.shape), reflections


def _fitted(image: np.ndarray, lattice: Lattice, reflections: Reflections, few: bool) -> Lattice:
    """A lattice by a fit of its waves, with errors from parts of the image.

    Of few periods no pixel may be lost to a taper, and the fit has to look further for its start.
    """
    order = np.argsort(reflections.significance[lattice.members])[::-1]
    indices = lattice.indices[order]
    start = refined(image, lattice.vectors, indices) if few else lattice.vectors
    vectors, covariance = fitted(image, start, indices, taper=not few)
    symmetry, certainty = symmetry_of(vectors)
    return replace(
        lattice,
        vectors=vectors,
        covariance=covariance,
        reciprocal=np.linalg.inv(vectors).T,
        symmetry=symmetry,
        symmetry_confidence=certainty,
    )


def _even(image: np.ndarray) -> np.ndarray:
    """An image without its slow background, and with the same contrast everywhere."""
    picture = torch.from_numpy(image.astype(np.float32))
    sigma = EVEN * min(image.shape)
    flat = picture - local_mean(picture, sigma)
    contrast = local_mean(flat.square(), 2 * sigma).clamp(min=0).sqrt()
    return (flat / contrast.clamp(min=0.05 * float(flat.std()) + 1e-12)).numpy().astype(float)


def _without_lost_lines(image: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The image with lines that hold nothing filled from their neighbours, or cut off."""
    lost = np.ptp(image, axis=1) == 0
    share = lost.mean()
    if not lost.any() or lost.all():
        return image, []
    warnings = []
    if share > MOST_LOST:
        warnings.append(f"{share:.0%} of the lines hold no signal")
    good = np.flatnonzero(~lost)
    image, lost = image[good[0] : good[-1] + 1], lost[good[0] : good[-1] + 1]
    rows = np.arange(len(image))
    nearest = np.flatnonzero(~lost)[np.abs(rows[:, None] - np.flatnonzero(~lost)).argmin(axis=1)]
    return image[nearest], warnings


def _follow(
    image: np.ndarray, lattice: Lattice, reflections: Reflections
) -> tuple[float, list[str]]:
    """Share of an image in which the lattice is seen, and lines at which it jumps."""
    strongest = lattice.members[np.argsort(reflections.significance[lattice.members])[::-1]]
    followed = reflections.frequencies[strongest[:STRONGEST]]
    width = max(1.2 * float(lattice.lengths.max()), min(image.shape) / 24)
    waves = np.array([demodulate(image, g, width) for g in followed])
    # Between its points the primitive lattice has nothing: what is seen there is noise.
    between = (
        followed
        + (np.array([[0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]) @ lattice.reciprocal)[: len(followed)]
    )
    noise = np.array([demodulate(image, g, width) for g in between])
    level_of_noise = np.median(np.sqrt((np.abs(noise) ** 2).sum(axis=0)))
    seen = np.sqrt((np.abs(waves) ** 2).sum(axis=0)) > STANDS_OUT * level_of_noise
    coverage = float(seen.mean())
    warnings = []
    if coverage < COVERED:
        warnings.append(f"the lattice is seen in {coverage:.0%} of the image only")
    line = _jump(image, followed, float(lattice.lengths.max()))
    if line is not None:
        warnings.append(f"the lattice jumps at line {line}: the tip changed, or slipped")
    return coverage, warnings


def _jump(image: np.ndarray, frequencies: np.ndarray, longest: float) -> int | None:
    """The line at which the waves' phases or amplitudes jump most, if that is no drift."""
    ny, nx = image.shape
    span = round(max(1.5 * longest, ny / 16))
    if ny < 4 * span:
        return None
    lines = np.array(
        [
            (np.exp(-2j * np.pi * g[1] * np.arange(ny))[:, None] * image)
            @ np.exp(-2j * np.pi * g[0] * np.arange(nx))
            for g in frequencies
        ]
    )
    summed = np.concatenate([np.zeros((len(lines), 1)), np.cumsum(lines, axis=1)], axis=1)
    at = np.arange(span, ny - span)
    before = summed[:, at] - summed[:, at - span]
    after = summed[:, at + span] - summed[:, at]
    sizes = np.abs(before), np.abs(after)
    # Waves that are weak on either side have no phase to speak of.
    weight = np.minimum(*sizes)
    # Where the frequency is not exact, or the sample drifts, the phase turns everywhere.
    turn = after * before.conj()
    usual = turn.sum(axis=1, keepdims=True)
    turned = np.abs(np.angle(turn * usual.conj()))
    phase = (weight * turned).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-300)
    ratio = np.sqrt((sizes[1] ** 2).sum(axis=0) / np.maximum((sizes[0] ** 2).sum(axis=0), 1e-300))
    change = np.maximum(ratio, 1 / np.maximum(ratio, 1e-300))
    score = np.maximum(phase / LARGEST_JUMP, np.log(change) / np.log(LARGEST_RATIO))
    # A jump stands out of what is usual in this image.
    worst = int(score.argmax())
    return int(at[worst]) if score[worst] > max(1.0, 3 * np.median(score)) else None
