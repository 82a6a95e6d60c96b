"""Sheets at the paper's scale are carbon: bonds, rings, density, periodicity."""

from pathlib import Path

import numpy as np
import pytest

from latticework import config
from latticework.analysis.lattice import bond_graph, bond_lengths, neighbour_counts, ring_sizes
from latticework.structures import make_shard, read_structures, write_structures

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
