import numpy as np
import pytest

from latticework.analysis.atoms import bonds_and_rings
from latticework.analysis.atoms.bonds_and_rings import (
    bond_lengths,
    bond_statistics,
    bond_table,
    faces,
    material_bonds,
    neighbour_counts,
    ring_members,
    ring_table,
    voronoi_vertices,
)
from latticework.materials import Bonds

BOND = 1.42
CUTOFF = 1.9
SPACING = BOND * np.sqrt(3)


def bond_graph(positions, cell=None):
    return bonds_and_rings.bond_graph(positions, CUTOFF, cell)


def hexagonal_atoms(positions, cell=None):
    bonds = bond_graph(positions, cell)
    return ring_members(positions, bonds, size=6, coordination=3, cell=cell)


def periodic_graphene(columns=8, rows=5):
    basis = np.array([[0, 0], [0, BOND], [SPACING / 2, 1.5 * BOND], [SPACING / 2, 2.5 * BOND]])
    i, j = np.meshgrid(np.arange(columns) * SPACING, np.arange(rows) * 3 * BOND)
    corners = np.stack([i, j], axis=-1).reshape(-1, 1, 2)
    return (corners + basis).reshape(-1, 2), (columns * SPACING, rows * 3 * BOND)


def polygon(sides):
    angle = 2 * np.pi * np.arange(sides) / sides
    return BOND / (2 * np.sin(np.pi / sides)) * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def rings(atoms, cell=None):
    _, _, size, interior = faces(atoms, bond_graph(atoms, cell=cell), cell)
    return sorted(size[interior].tolist())


