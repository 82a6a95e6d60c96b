"""Gold particles: what a crystallographer would check with a ruler, and eq. 9 with statistics."""

import numpy as np
import pytest
from grown import grow_particle
from scipy.spatial import cKDTree
from scipy.stats import chisquare

from latticework import materials
from latticework.seeds import stream
from latticework.structures import read_structures, specimen, targets, write_structures
from latticework.structures.fcc import (
    columns,
    cut,
    fcc_sites,
    oriented,
    placement_probabilities,
    roughen,
    shortened,
)
from latticework.structures.nanoparticles import classes, make_shard
from latticework.structures.supports import CERIA_LATTICE_CONSTANT, ceria

GOLD = materials.load("gold")
A = GOLD.lattice_constant
FACETS = {"100": (1.0, 1.2), "110": (0.9, 1.1), "111": (0.8, 1.0)}
# Distance of neighbouring columns, and of atoms along a column.
SPACINGS = {
    "100": (A / 2, A),
    "110": (A * np.sqrt(3 / 8), A / np.sqrt(2)),
    "111": (A / np.sqrt(6), A * np.sqrt(3)),
}


@pytest.fixture(scope="module")
def particles():
    return [
        grow_particle(stream(1, "particles", index), radius=(6, 11), support=0.5, tilt=(0, 5))
        for index in range(12)
    ]


def gold(atoms):
    return atoms[atoms.arrays["column"] >= 0]


def test_heights_sum_to_the_atoms(particles):
    for atoms in particles:
        counted = heights_of(atoms)
        assert counted.sum() == len(gold(atoms))
        assert len(counted) == len(targets(atoms).positions)


def heights_of(atoms):
    return np.unique(gold(atoms).arrays["column"], return_counts=True)[1]


def test_height_classes_are_the_numbers_of_atoms():
    atoms = grow_particle(stream(3, "heights", 0), radius=(8, 8), classes="height", tallest=5)
    heights = heights_of(atoms)
    np.testing.assert_array_equal(targets(atoms).classes, heights)
    assert heights.max() == 5


def test_nearest_distances_are_gold_s(particles):
    for atoms in particles:
        nearest = cKDTree(gold(atoms).positions).query(gold(atoms).positions, k=2)[0][:, 1]
        # Displaced columns: 0.05 Å a side and axis.
        assert abs(np.median(nearest) - A / np.sqrt(2)) < 0.1
        assert nearest.min() > 2.4


@pytest.mark.parametrize("axis", SPACINGS)
def test_columns_of_each_zone_axis(axis):
    sites = cut(stream(2, "cut", 0), 9.0, FACETS, A)
    positions = oriented(sites, axis, A)
    number = columns(sites, axis)
    seen = np.array([positions[number == c, :2].mean(axis=0) for c in range(number.max() + 1)])
    apart = cKDTree(seen).query(seen, k=2)[0][:, 1]
    np.testing.assert_allclose(apart, SPACINGS[axis][0], rtol=1e-9)
    for c in range(number.max() + 1):
        members = positions[number == c]
        np.testing.assert_allclose(np.ptp(members[:, :2], axis=0), 0, atol=1e-9)
        steps = np.diff(np.sort(members[:, 2]))
        np.testing.assert_allclose(steps, SPACINGS[axis][1], rtol=1e-9)


def test_a_facet_cuts_whole_layers():
    # Equal and tight {111} cuts alone make a perfect octahedron of n layers: (2n³ + n)/3 sites.
    wide = (9.0, 9.0)
    layers = 3
    ratio = layers / 10 * A / np.sqrt(3)
    facets = {"100": wide, "110": wide, "111": (ratio, ratio)}
    sites = cut(stream(0, "octahedron", 0), 10.0, facets, A)
    edge = 2 * layers + 1
    assert len(sites) == (2 * edge**3 + edge) // 3


def test_shortened_columns_keep_their_near_end():
    sites = fcc_sites(4)
    short = shortened(sites, "110", 2)
    number = columns(short, "110")
    assert np.bincount(number).max() == 2
    kept = {tuple(site) for site in short}
    for site in short:
        below = site - (1, 1, 0)
        assert tuple(below) in kept or tuple(below) not in {tuple(s) for s in sites}


def test_placement_is_equation_9():
    coordination, temperature = np.array([0, 1, 4, 9]), 1.7
    weights = np.exp(coordination / temperature)
    weights[0] = 0
    np.testing.assert_allclose(
        placement_probabilities(coordination, temperature), weights / weights.sum()
    )


def test_first_added_atom_follows_equation_9():
    """On a square of four atoms: sites of one, two and four occupied neighbours."""
    square = np.array([(0, 0, 0), (1, 1, 0), (1, -1, 0), (2, 0, 0)])
    occupied = {tuple(s) for s in square}
    vacant = [s for s in fcc_sites(4) if tuple(s) not in occupied]
    coordination = np.array(
        [sum(np.abs(s - t).max() == 1 and np.abs(s - t).sum() == 2 for t in square) for s in vacant]
    )
    temperature = 1.5
    rng, draws, added = stream(4, "eq9", 0), 3000, []
    for _ in range(draws):
        grown = roughen(rng, square, 1, temperature)
        added.append(next(tuple(s) for s in grown if tuple(s) not in occupied))
    place = {tuple(s): n for s, n in zip(vacant, coordination, strict=True)}
    observed = np.bincount([place[site] for site in added], minlength=5)
    weights = np.array([(coordination == n).sum() * np.exp(n / temperature) for n in range(5)])
    weights[0] = 0
    expected = draws * weights / weights.sum()
    seen = expected > 0
    assert observed[0] == 0
    assert chisquare(observed[seen], expected[seen]).pvalue > 1e-3


