"""Smooth random outlines in a periodic sheet: what holes and amorphous patches are bounded by.

Lengths are in Å.
"""

from dataclasses import dataclass

import numpy as np

from latticework.structures.thinning import hard_core

HARD_CORE = 1.3  # between atoms of an amorphous patch
CLEARANCE = 2.5  # of a patch above the sheet


@dataclass(frozen=True)
class Outline:
    """A smooth closed curve r(θ) = radius (1 + Σ a_n cos(nθ + φ_n)) about a centre, in Å."""

    centre: np.ndarray
    radius: float
    amplitudes: np.ndarray
    phases: np.ndarray

    def distance(self, angle: np.ndarray) -> np.ndarray:
        """Distance (n,) of the curve from its centre in directions (n,), rad."""
        order = np.arange(2, 2 + len(self.amplitudes))
        waves = self.amplitudes * np.cos(order * angle[:, None] + self.phases)
        return self.radius * (1 + waves.sum(axis=1))

    def depth(self, points: np.ndarray, box: float) -> np.ndarray:
        """Relative depth of points (n, 2): 1 at the centre, 0 on the curve, negative outside."""
        offset = (points - self.centre + box / 2) % box - box / 2
        return 1 - np.hypot(*offset.T) / self.distance(np.arctan2(offset[:, 1], offset[:, 0]))

    def curve(self, count: int) -> np.ndarray:
        """Points (count, 2) on the curve, not wrapped into the box."""
        angle = np.linspace(0, 2 * np.pi, count)
        directions = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return self.centre + self.distance(angle)[:, None] * directions


def random_outline(rng: np.random.Generator, box: float, radius: tuple[float, float]) -> Outline:
    """A random outline anywhere in the box, its mean radius uniform in the given range."""
    return Outline(
        centre=rng.uniform(0, box, 2),
        radius=rng.uniform(*radius),
        amplitudes=rng.normal(0, 0.12, 4),
        phases=rng.uniform(0, 2 * np.pi, 4),
    )


def amorphous_patch(
    rng: np.random.Generator,
    box: float,
    outline: Outline,
    thickness: float,
    density: float,
    profile: float,
) -> np.ndarray:
    """Random atoms (n, 3) over an outline, z from 2.5 Å, thickest in the middle.

    The patch is thickness · depth^profile high: a dome with a profile of 0.5, steep-sided with one
    near 0. Random sequential addition with a hard core of 1.3 Å; `density` in atoms per Å³.
    """
    side = 2 * outline.radius * (1 + 2 * np.abs(outline.amplitudes).sum())
    # Random sequential addition loses darts to the hard core: about a third at these densities.
    count = rng.poisson(1.5 * density * side**2 * thickness)
    darts = rng.uniform(-0.5, 0.5, (count, 3)) * (side, side, 0)
    darts[:, :2] += outline.centre
    darts[:, 2] = rng.uniform(0, thickness, count)
    depth = np.clip(outline.depth(darts[:, :2], box), 0, 1)
    darts = darts[(depth > 0) & (darts[:, 2] < thickness * depth**profile)]
    patch = darts[hard_core(darts, HARD_CORE)] + (0, 0, CLEARANCE)
    patch[:, :2] %= box
    return patch