def test_periodic_graphene_is_all_hexagons():
    atoms, cell = periodic_graphene()
    bonds = bond_graph(atoms, cell=cell)
    assert len(bonds) == 3 * len(atoms) / 2
    assert (neighbour_counts(bonds, len(atoms)) == 3).all()
    assert bond_lengths(atoms, bonds, cell) == pytest.approx(np.full(len(bonds), BOND))
    assert rings(atoms, cell) == [6] * (len(atoms) // 2)
    assert hexagonal_atoms(atoms, cell=cell).all()


def test_rings_do_not_depend_on_where_the_cell_is_cut():
    atoms, cell = periodic_graphene()
    shifted = atoms + np.array([0.37, -3.9]) * cell
    assert rings(shifted, cell) == rings(atoms, cell)


def test_a_vacancy_is_one_ring_of_twelve():
    atoms, cell = periodic_graphene()
    atoms = np.delete(atoms, 42, axis=0)
    assert rings(atoms, cell) == [6] * (len(atoms) // 2 - 3 + 1) + [12]
    # Three neighbours and nine more around the vacancy are no longer hexagonal.
    assert np.count_nonzero(~hexagonal_atoms(atoms, cell=cell)) == 12


def test_an_open_flake_has_no_outer_ring():
    atoms, _ = periodic_graphene(columns=4, rows=3)
    bonds = bond_graph(atoms)
    # Euler: the graph is connected and planar.
    assert len(rings(atoms)) == len(bonds) - len(atoms) + 1
    assert set(rings(atoms)) == {6}
    hexagonal = hexagonal_atoms(atoms)
    assert 0 < hexagonal.sum() < len(atoms)
    assert (neighbour_counts(bonds, len(atoms))[hexagonal] == 3).all()


@pytest.mark.parametrize("sides", [5, 6, 7, 8])
def test_a_lone_ring_counts_its_atoms(sides):
    assert rings(polygon(sides)) == [sides]
    assert not hexagonal_atoms(polygon(sides)).any()


def test_a_dangling_bond_outside_leaves_the_ring_alone():
    ring = polygon(6)
    tail = np.concatenate([ring, [[2 * BOND, 0.0]]])
    assert rings(tail) == [6]
    assert rings(tail[[0, 6]]) == []


def test_a_ribbon_around_the_cell_is_no_ring():
    chain = np.stack([np.arange(6) * BOND, np.full(6, 5.0)], axis=1)
    assert rings(chain, (6 * BOND, 10.0)) == []


def test_bonds_come_once_and_sorted():
    bonds = bond_graph(np.array([[2.8, 0.0], [0.0, 0.0], [1.4, 0.0]]))
    assert bonds.tolist() == [[0, 2], [1, 2]]
    assert bond_graph(np.zeros((0, 2))).shape == (0, 2)


def test_hexagonal_atoms_of_no_atoms_or_no_bonds():
    assert hexagonal_atoms(np.zeros((0, 2))).shape == (0,)
    assert hexagonal_atoms(np.array([[0.0, 0.0], [9.0, 0.0]])).tolist() == [False, False]


def test_statistics_plain_and_robust():
    lengths = np.random.default_rng(0).normal(BOND, 0.05, 4000)
    lengths[:40] = 1.9
    statistics = bond_statistics(lengths)
    assert statistics["count"] == 4000
    assert statistics["median"] == pytest.approx(BOND, abs=0.005)
    assert statistics["robust_sd"] == pytest.approx(0.05, rel=0.05)
    assert statistics["sd"] == pytest.approx(lengths.std(ddof=1))
    assert np.isnan(bond_statistics([])["mean"])


def test_atoms_from_ring_centres():
    i, j = np.meshgrid(np.arange(9), np.arange(8))
    centres = SPACING * np.stack([i + j / 2, j * np.sqrt(3) / 2], axis=-1).reshape(-1, 2)
    atoms = voronoi_vertices(centres)
    assert len(atoms) == 2 * 8 * 7
    lengths = bond_lengths(atoms, bond_graph(atoms))
    assert lengths == pytest.approx(np.full(len(lengths), BOND))


def test_ring_centres_of_the_real_image(mirror):
    skimage_io = pytest.importorskip("skimage.io")
    ndimage = pytest.importorskip("scipy.ndimage")
    folder = mirror / "hrtem"
    if not (folder / "graphene_flower_defect.ring_centres.txt").exists():
        pytest.skip("the mirror lacks graphene_flower_defect")
    centres = np.loadtxt(folder / "graphene_flower_defect.ring_centres.txt")
    image = skimage_io.imread(folder / "graphene_flower_defect.tif")
    atoms = voronoi_vertices(centres)
    smooth = ndimage.gaussian_filter(image, 1.5) - ndimage.gaussian_filter(image, 8)
    # (x, y) in px, atoms dark and rings bright; swapped axes show no contrast.
    at_atoms, at_rings = (
        ndimage.map_coordinates(smooth, points.T[::-1], order=1).mean()
        for points in (atoms, centres)
    )
    assert at_atoms < -0.003
    assert at_rings > 0.006
    median = bond_statistics(bond_lengths(0.218 * atoms, bond_graph(0.218 * atoms)))["median"]
    assert median == pytest.approx(1.42, abs=0.03)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="cell"):
        bond_graph(np.zeros((2, 2)), cell=(3.0, 30.0))
    with pytest.raises(ValueError, match="finite"):
        bond_graph(np.array([[np.nan, 0.0]]))
    with pytest.raises(ValueError, match="ring_centres"):
        voronoi_vertices(np.zeros((3, 2)))


def test_a_table_has_every_bond_at_its_middle():
    atoms = np.array([[0.0, 0.0], [1.4, 0.0], [1.4, 1.5], [9.0, 9.0]])
    table = bond_table(atoms, bond_graph(atoms))
    assert table["length_angstrom"].to_numpy() == pytest.approx([1.4, 1.5])
    assert table[["x_angstrom", "y_angstrom"]].to_numpy().tolist() == [[0.7, 0.0], [1.4, 0.75]]
    assert table[["first", "second"]].to_numpy().tolist() == [[0, 1], [1, 2]]
    assert bond_table(np.zeros((0, 2)), np.zeros((0, 2), int)).shape == (0, 5)


def test_corners_of_rings_come_in_order():
    pentagon, hexagon = polygon(5), polygon(6) + np.array([9.0, 0.0])
    shuffled = np.concatenate([pentagon, hexagon])[np.random.default_rng(0).permutation(11)]
    table = ring_table(shuffled, bond_graph(shuffled))
    assert sorted(table.groupby("ring")["size"].first()) == [5, 6]
    for _, ring in table.groupby("ring"):
        corners = ring[["x_angstrom", "y_angstrom"]].to_numpy()
        assert ring["order"].tolist() == list(range(len(ring)))
        sides = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
        assert sides == pytest.approx(np.full(len(ring), BOND))
    assert len(ring_table(np.zeros((0, 2)), np.zeros((0, 2), int))) == 0


def test_bonds_may_depend_on_the_classes_of_a_pair():
    """A honeycomb of two classes: bonds between them only, however long they may be."""
    atoms, cell = periodic_graphene()
    classes = ["A", "B"] * (len(atoms) // 2)
    both = Bonds(length=BOND, cutoff={"B-A": 2.6}, coordination=3)
    found = material_bonds(atoms, classes, both, cell)
    assert found.tolist() == bond_graph(atoms, cell).tolist()
    none = Bonds(length=BOND, cutoff={"A-A": CUTOFF, "B-B": CUTOFF}, coordination=3)
    assert len(material_bonds(atoms, classes, none, cell)) == 0
    plain = Bonds(length=BOND, cutoff=CUTOFF, coordination=3)
    assert material_bonds(atoms, classes, plain, cell).tolist() == found.tolist()
