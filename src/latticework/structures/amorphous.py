"""Amorphous matter in a periodic box: carbon on a sheet, and what it hides; slabs of a solid.

Lengths are in Å.
"""

import numpy as np
from scipy.spatial import cKDTree

from latticework.structures.outlines import Outline, random_outline
from latticework.structures.thinning import hard_core

HARD_CORE = 1.3  # between atoms of amorphous carbon
SOLID_CORE = 2.0  # between those of a solid
CLEARANCE = 2.5  # of amorphous carbon above the sheet


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


def amorphous_layer(
    rng: np.random.Generator, box: float, thickness: float, density: float
) -> np.ndarray:
    """Random atoms (n, 3) all over a periodic square, z from 2.5 Å, as in `amorphous_patch`."""
    count = rng.poisson(1.5 * density * box**2 * thickness)
    darts = rng.uniform(0, 1, (count, 3)) * (box, box, thickness)
    return darts[hard_core(darts, HARD_CORE)] + (0, 0, CLEARANCE)


def slab(
    rng: np.random.Generator, box: float, low: float, high: float, density: float
) -> np.ndarray:
    """Random atoms (n, 3) between two heights in a periodic box; `density` in atoms per Å³."""
    # Random sequential addition loses about two thirds of its darts at the density of a solid.
    count = rng.poisson(3 * density * box**2 * (high - low))
    darts = np.column_stack([rng.uniform(0, box, (count, 2)), rng.uniform(low, high, count)])
    period = np.array([box, box, high - low + 2 * SOLID_CORE])
    kept = darts[hard_core(darts - (0, 0, low), SOLID_CORE, box=period)]
    return kept[: round(density * box**2 * (high - low))]


def on_a_side(rng: np.random.Generator, patch: np.ndarray, under: float) -> np.ndarray:
    """A patch (n, 3) over the sheet, or its mirror image below with the probability `under`."""
    return patch * (1, 1, -1) if under and rng.random() < under else patch


def covering_thickness(
    sheet: np.ndarray, dirt: np.ndarray, box: float, reach: float, density: float
) -> np.ndarray:
    """Thickness (n,) Å of amorphous carbon over atoms (n, 3): that within `reach` in projection."""
    if len(dirt) == 0 or len(sheet) == 0:
        return np.zeros(len(sheet))
    near = cKDTree(dirt[:, :2] % box, boxsize=box).query_ball_point(
        sheet[:, :2] % box, reach, return_length=True
    )
    return near / (density * np.pi * reach**2)


def contaminate(
    rng: np.random.Generator,
    box: float,
    *,
    contamination: tuple[int, int],
    contamination_radius: tuple[float, float],
    contamination_thickness: tuple[float, float],
    contamination_density: float,
    contamination_profile: tuple[float, float],
    film: float = 0.0,
    film_thickness: tuple[float, float] = (0.0, 0.0),
    under: float = 0.0,
) -> np.ndarray:
    """Atoms (n, 3) of random amorphous patches and layers on a sheet: see `graphene`."""
    patches = []
    for _ in range(rng.integers(contamination[0], contamination[1] + 1)):
        outline = random_outline(rng, box, contamination_radius)
        thickness = rng.uniform(*contamination_thickness)
        profile = rng.uniform(*contamination_profile)
        patches.append(
            amorphous_patch(rng, box, outline, thickness, contamination_density, profile)
        )
    if film and rng.random() < film:
        thickness = rng.uniform(*film_thickness)
        patches.append(amorphous_layer(rng, box, thickness, contamination_density))
    return np.concatenate([np.empty((0, 3)), *(on_a_side(rng, patch, under) for patch in patches)])
