"""Displacements of atoms in the plane: noise, waves, single atoms; nothing drawn without a choice.

Lengths are in Å.
"""

import numpy as np


def between(rng: np.random.Generator, limits: tuple[int, int]) -> int:
    """An integer of an inclusive range."""
    return int(rng.integers(limits[0], limits[1] + 1))


def choice(rng: np.random.Generator, limits: tuple[int, int]) -> int:
    """`between`, without a draw where there is no choice."""
    return limits[0] if limits[0] == limits[1] else between(rng, limits)


def spread(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    """A length of a uniform range; no draw where there is no choice."""
    return limits[0] if limits[0] == limits[1] else rng.uniform(*limits)


def waves(
    rng: np.random.Generator,
    positions: np.ndarray,
    box: float,
    number: tuple[int, int],
    amplitude: tuple[float, float],
    wavelength: tuple[float, float],
) -> np.ndarray:
    """Displacements (n, 2) of positions (n, 2) by a random number of periodic plane waves, Å."""
    moved = np.zeros_like(positions)
    for _ in range(choice(rng, number)):
        angle = rng.uniform(0, 2 * np.pi)
        direction = np.array([np.cos(angle), np.sin(angle)])
        # Whole periods along both sides of the box.
        periods = np.rint(direction * box / rng.uniform(*wavelength))
        if not periods.any():
            periods[rng.integers(2)] = 1
        phase = 2 * np.pi * (positions @ periods / box + rng.random())
        towards = rng.uniform(0, 2 * np.pi)
        size = rng.uniform(*amplitude)
        moved += size * np.sin(phase)[:, None] * [np.cos(towards), np.sin(towards)]
    return moved


def out_of_place(
    rng: np.random.Generator, count: int, share: float, distance: tuple[float, float]
) -> np.ndarray:
    """Displacements (count, 2) Å in random directions, 0 but for a share of the atoms."""
    angle = rng.uniform(0, 2 * np.pi, count)
    size = rng.uniform(*distance, count) * (rng.random(count) < share)
    return size[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
