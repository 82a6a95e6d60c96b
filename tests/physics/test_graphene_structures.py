"""Sheets at the paper's scale are carbon: bonds, rings, density, periodicity."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.spatial import cKDTree

from latticework import materials
from latticework.analysis.atoms.bonds_and_rings import (
    bond_graph,
    bond_lengths,
    faces,
    neighbour_counts,
)
from latticework.structures import read_structures, write_structures
from latticework.structures.amorphous import amorphous_patch
from latticework.structures.graphene import Parameters, classes, construction, make_shard
from latticework.structures.outlines import Outline

CONFIG = Path(__file__).resolve().parents[2] / "config" / "config.yaml"
GRAPHENE = materials.load("graphene")
CUTOFF = GRAPHENE.bonds.longest
# A sheet as its bonds relax, with all of its atoms, and without films.
RELAXED = {
    "disorder": (0.03, 0.03),
    "displacement_waves": (0, 0),
    "displaced": 0.0,
    "vacancies": (0, 0),
    "adatoms": (0, 0),
    "film": 0.0,
    "under": 0.0,
    "hidden_thickness": 0.0,
}


def paper_parameters():
    studies = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["studies"]
    return studies["graphene"]["structures"]["parameters"]


def make(count=20, **overrides):
    parameters = paper_parameters() | RELAXED | overrides
    return make_shard(parameters, GRAPHENE, 2018, "graphene", "train", range(count))


def ring_sizes(positions, bonds, cell):
    _, _, size, interior = faces(positions, bonds, cell)
    return size[interior]


def sheet_of(atoms):
    """Positions (n, 2) in Å of the sheet's atoms, the bonds, and the periodic cell."""
    positions = atoms.positions[atoms.arrays["specimen"], :2]
    cell = tuple(atoms.cell.lengths()[:2])
    return positions, bond_graph(positions, CUTOFF, cell), cell


@pytest.fixture(scope="module")
def structures():
    return make()


@pytest.fixture(scope="module")
def without_holes():
    return make(holes=(0, 0))


def test_bond_lengths_are_those_of_graphene(structures):
    lengths = np.concatenate([bond_lengths(*sheet_of(atoms)) for atoms in structures])
    assert lengths.mean() == pytest.approx(1.42, abs=0.01)
    assert lengths.std() <= 0.12
    assert lengths.min() >= 1.1


def test_rings_have_five_to_eight_atoms(without_holes):
    sizes = np.concatenate([ring_sizes(*sheet_of(atoms)) for atoms in without_holes])
    assert np.mean((sizes >= 5) & (sizes <= 8)) >= 0.98


def test_rings_are_mostly_hexagons_but_not_only(without_holes):
    sizes = np.concatenate([ring_sizes(*sheet_of(atoms)) for atoms in without_holes])
    assert 0.4 < np.mean(sizes == 6) < 0.95


def test_density_outside_holes(structures):
    for atoms in structures:
        density = atoms.arrays["specimen"].sum() / atoms.info["pristine_area"]
        assert 0.36 <= density <= 0.39


def test_every_atom_has_two_neighbours_or_more(structures):
    for atoms in structures:
        positions, bonds, _ = sheet_of(atoms)
        assert neighbour_counts(bonds, len(positions)).min() >= 2


def test_a_sheet_without_holes_is_three_coordinated_across_its_borders(without_holes):
    for atoms in without_holes:
        positions, bonds, cell = sheet_of(atoms)
        assert np.mean(neighbour_counts(bonds, len(positions)) == 3) >= 0.99
        near_border = ((positions < 2) | (positions > cell[0] - 2)).any(axis=1)
        assert np.mean(neighbour_counts(bonds, len(positions))[near_border] == 3) >= 0.98


