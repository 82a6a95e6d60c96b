"""Quasi-random graphene: Voronoi sheets with holes and contamination (Madsen 2018, §3.1, Fig. 4).

Lengths are in Å; the sheet is periodic in x and y.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from ase import Atoms
from pydantic import AfterValidator, Field
from scipy.spatial import cKDTree

from latticework.config.base import Integers, Lengths, Section, ascending
from latticework.materials import Material
from latticework.seeds import stream
from latticework.shards import Array
from latticework.structures import numbered
from latticework.structures.outlines import Outline, amorphous_patch, random_outline
from latticework.structures.voronoi import (
    crystal_seeds,
    lloyd,
    poisson_disc,
    relax,
    voronoi_network,
)

MARGIN = 2.0  # of empty space along the beam
CURVE = 200  # points on a hole's outline
# A construction is shown by the first structure, of so many, that has all steps.
TRIED = 100


class Parameters(Section):
    """Parameters of a sheet (Madsen 2018, §3.1)."""

    box: float = Field(43.2, gt=20, le=500, description="Side of the periodic square, Å.")
    density: float = Field(0.381, gt=0.3, lt=0.45, description="Atoms per Å² before holes.")
    seed_separation: float = Field(1.9, gt=0.5, lt=2.4, description="Poisson-disc radius, Å.")
    crystalline: float = Field(
        0.0, ge=0, le=1, description="Probability of pristine grains instead of a random sheet."
    )
    grains: Integers = (1, 3)
    lloyd_steps: Integers = (3, 8)
    holes: Integers = (0, 4)
    hole_radius: Lengths = (2.0, 7.0)
    contamination: Integers = (0, 2)
    contamination_radius: Lengths = (3.0, 16.0)
    contamination_thickness: Lengths = (3.0, 30.0)
    contamination_density: float = Field(0.075, gt=0, lt=0.2, description="Atoms per Å³.")
    contamination_profile: Annotated[
        tuple[float, float],
        AfterValidator(ascending),
        Field(description="Uniform range of an exponent: 0.5 is a dome, 0 has vertical sides."),
    ] = (0.05, 0.5)
    contamination_margin: float = Field(
        2.5, ge=0, lt=10, description="Atoms nearer than this to contamination are no labels, Å."
    )
    disorder: float = Field(0.03, ge=0, lt=0.3, description="RMS random displacement per axis, Å.")


def make_shard(
    parameters: Mapping[str, Any],
    material: Material,
    seed: int,
    study: str,
    split: str,
    indices: range,
) -> list[Atoms]:
    """Structures number `indices` of a study's split; `parameters` are those of `Parameters`."""
    given = Parameters.model_validate(parameters).model_dump()
    return numbered(
        lambda rng: graphene(rng, **material_of(material), **given),
        seed=seed,
        study=study,
        split=split,
        indices=indices,
    )


def classes(parameters: Mapping[str, Any], material: Material) -> list[str]:
    """Names of the classes that a network is to tell apart: one, the element."""
    return material.elements[:1]


def material_of(material: Material) -> dict[str, Any]:
    """What a sheet takes from its material. Raises ValueError for one without bonds."""
    if material.bonds is None:
        raise ValueError(f"a sheet needs the bond length of its material; {material.name} has none")
    return {"element": material.elements[0], "bond": material.bonds.length}


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


def graphene(
    rng: np.random.Generator,
    *,
    element: str,
    bond: float,
    box: float,
    density: float,
    seed_separation: float,
    crystalline: float,
    grains: tuple[int, int],
    lloyd_steps: tuple[int, int],
    holes: tuple[int, int],
    hole_radius: tuple[float, float],
    contamination: tuple[int, int],
    contamination_radius: tuple[float, float],
    contamination_thickness: tuple[float, float],
    contamination_density: float,
    contamination_profile: tuple[float, float],
    contamination_margin: float,
    disorder: float,
) -> Atoms:
    """One quasi-random sheet (Madsen 2018, §3.1, Fig. 4).

    Poisson-disc seeds → Lloyd's algorithm → Voronoi network → relaxed bonds → holes. Patches of
    amorphous carbon are added, which the paper does not have, so that the network learns to find
    no atoms where a real sheet is covered.

    Parameters
    ----------
    rng
        The structure's own random stream.
    element, bond
        Of the material; the bond length in Å.
    box
        Side of the periodic square, Å.
    density
        Atoms per Å² before holes; pristine graphene has 0.382.
    seed_separation
        Poisson-disc radius, Å.
    crystalline
        Probability of a polycrystal of pristine grains instead of a quasi-random sheet. The paper
        has none; a network that never saw a perfect lattice may misread one.
    grains, lloyd_steps, holes, contamination
        Inclusive ranges of integers, drawn uniformly.
    hole_radius, contamination_radius, contamination_thickness
        Uniform ranges, Å.
    contamination_density
        Atoms per Å³.
    contamination_profile
        Uniform range of the exponent of `amorphous_patch`: steep sides to domes.
    contamination_margin
        Å. A sheet atom is hidden where contaminating carbon lies nearer to it than this in
        projection.
    disorder
        Standard deviation of a random displacement of each atom per axis, in the plane and out
        of it, Å: positions that no relaxed network has, so that the network cannot memorise them.

    Returns
    -------
    ase.Atoms
        With the boolean arrays `specimen` (an atom of the sheet) and `visible` (an atom of the
        sheet that no contamination covers). `info["pristine_area"]` is the area outside holes, Å².
    """
    made = stages(
        rng,
        bond=bond,
        box=box,
        density=density,
        seed_separation=seed_separation,
        crystalline=crystalline,
        grains=grains,
        lloyd_steps=lloyd_steps,
        holes=holes,
        hole_radius=hole_radius,
    )
    flat = np.pad(made.positions[made.keep], ((0, 0), (0, 1)))
    flat += rng.normal(0, disorder, flat.shape)
    flat[:, :2] %= box

    dirt = contaminate(
        rng,
        box,
        contamination=contamination,
        contamination_radius=contamination_radius,
        contamination_thickness=contamination_thickness,
        contamination_density=contamination_density,
        contamination_profile=contamination_profile,
    )
    visible = uncovered(flat, dirt, box, contamination_margin)
    atoms = on_sheet(flat, dirt, box)
    # Contamination is carbon, whatever the sheet is made of.
    atoms.symbols[: len(flat)] = element
    atoms.new_array("visible", np.concatenate([visible, np.zeros(len(dirt), bool)]))
    atoms.new_array("specimen", np.arange(len(atoms)) < len(flat))
    atoms.info["pristine_area"] = area_outside(made.holes, box)
    return atoms