def test_roughening_adds_connected_atoms():
    sites = cut(stream(5, "cut", 1), 7.0, FACETS, A)
    grown = roughen(stream(5, "rough", 1), sites, 50, 0.5)
    assert len(grown) == len(sites) + 50
    assert len(np.unique(grown, axis=0)) == len(grown)
    assert (grown.sum(axis=1) % 2 == 0).all()
    assert cKDTree(grown).query(grown, k=2)[0][:, 1].max() == pytest.approx(np.sqrt(2))


def test_a_low_temperature_fills_steps_first():
    """At T → 0 an atom goes where it has most neighbours; at a high one anywhere."""
    sites = cut(stream(6, "cut", 2), 8.0, FACETS, A)
    neighbours = []
    for temperature in (0.1, 50.0):
        grown = roughen(stream(6, "rough", 2), sites, 40, temperature)
        neighbours.append(cKDTree(grown).query_ball_point(grown, 1.5, return_length=True).mean())
    assert neighbours[0] > neighbours[1] + 0.1


def test_tilt_is_what_was_asked_for():
    straight = grow_particle(stream(7, "tilt", 0), radius=(8, 8), tilt=(0, 0), disorder=(0, 0))
    leaning = grow_particle(stream(7, "tilt", 0), radius=(8, 8), tilt=(4, 4), disorder=(0, 0))
    for atoms, degrees in ((straight, 0.0), (leaning, 4.0)):
        number = atoms.arrays["column"]
        tallest = np.bincount(number).argmax()
        members = atoms.positions[number == tallest]
        direction = np.ptp(members, axis=0)
        angle = np.rad2deg(np.arctan2(np.hypot(*direction[:2]), direction[2]))
        assert angle == pytest.approx(degrees, abs=1e-6)
        # The label is the middle of the column.
        middle = targets(atoms).positions[tallest]
        np.testing.assert_allclose(middle, members.mean(axis=0))
    assert straight.info["tilt_degrees"] == 0


def test_aligned_particles_are_as_many_as_asked_for():
    tilts = [
        grow_particle(stream(8, "aligned", i), radius=(5, 6), aligned=0.5).info["tilt_degrees"]
        for i in range(60)
    ]
    assert 18 <= tilts.count(0.0) <= 42


def test_ceria_has_its_spacing_and_its_composition():
    crystal = ceria(stream(9, "ceria", 0), 40.0, (20.0, 20.0), (0.0, 0.0))
    cerium = crystal.positions[crystal.numbers == 58]
    nearest = cKDTree(cerium).query(cerium, k=2)[0][:, 1]
    assert np.median(nearest) == pytest.approx(CERIA_LATTICE_CONSTANT / np.sqrt(2))
    assert (crystal.numbers == 8).sum() / len(cerium) == pytest.approx(2, abs=0.15)
    # {111} planes stand on edge: projected on their normal, cerium lies 3.12 Å apart.
    best = 0.0
    for angle in np.deg2rad(np.arange(0, 180, 0.25)):
        along = cerium[:, :2] @ (np.cos(angle), np.sin(angle))
        phase = np.exp(2j * np.pi * along * np.sqrt(3) / CERIA_LATTICE_CONSTANT)
        best = max(best, abs(phase.mean()))
    assert best > 0.98


def test_a_support_keeps_its_distance_and_is_no_label(particles):
    supported = [p for p in particles if (p.arrays["column"] < 0).any()]
    assert 2 <= len(supported) <= 10
    for atoms in supported:
        base = atoms[atoms.arrays["column"] < 0]
        assert cKDTree(gold(atoms).positions).query(base.positions)[0].min() > 2.6
        assert not base.arrays["visible"].any()


def test_particles_fit_into_their_box(particles):
    for atoms in particles:
        box = atoms.cell.lengths()
        assert (gold(atoms).positions > 0).all()
        assert (gold(atoms).positions < box).all()


def test_structures_survive_their_file(particles, tmp_path):
    write_structures(tmp_path / "shard.extxyz", particles[:3])
    for before, after in zip(
        particles[:3], read_structures(tmp_path / "shard.extxyz"), strict=True
    ):
        np.testing.assert_allclose(targets(before).positions, targets(after).positions, atol=1e-6)
        assert str(after.info["zone_axis"]) == before.info["zone_axis"]


def test_classes_are_the_element_or_numbers_of_atoms():
    assert classes({}, GOLD) == ["Au"]
    assert classes({"classes": "height", "tallest": 3}, GOLD) == ["1", "2", "3"]


def test_element_and_lattice_constant_are_the_material_s():
    platinum = GOLD.model_copy(update={"elements": ["Pt"], "lattice_constant": 3.92})
    given = {"radius": (6, 6), "box": 24.0, "disorder": (0, 0)}
    (atoms,) = make_shard(given, platinum, 1, "platinum", "train", range(1))
    assert set(atoms.symbols) == {"Pt"}
    nearest = cKDTree(atoms.positions).query(atoms.positions, k=2)[0][:, 1]
    np.testing.assert_allclose(nearest, 3.92 / np.sqrt(2), atol=1e-9)


def test_the_specimen_is_the_particle(particles):
    for atoms in particles:
        np.testing.assert_array_equal(specimen(atoms).positions, targets(atoms).positions)
        assert specimen(atoms).visible.all()