def test_bonds_across_the_border_are_as_long_as_others(without_holes):
    across = []
    for atoms in without_holes:
        positions, bonds, cell = sheet_of(atoms)
        crossing = (np.abs(positions[bonds[:, 0]] - positions[bonds[:, 1]]) > cell[0] / 2).any(1)
        across.append(bond_lengths(positions, bonds[crossing], cell))
    assert np.concatenate(across).mean() == pytest.approx(1.42, abs=0.015)


def test_holes_and_contamination_vary(structures):
    counts = [int(atoms.arrays["specimen"].sum()) for atoms in structures]
    hidden = [
        int((atoms.arrays["specimen"] & ~atoms.arrays["visible"]).sum()) for atoms in structures
    ]
    assert len(set(counts)) > 10
    assert 0 in hidden
    assert max(hidden) > 50


def test_only_sheet_atoms_are_visible(structures):
    for atoms in structures:
        assert not (atoms.arrays["visible"] & ~atoms.arrays["specimen"]).any()


def test_atoms_near_contamination_in_projection_are_hidden(structures):
    margin = Parameters().contamination_margin
    for atoms in structures:
        box = atoms.cell.lengths()[:2]
        sheet = atoms.arrays["specimen"]
        flat = atoms.positions[:, :2] % box
        if sheet.all():
            assert atoms.arrays["visible"].all()
            continue
        distance = cKDTree(flat[~sheet], boxsize=box).query(flat[sheet])[0]
        np.testing.assert_array_equal(atoms.arrays["visible"][sheet], distance >= margin)


def patch_of(profile):
    outline = Outline(np.full(2, 20.0), 12.0, np.zeros(4), np.zeros(4))
    patch = amorphous_patch(np.random.default_rng(1), 40.0, outline, 15.0, 0.075, profile)
    return patch, outline.depth(patch[:, :2], 40.0)


def test_contamination_is_as_dense_as_asked_and_stays_inside_its_outline():
    patch, depth = patch_of(profile=0.0)
    assert depth.min() > 0
    assert len(patch) / (np.pi * 12.0**2 * 15.0) == pytest.approx(0.075, rel=0.1)
    assert cKDTree(patch).query(patch, k=2)[0][:, 1].min() >= 1.3


def test_a_small_profile_has_steep_sides():
    heights = {}
    for profile in (0.05, 0.5):
        patch, depth = patch_of(profile)
        heights[profile] = patch[depth < 0.1, 2].max() - 2.5
    assert heights[0.05] > 12
    assert heights[0.5] <= 15.0 * np.sqrt(0.1)


def moved(**overrides):
    """Displacements (n, 2) in Å of the atoms of one whole sheet by some parameters, and itself."""
    still = make(1, holes=(0, 0), contamination=(0, 0), disorder=(0, 0))[0]
    shifted = make(1, holes=(0, 0), contamination=(0, 0), disorder=(0, 0), **overrides)[0]
    box = still.cell.lengths()[0]
    difference = shifted.positions[:, :2] - still.positions[:, :2]
    return (difference + box / 2) % box - box / 2, still


def test_a_wave_of_displacements_has_its_amplitude_and_its_length():
    found, sheet = moved(
        displacement_waves=(1, 1), wave_amplitude=(0.1, 0.1), wavelength=(10.8, 10.8)
    )
    box, size = sheet.cell.lengths()[0], np.linalg.norm(found, axis=1)
    assert size.max() == pytest.approx(0.1, abs=1e-3)
    assert np.sqrt(np.mean(size**2)) == pytest.approx(0.1 / np.sqrt(2), rel=0.02)
    along = found @ found[size.argmax()] / size.max()
    harmonics = np.stack(np.meshgrid(*2 * [np.arange(-6, 7)]), axis=-1).reshape(-1, 2)
    power = np.abs(np.exp(2j * np.pi * sheet.positions[:, :2] @ harmonics.T / box).T @ along)
    length = box / np.linalg.norm(harmonics[power.argmax()])
    assert length == pytest.approx(10.8, rel=0.15)  # whole periods along both sides


