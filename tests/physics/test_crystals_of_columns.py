"""Foils of silicon, perovskites and metals: what a crystallographer would check with a ruler."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from latticework import materials
from latticework.seeds import stream
from latticework.structures import dumbbells, metals, perovskites, projected, targets

SILICON, GOLD = materials.load("silicon"), materials.load("gold")
PEROVSKITE = materials.load("strontium_titanate")
STILL = {
    "static": (0, 0), "smooth": (0, 0), "vacancies": (0, 0), "missing": (0, 0), "surface": (0, 0),
    "amorphous": (0, 0), "wedge": (0, 0), "steps": (0, 0), "twinned": 0, "crystalline": 0,
    "thickness": (30, 30),
}  # fmt: skip
FLAT = {"polar": (0, 0), "zigzag": (0, 0), "modulation": (0, 0)}


def one(generator, material, index=0, **given):
    """A structure of a generator: perfect but for what is given."""
    made = generator.make_shard(
        STILL | given, material, 1, "tests", "train", range(index, index + 1)
    )
    return made[0]


def nearest(atoms):
    """Distance of each atom to its nearest neighbour, Å, periodic in x and y."""
    box = np.array(atoms.cell.lengths())
    box[2] *= 3  # open along the beam
    return cKDTree(atoms.positions % box, boxsize=box).query(atoms.positions % box, k=2)[0][:, 1]


@pytest.mark.parametrize(
    ("generator", "material", "given", "bond"),
    [
        (dumbbells, SILICON, {}, SILICON.lattice_constant * np.sqrt(3) / 4),
        (metals, GOLD, {"zone_axes": ["100"]}, GOLD.lattice_constant / np.sqrt(2)),
        (metals, GOLD, {"zone_axes": ["110"]}, GOLD.lattice_constant / np.sqrt(2)),
        (perovskites, PEROVSKITE, FLAT | {"zone_axes": ["100"]}, 3.905 / 2),
        (perovskites, PEROVSKITE, FLAT | {"zone_axes": ["110"]}, 3.905 / 2),
    ],
)
def test_bonds_and_density_of_a_perfect_crystal(generator, material, given, bond):
    atoms = one(generator, material, **given)
    shortest = nearest(atoms)
    if material is PEROVSKITE:
        # Every B, and every O, has its neighbour at half the lattice constant.
        shortest = shortest[atoms.numbers != 38]
        counts = [int((atoms.numbers == z).sum()) for z in (38, 22, 8)]
        assert counts[0] == counts[1] == counts[2] / 3
    # The crystal is stretched by at most 1 % to fit the box.
    assert shortest == pytest.approx(bond, rel=0.012)


def test_as_many_columns_as_the_material_says():
    for generator, material in ((dumbbells, SILICON), (metals, GOLD), (perovskites, PEROVSKITE)):
        axis = {} if material is SILICON else {"zone_axes": ["100"]}
        axis = {"zone_axes": ["110"]} if material is GOLD else axis
        atoms = one(generator, material, **axis)
        density = len(targets(atoms).positions) / atoms.cell.lengths()[0] ** 2
        assert density == pytest.approx(material.density, rel=0.03)


def test_dumbbells_are_a_quarter_of_the_lattice_constant():
    found = targets(one(dumbbells, SILICON))
    plane = found.positions[:, :2] % 27
    pairs = cKDTree(plane, boxsize=27).query(plane, k=3)[0][:, 1:]
    assert pairs[:, 0] == pytest.approx(5.431 / 4, rel=0.01)
    assert (pairs[:, 1] > 1.3 * pairs[:, 0]).all()


def test_twins_keep_every_bond_across_their_boundary():
    projection = dumbbells.dumbbells(SILICON.lattice_constant)
    normal, point = np.array(projection.twin[:2]), np.array(projection.twin[2:])
    whole = projected.patch(projection, 20)
    side = (whole.positions - point) @ normal
    # The mirror plane cuts bonds in their middle: it is halfway between columns on either side.
    assert side[side > 0].min() == pytest.approx(-side[side < 0].max())
    assert side[side > 0].min() == pytest.approx(SILICON.lattice_constant * np.sqrt(3) / 8)
    columns = projected.twins(stream(1, "twins", 0), projection, 40.0)
    neighbours = cKDTree(columns.positions, boxsize=40).query(columns.positions, k=2)[0][:, 1]
    # Elsewhere than at the borders, where the twins meet at random, all are dumbbells.
    assert np.mean(np.abs(neighbours / 1.358 - 1) < 0.02) > 0.75
    assert neighbours.min() > 0.8 * 1.35


def test_two_twins_have_two_directions_of_dumbbells():
    projection = dumbbells.dumbbells(SILICON.lattice_constant)
    columns = projected.twins(stream(1, "twins", 1), projection, 40.0)
    tree = cKDTree(columns.positions, boxsize=40)
    pairs = tree.query_pairs(1.4, output_type="ndarray")
    along = columns.positions[pairs[:, 1]] - columns.positions[pairs[:, 0]]
    along = (along + 20) % 40 - 20
    angle = np.rad2deg(np.arctan2(along[:, 1], along[:, 0])) % 180
    counts, edges = np.histogram(angle, bins=60, range=(0, 180))
    two = np.sort(np.argsort(counts)[-2:])
    assert counts[two].sum() > 0.7 * len(pairs)
    # ⟨001⟩ on either side of a {111} mirror: 2 · 54.7° = 109.5° apart.
    assert abs((edges[two[1]] - edges[two[0]]) % 180 - 90) == pytest.approx(19.5, abs=4)


def test_displacements_are_as_wide_as_asked_for():
    at_rest = targets(one(dumbbells, SILICON))
    moved = targets(one(dumbbells, SILICON, static=(0.1, 0.1), smooth=(0.0, 0.0)))
    step = (moved.positions - at_rest.positions)[:, :2]
    step = (step + 13.5) % 27 - 13.5
    assert step.std() == pytest.approx(0.1, rel=0.1)
    rng = stream(1, "waves", 0)
    places = rng.uniform(0, 27, (4000, 2))
    fields = [projected.waves(rng, places, 27.0) for _ in range(20)]
    assert np.mean(np.square(fields)) == pytest.approx(1, rel=0.1)


def test_thickness_vacancies_and_amorphous_layers():
    atoms = one(dumbbells, SILICON, thickness=(60, 60))
    assert np.ptp(atoms.positions[:, 2]) == pytest.approx(60, abs=4)
    full = len(atoms)
    holey = one(dumbbells, SILICON, thickness=(60, 60), vacancies=(0.2, 0.2))
    assert len(holey) == pytest.approx(0.8 * full, rel=0.05)
    covered = one(dumbbells, SILICON, thickness=(60, 60), surface=(10, 10))
    extra = covered[covered.arrays["column"] < 0]
    # Both faces, at most as dense as the crystal.
    assert 0.5 < len(extra) / (0.0499 * 27**2 * 20) <= 1.05
    assert nearest(extra).min() > 1.9
    assert not extra.arrays["visible"].any()
    assert len(targets(covered).positions) == len(targets(atoms).positions)


def test_amorphous_regions_have_no_columns():
    atoms = one(dumbbells, SILICON, amorphous=(1, 1), amorphous_radius=(7, 7))
    inside = atoms[atoms.arrays["column"] < 0].positions[:, :2]
    found = targets(atoms).positions[:, :2]
    assert 40 < len(found) < 135
    middle = np.angle(np.exp(2j * np.pi * inside / 27).mean(axis=0)) % (2 * np.pi) * 27 / 2 / np.pi
    offset = (found - middle + 13.5) % 27 - 13.5
    assert np.hypot(*offset.T).min() > 4


@pytest.mark.parametrize("axis", ["100", "110"])
def test_ions_of_a_perovskite_are_displaced_together(axis):
    given = FLAT | {"zone_axes": [axis]}
    at_rest = targets(one(perovskites, PEROVSKITE, **given))
    polar = targets(one(perovskites, PEROVSKITE, **(given | {"polar": (0.2, 0.2)})))
    step = (polar.positions - at_rest.positions)[:, :2]
    step = np.hypot(*((step + 13.65) % 27.3 - 13.65).T)
    assert step[at_rest.classes == 1] == pytest.approx(0, abs=1e-9)
    assert 0.1 < step[at_rest.classes == 2].max() <= 0.2 + 1e-9
    zigzag = targets(one(perovskites, PEROVSKITE, **(given | {"zigzag": (0.2, 0.2)})))
    step = (zigzag.positions - at_rest.positions)[:, :2]
    step = np.hypot(*((step + 13.65) % 27.3 - 13.65).T)
    assert step[at_rest.classes == 2] == pytest.approx(0, abs=1e-9)
    assert step[at_rest.classes == 1].max() == pytest.approx(0.2)


def test_a_structure_depends_on_its_own_number_only():
    whole = metals.make_shard({}, GOLD, 1, "tests", "train", range(3))
    alone = metals.make_shard({}, GOLD, 1, "tests", "train", range(2, 3))
    assert np.array_equal(whole[2].positions, alone[0].positions)


def test_a_crystal_without_twins_says_so():
    with pytest.raises(ValueError, match="no twins"):
        projected.twins(stream(1, "none", 0), perovskites.along("100", 3.905), 27.3)


@pytest.mark.parametrize(
    ("generator", "material", "given"),
    [
        (dumbbells, SILICON, {"static": (0.1, 0.1), "smooth": (0.1, 0.1)}),
        (
            perovskites,
            PEROVSKITE,
            {
                "compositions": [{"A": {"Sr": 1}, "B": {"Ti": 1}}],
                "polar": (0.2, 0.2),
                "zigzag": (0.2, 0.2),
            },
        ),
    ],
)
def test_structures_say_how_their_columns_are_displaced(generator, material, given):
    """Less their displacements, the columns are those of a perfect crystal of the same draws."""
    atoms = one(generator, material, **given)
    back = atoms.copy()
    back.positions[:, :2] -= atoms.arrays["displacement"]
    assert np.hypot(*atoms.arrays["displacement"].T).max() > 0.1
    distances, displaced = columns_apart(back), columns_apart(atoms)
    # The cell is stretched to the box by at most 1 %.
    assert np.ptp(distances) < 0.02 * distances.mean()
    assert np.ptp(displaced) > 0.05 * distances.mean()


def columns_apart(atoms):
    """Distance of each column of the first atom's element to its nearest one in projection, Å."""
    box = np.array(atoms.cell.lengths())[:2]
    places = atoms.positions[atoms.numbers == atoms.numbers[0], :2] % box
    places = np.unique(places.round(3), axis=0) % box
    return cKDTree(places, boxsize=box).query(places, k=2)[0][:, 1]
