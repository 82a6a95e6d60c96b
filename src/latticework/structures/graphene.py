"""Quasi-random graphene: Voronoi sheets with holes and contamination (Madsen 2018, §3.1, Fig. 4).

Lengths are in Å; the sheet is periodic in x and y.
"""

import inspect
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from ase import Atoms
from pydantic import AfterValidator, Field

from latticework.config.base import Integers, Lengths, Section, ascending
from latticework.materials import Material
from latticework.seeds import stream
from latticework.shards import Array
from latticework.structures import numbered
from latticework.structures.amorphous import contaminate, covering_thickness
from latticework.structures.displacements import choice, out_of_place, spread, waves
from latticework.structures.sheets import (
    area_outside,
    material_of,
    on_sheet,
    sitting_on_bonds,
    stages,
)

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
        2.5, gt=0, lt=10, description="How far, in projection, contamination hides atoms, Å."
    )
    hidden_thickness: float = Field(
        0.0,
        ge=0,
        lt=100,
        description="Atoms under more amorphous carbon than this are no labels, Å.",
    )
    film: float = Field(
        0.0, ge=0, le=1, description="Probability of a continuous amorphous layer on the sheet."
    )
    film_thickness: Lengths = (0.0, 20.0)
    under: float = Field(
        0.0, ge=0, le=1, description="Probability that amorphous carbon is on the entrance side."
    )
    disorder: Lengths = (0.03, 0.03)  # RMS random displacement per axis, one draw a sheet
    displacement_waves: Integers = (0, 0)
    wave_amplitude: Lengths = (0.0, 0.15)
    wavelength: Lengths = (7.0, 43.2)
    displaced: float = Field(0.0, ge=0, le=1, description="Share of atoms that are out of place.")
    displaced_by: Lengths = (0.1, 0.5)
    vacancies: Integers = (0, 0)
    adatoms: Integers = (0, 0)


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
    hidden_thickness: float,
    film: float,
    film_thickness: tuple[float, float],
    under: float,
    disorder: tuple[float, float],
    displacement_waves: tuple[int, int],
    wave_amplitude: tuple[float, float],
    wavelength: tuple[float, float],
    displaced: float,
    displaced_by: tuple[float, float],
    vacancies: tuple[int, int],
    adatoms: tuple[int, int],
) -> Atoms:
    """One quasi-random sheet (Madsen 2018, §3.1, Fig. 4).

    Poisson-disc seeds → Lloyd's algorithm → Voronoi network → relaxed bonds → holes. Added to the
    paper's are patches and layers of amorphous carbon, so that the network learns what can be
    found on a sheet that is covered and what cannot, and displacements wide enough that a position
    is read from the image rather than from the neighbours. Nothing is drawn where there is no
    choice.

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
    contamination_margin, hidden_thickness
        Å. A sheet atom is hidden where amorphous carbon within the margin, in projection, is
        thicker than `hidden_thickness`; with 0, where there is any.
    film, film_thickness
        Probability of a continuous amorphous layer, and its uniform range, Å.
    under
        Probability that a patch, or the layer, is on the entrance side of the sheet.
    disorder
        Uniform range of the standard deviation of a random displacement of each atom per axis, in
        the plane and out of it, Å.
    displacement_waves, wave_amplitude, wavelength
        Number of plane waves of displacement in the plane, and uniform ranges in Å of each one's
        amplitude and, as far as the period of the box allows, length.
    displaced, displaced_by
        Share of atoms that are out of place in the plane, and by how far, Å.
    vacancies
        Number of atoms that are missing.
    adatoms
        Number of carbon atoms on top of bonds, which are not of the sheet.

    Returns
    -------
    ase.Atoms
        With the boolean arrays `specimen` (an atom of the sheet) and `visible` (an atom of the
        sheet that no contamination hides), and `displacement`. `info["pristine_area"]` is the area
        outside holes, Å².
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
    undisturbed = made.positions[made.keep]
    flat = np.pad(undisturbed, ((0, 0), (0, 1)))
    lone = sitting_on_bonds(rng, made, choice(rng, adatoms), box)
    flat += rng.normal(0, spread(rng, disorder), flat.shape)
    flat[:, :2] += waves(rng, flat[:, :2], box, displacement_waves, wave_amplitude, wavelength)
    if displaced:
        flat[:, :2] += out_of_place(rng, len(flat), displaced, displaced_by)
    displacement = flat[:, :2] - undisturbed
    flat[:, :2] %= box
    if missing := choice(rng, vacancies):
        lost = rng.choice(len(flat), missing, replace=False)
        flat, displacement = np.delete(flat, lost, axis=0), np.delete(displacement, lost, axis=0)

    dirt = contaminate(
        rng,
        box,
        contamination=contamination,
        contamination_radius=contamination_radius,
        contamination_thickness=contamination_thickness,
        contamination_density=contamination_density,
        contamination_profile=contamination_profile,
        film=film,
        film_thickness=film_thickness,
        under=under,
    )
    over = covering_thickness(flat, dirt, box, contamination_margin, contamination_density)
    visible = over <= hidden_thickness
    dirt = np.concatenate([dirt, lone])
    atoms = on_sheet(flat, dirt, box)
    # Contamination is carbon, whatever the sheet is made of.
    atoms.symbols[: len(flat)] = element
    atoms.new_array("visible", np.concatenate([visible, np.zeros(len(dirt), bool)]))
    atoms.new_array("specimen", np.arange(len(atoms)) < len(flat))
    atoms.new_array("displacement", np.concatenate([displacement, np.zeros((len(dirt), 2))]))
    atoms.info["pristine_area"] = area_outside(made.holes, box)
    return atoms


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
    early = {name: given[name] for name in inspect.signature(stages).parameters if name in given}
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