def test_some_atoms_are_out_of_place_by_as_much_as_asked():
    found, _ = moved(displaced=0.1, displaced_by=(0.2, 0.4))
    size = np.linalg.norm(found, axis=1)
    out = size > 1e-6
    assert 0.05 < out.mean() < 0.16
    assert 0.2 <= size[out].min() <= size.max() <= 0.4


def test_vacancies_and_adatoms():
    whole, changed = (
        make(1, holes=(0, 0), contamination=(0, 0), **given)[0]
        for given in ({}, {"vacancies": (3, 3), "adatoms": (4, 4)})
    )
    assert changed.arrays["specimen"].sum() == len(whole) - 3
    above = changed.positions[~changed.arrays["specimen"]]
    assert len(above) == 4
    assert (above[:, 2] > changed.positions[changed.arrays["specimen"], 2].max() + 1).all()


def test_an_atom_is_hidden_where_the_carbon_over_it_is_thick():
    films = {
        thickness: make(
            4,
            contamination=(0, 0),
            film=1.0,
            film_thickness=(thickness, thickness),
            hidden_thickness=8.0,
            under=0.5,
        )
        for thickness in (3.0, 16.0)
    }
    visible = {
        thickness: np.concatenate([a.arrays["visible"][a.arrays["specimen"]] for a in sheets])
        for thickness, sheets in films.items()
    }
    assert visible[3.0].mean() > 0.95
    assert visible[16.0].mean() < 0.1
    # A film has the thickness and the density asked for, and lies on either side.
    for atoms in films[16.0]:
        film = atoms.positions[~atoms.arrays["specimen"]]
        assert np.ptp(film[:, 2]) == pytest.approx(16, abs=0.5)
        box = atoms.cell.lengths()[0]
        assert len(film) / (16 * box**2) == pytest.approx(0.075, rel=0.15)
    sides = {a.positions[~a.arrays["specimen"], 2].mean() > 10 for a in films[16.0]}
    assert sides == {True, False}


def test_a_structure_depends_on_its_number_only():
    parameters = {"box": 24.0}
    whole = make_shard(parameters, GRAPHENE, 1, "graphene", "train", range(4))
    last = make_shard(parameters, GRAPHENE, 1, "graphene", "train", range(3, 4))
    assert whole[3] == last[0]
    assert whole[2] != last[0]


def test_structures_survive_their_file(tmp_path):
    made = make(2)
    write_structures(tmp_path / "shard.extxyz", made)
    for before, after in zip(made, read_structures(tmp_path / "shard.extxyz"), strict=True):
        np.testing.assert_allclose(after.positions, before.positions, atol=1e-7)
        np.testing.assert_array_equal(after.arrays["visible"], before.arrays["visible"])
        assert after.info["pristine_area"] == pytest.approx(before.info["pristine_area"])


def test_the_only_class_is_the_element():
    assert classes({}, GRAPHENE) == ["C"]


def test_a_material_without_bonds_is_refused():
    with pytest.raises(ValueError, match="gold has none"):
        make_shard({}, materials.load("gold"), 1, "graphene", "train", range(1))


def test_the_construction_shows_all_steps():
    made = construction({"box": 24.0}, GRAPHENE, 1, "graphene")
    arrays = {name: array.data for name, array in made.items()}
    assert len(arrays["seeds"]) == len(arrays["moved_seeds"]) == len(arrays["vertices"]) / 2
    assert len(arrays["bonds"]) == 1.5 * len(arrays["vertices"])
    assert len(arrays["holes"]) > 1
    assert arrays["specimen"].sum() == arrays["keep"].sum()
    assert not arrays["specimen"].all()
    # The finished atoms are those kept, but for the disorder.
    offset = arrays["final"][arrays["specimen"], :2] - arrays["positions"][arrays["keep"]]
    offset -= arrays["box"] * np.round(offset / arrays["box"])
    assert 0.01 < offset.std() < 0.06
