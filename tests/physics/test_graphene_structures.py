"""Sheets at the paper's scale are carbon: bonds, rings, density, periodicity."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from latticework import config
from latticework.analysis.lattice import bond_graph, bond_lengths, neighbour_counts, ring_sizes
from latticework.structures import make_shard, read_structures, write_structures
from latticework.structures.graphene import Outline, amorphous_patch

CONFIG = Path(__file__).resolve().parents[2] / "config" / "config.yaml"


def make(count=20, **overrides):
    parameters = config.load(CONFIG).studies["graphene"].structures.parameters.model_dump()
    return make_shard("graphene", parameters | overrides, 2018, "graphene", range(count))


def sheet_of(atoms):
    """Positions (n, 2) in Å of the sheet's atoms, the bonds, and the periodic cell."""
    positions = atoms.positions[atoms.arrays["sheet"], :2]
    cell = tuple(atoms.cell.lengths()[:2])
    return positions, bond_graph(positions, cell=cell), cell


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
        density = atoms.arrays["sheet"].sum() / atoms.info["pristine_area"]
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
    counts = [int(atoms.arrays["sheet"].sum()) for atoms in structures]
    hidden = [int((atoms.arrays["sheet"] & ~atoms.arrays["visible"]).sum()) for atoms in structures]
    assert len(set(counts)) > 10
    assert 0 in hidden
    assert max(hidden) > 50


def test_only_sheet_atoms_are_visible(structures):
    for atoms in structures:
        assert not (atoms.arrays["visible"] & ~atoms.arrays["sheet"]).any()


def test_atoms_near_contamination_in_projection_are_hidden(structures):
    margin = config.GrapheneSheets().contamination_margin
    for atoms in structures:
        box = atoms.cell.lengths()[:2]
        sheet = atoms.arrays["sheet"]
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


def test_a_structure_depends_on_its_number_only():
    parameters = {"box": 24.0}
    whole = make_shard("graphene", parameters, 1, "graphene", range(4))
    last = make_shard("graphene", parameters, 1, "graphene", range(3, 4))
    assert whole[3] == last[0]
    assert whole[2] != last[0]


def test_structures_survive_their_file(tmp_path):
    made = make(2)
    write_structures(tmp_path / "shard.extxyz", made)
    for before, after in zip(made, read_structures(tmp_path / "shard.extxyz"), strict=True):
        np.testing.assert_allclose(after.positions, before.positions, atol=1e-7)
        np.testing.assert_array_equal(after.arrays["visible"], before.arrays["visible"])
        assert after.info["pristine_area"] == pytest.approx(before.info["pristine_area"])
