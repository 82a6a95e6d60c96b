"""Smooth random outlines in a periodic sheet: what holes and amorphous patches are bounded by.

Lengths are in Å.
"""

from dataclasses import dataclass

import numpy as np


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