def contaminate(
    rng: np.random.Generator,
    box: float,
    *,
    contamination: tuple[int, int],
    contamination_radius: tuple[float, float],
    contamination_thickness: tuple[float, float],
    contamination_density: float,
    contamination_profile: tuple[float, float],
) -> np.ndarray:
    """Atoms (n, 3) of random amorphous patches on a sheet: see `graphene`."""
    patches = []
    for _ in range(rng.integers(contamination[0], contamination[1] + 1)):
        outline = random_outline(rng, box, contamination_radius)
        thickness = rng.uniform(*contamination_thickness)
        profile = rng.uniform(*contamination_profile)
        patches.append(
            amorphous_patch(rng, box, outline, thickness, contamination_density, profile)
        )
    return np.concatenate([np.empty((0, 3)), *patches])


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


def uncovered(sheet: np.ndarray, dirt: np.ndarray, box: float, margin: float) -> np.ndarray:
    """Mask of a sheet's atoms (n, 3) that no contamination (m, 3) is nearer to than a margin, Å."""
    if len(dirt) == 0:
        return np.ones(len(sheet), bool)
    nearest = cKDTree(dirt[:, :2], boxsize=box).query(sheet[:, :2])[0]
    return nearest >= margin


def area_outside(holes: list[Outline], box: float) -> float:
    """Area of a box outside of holes, Å²."""
    grid = np.stack(np.meshgrid(*2 * [np.arange(0.25, box, 0.5)]), axis=-1).reshape(-1, 2)
    in_hole = np.zeros(len(grid), bool)
    for outline in holes:
        in_hole |= outline.depth(grid, box) > 0
    return float((~in_hole).mean() * box**2)


def construction(
    parameters: Mapping[str, Any], material: Material, seed: int, study: str
) -> dict[str, Array]:
    """How one structure is made, step by step (Madsen 2018, Fig. 4).

    The first training structure that has holes and contamination, made without pristine grains,
    which have no such steps. Arrays: `box`; `seeds`, `moved_seeds`, `vertices`, `bonds`,
    `positions` and `keep` of `Stages`; `holes`, the holes' outlines; `final` (n, 3) Å with
    `specimen` and `visible` of the finished structure; `structure`, its number.
    """
    given = Parameters.model_validate(dict(parameters) | {"crystalline": 0.0}).model_dump()
    facts = material_of(material)
    early = {k: v for k, v in given.items() if "contamination" not in k and k != "disorder"}
    for index in range(TRIED):
        name = (seed, f"{study}/train", index)
        made = stages(stream(*name), bond=facts["bond"], **early)
        atoms = graphene(stream(*name), **facts, **given)
        if len(made.holes) > 1 and not atoms.arrays["specimen"].all():
            break
    plane = ("axis (x, y)",)
    holes = np.array([hole.curve(CURVE) for hole in made.holes]).reshape(-1, CURVE, 2)
    return {
        "structure": Array(np.array(index), "1", ()),
        "box": Array(np.array(given["box"]), "Å", ()),
        "seeds": Array(made.seeds, "Å", ("seed", *plane)),
        "moved_seeds": Array(made.moved_seeds, "Å", ("seed", *plane)),
        "vertices": Array(made.vertices, "Å", ("vertex", *plane)),
        "bonds": Array(made.bonds, "vertex", ("bond", "end")),
        "positions": Array(made.positions, "Å", ("vertex", *plane)),
        "keep": Array(made.keep, "1", ("vertex",)),
        "holes": Array(holes, "Å", ("hole", "point", *plane)),
        "final": Array(atoms.positions, "Å", ("atom", "axis (x, y, z)")),
        "specimen": Array(atoms.arrays["specimen"], "1", ("atom",)),
        "visible": Array(atoms.arrays["visible"], "1", ("atom",)),
    }
