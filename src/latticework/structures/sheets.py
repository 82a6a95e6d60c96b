"""A sheet from seeds to holes: Voronoi networks and polycrystals (Madsen 2018, §3.1, Fig. 4).

Lengths are in Å; the sheet is periodic in x and y.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms

from latticework.materials import Material
from latticework.structures.outlines import Outline, random_outline
from latticework.structures.voronoi import (
    crystal_seeds,
    lloyd,
    poisson_disc,
    relax,
    voronoi_network,
)

MARGIN = 2.0  # of empty space along the beam
ADATOM_HEIGHT = 1.8  # of a carbon atom above the bridge site where it sits


def prune(bonds: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Drop, until none is left, kept atoms with fewer than two kept neighbours."""
    keep = keep.copy()
    while True:
        alive = bonds[keep[bonds].all(axis=1)]
        dangling = keep & (np.bincount(alive.ravel(), minlength=len(keep)) < 2)
        if not dangling.any():
            return keep
        keep &= ~dangling


@dataclass(frozen=True)
class Stages:
    """A sheet on its way from seeds to holes (Madsen 2018, Fig. 4); lengths in Å, periodic.

    `bonds` (3n/2, 2) join `vertices` (n, 2) of the Voronoi network as well as `positions` (n, 2),
    the same atoms after relaxation; `keep` (n,) is False for atoms that `holes` removed.
    """

    seeds: np.ndarray
    moved_seeds: np.ndarray
    vertices: np.ndarray
    bonds: np.ndarray
    positions: np.ndarray
    holes: list[Outline]
    keep: np.ndarray


def stages(
    rng: np.random.Generator,
    *,
    bond: float,
    box: float,
    density: float,
    seed_separation: float,
    crystalline: float,
    grains: tuple[int, int],
    lloyd_steps: tuple[int, int],
    holes: tuple[int, int],
    hole_radius: tuple[float, float],
) -> Stages:
    """Seeds → Lloyd's algorithm → Voronoi network → relaxed bonds → holes: see `graphene`."""
    count = round(density * box**2 / 2)
    # No draw where there is no choice.
    if crystalline and rng.random() < crystalline:
        number = int(rng.integers(grains[0], grains[1] + 1))
        grown = crystal_seeds(rng, box, number, np.sqrt(3) * bond)
        seeds = poisson_disc(rng, box, count, seed_separation, grown)
    else:
        seeds = poisson_disc(rng, box, count, seed_separation)
    moved = lloyd(seeds, box, int(rng.integers(lloyd_steps[0], lloyd_steps[1] + 1)))
    vertices, bonds = voronoi_network(moved, box)
    positions = relax(vertices, bonds, box, bond)

    outlines = [
        random_outline(rng, box, hole_radius) for _ in range(rng.integers(holes[0], holes[1] + 1))
    ]
    keep = np.ones(len(positions), bool)
    for outline in outlines:
        keep &= outline.depth(positions, box) < 0
    return Stages(seeds, moved, vertices, bonds, positions, outlines, prune(bonds, keep))


def area_outside(holes: list[Outline], box: float) -> float:
    """Area of a box outside of holes, Å²."""
    grid = np.stack(np.meshgrid(*2 * [np.arange(0.25, box, 0.5)]), axis=-1).reshape(-1, 2)
    in_hole = np.zeros(len(grid), bool)
    for outline in holes:
        in_hole |= outline.depth(grid, box) > 0
    return float((~in_hole).mean() * box**2)


def sitting_on_bonds(rng: np.random.Generator, made: Stages, count: int, box: float) -> np.ndarray:
    """Adatoms (count, 3) Å over the middles of random bonds between kept atoms of a sheet."""
    if not count:
        return np.empty((0, 3))
    bonds = made.bonds[made.keep[made.bonds].all(axis=1)]
    bonds = bonds[rng.choice(len(bonds), count, replace=False)]
    start, end = made.positions[bonds[:, 0]], made.positions[bonds[:, 1]]
    middle = start + ((end - start + box / 2) % box - box / 2) / 2
    return np.column_stack([middle % box, np.full(count, ADATOM_HEIGHT)])


def on_sheet(sheet: np.ndarray, dirt: np.ndarray, box: float) -> Atoms:
    """Carbon atoms of a sheet (n, 3) and of what lies on it (m, 3), with empty margins."""
    positions = np.concatenate([sheet, dirt])
    positions[:, 2] -= positions[:, 2].min() - MARGIN
    return Atoms(
        ["C"] * len(positions),
        positions=positions,
        cell=(box, box, positions[:, 2].max() + MARGIN),
        pbc=(True, True, False),
    )


def material_of(material: Material) -> dict[str, Any]:
    """What a sheet takes from its material. Raises ValueError for one without bonds."""
    if material.bonds is None:
        raise ValueError(f"a sheet needs the bond length of its material; {material.name} has none")
    return {"element": material.elements[0], "bond": material.bonds.length}
