"""Doped graphene and dichalcogenides: what defects do to bonds, columns and classes."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from latticework import materials
from latticework.structures import dichalcogenides, targets
from latticework.structures import doped_graphene as doped

BOX, BOND = 29.65, 1.42


@pytest.fixture(scope="module")
def sheet():
    return doped.perfect_sheet(np.random.default_rng(1), BOND, BOX)


def degrees(sheet):
    bonds = np.array(sorted(sheet.bonds))
    return np.bincount(bonds.ravel(), minlength=len(sheet.positions))


def rings_of(changed, bond=BOND):
    """Sizes of the rings through the five- and seven-rings' atoms, by shortest cycles of edges."""
    import networkx as nx

    graph = nx.Graph(list(changed.bonds))
    sizes = {}
    for a, b in changed.bonds:
        graph.remove_edge(a, b)
        sizes[a, b] = nx.shortest_path_length(graph, a, b) + 1
        graph.add_edge(a, b)
    return sizes


def test_a_perfect_sheet_is_three_coordinated_hexagons(sheet):
    assert (degrees(sheet) == 3).all()
    assert len(sheet.positions) / BOX**2 == pytest.approx(0.382, abs=0.002)
    assert set(rings_of(sheet).values()) == {6}


def test_a_turned_bond_makes_fives_and_sevens(sheet):
    turned = doped.rotation(np.random.default_rng(2), sheet, BOX)
    assert (degrees(turned) == 3).all()
    assert len(turned.bonds) == len(sheet.bonds)
    # Ten bonds are edges of the two pentagons; the turned bond is between two heptagons.
    sizes = list(rings_of(turned).values())
    assert sizes.count(5) == 10
    assert sizes.count(7) >= 1


def test_a_divacancy_is_five_eight_five(sheet):
    missing = doped.divacancy(np.random.default_rng(3), sheet)
    assert len(missing.alive) == len(sheet.alive) - 2
    assert (degrees(missing)[missing.alive] == 3).all()
    assert list(rings_of(missing).values()).count(5) == 10


@pytest.mark.parametrize(
    ("make", "count", "silicon", "neighbours"),
    [
        (doped.substitute, 1, 1, {3}),
        (doped.fourfold, 1, 1, {4}),
        (doped.around_vacancy, 3, 3, {4}),
        (doped.around_vacancy, 4, 4, {3}),
    ],
)
def test_silicon_has_the_neighbours_of_its_site(sheet, make, count, silicon, neighbours):
    changed = make(np.random.default_rng(4), sheet, count)
    assert len(changed.silicon) == silicon
    assert {len(changed.neighbours(atom)) for atom in changed.silicon} == neighbours


def test_bonds_relax_to_the_length_of_their_elements(sheet):
    changed = doped.fourfold(np.random.default_rng(5), sheet, 1)
    positions, silicon = doped.relaxed(changed, BOND, BOX)
    tree = cKDTree(positions, boxsize=BOX)
    around = np.sort(tree.query(positions[silicon], k=5)[0][0, 1:])
    assert (around > 1.6).all()
    assert (around < 2.1).all()
    near = tree.query(positions, k=2)[0][:, 1]
    assert np.median(near) == pytest.approx(1.42, abs=0.02)


def test_sheets_have_both_classes_and_wide_disorder():
    material = materials.load("graphene_si")
    made = doped.make_shard({"silicon": [2, 4]}, material, 1, "s", "train", range(8))
    widths = []
    for atoms in made:
        found = targets(atoms)
        assert set(np.unique(found.classes)) <= {1, 2}
        assert (found.numbers[found.classes == 2] == 14).all()
        assert (found.numbers[found.classes == 1] == 6).all()
        assert not atoms.arrays["visible"][~atoms.arrays["specimen"]].any()
        widths.append(np.std(atoms.positions[atoms.arrays["specimen"], 2]))
    assert any((targets(atoms).classes == 2).any() for atoms in made)
    assert min(widths) < 0.06
    assert max(widths) > 0.09
    # The same structure whatever the shard.
    again = doped.make_shard({"silicon": [2, 4]}, material, 1, "s", "train", range(5, 6))[0]
    assert np.array_equal(again.positions, made[5].positions)


def layers(**given):
    return dichalcogenides.make_shard(given, materials.load("mos2"), 1, "s", "train", range(12))


PERFECT = {
    "metal_alloy": [0, 0],
    "chalcogen_alloy": [0, 0],
    "vacancies": [0, 0],
    "lines": [0, 0],
    "metal_vacancies": [0, 0],
    "adatoms": [0, 0],
    "mirror": 0,
    "holed": 0,
    "disorder": [0, 0],
}


def test_a_perfect_layer_is_mos2():
    found = targets(layers(**PERFECT)[0])
    assert np.bincount(found.classes).tolist() == [0, 56, 0, 56]
    near = cKDTree(found.positions[:, :2] % 22.0, boxsize=22.0).query(
        found.positions[:, :2] % 22.0, k=4
    )[0][:, 1:]
    assert near == pytest.approx(np.full_like(near, 1.82), abs=0.15)


def test_classes_name_what_a_column_holds():
    made = layers(hosts=["MoS2", "WSe2"], vacancies=[0.1, 0.2], divacancies=0.3, adatoms=[1, 1])
    seen = set()
    for atoms in made:
        kinds, columns = atoms.arrays["classes"], atoms.arrays["column"]
        for column in np.unique(columns[atoms.arrays["visible"]]):
            held = "".join(sorted(np.array(atoms.get_chemical_symbols())[columns == column]))
            name = dichalcogenides.CLASSES[kinds[columns == column][0] - 1]
            assert {"SS": "S2", "SeSe": "Se2"}.get(held, held) == name
            seen.add(name)
        assert not atoms.arrays["visible"][~atoms.arrays["specimen"]].any()
    assert {"Mo", "W", "S2", "S", "Se2", "Se"} <= seen


def test_lines_take_neighbours_along_one_direction():
    given = PERFECT | {"lines": [1, 1], "line_length": [4, 4], "divacancies": 0}
    for atoms in layers(**given):
        found = targets(atoms)
        places = found.positions[found.classes == 4, :2]
        assert len(places) == 4
        steps = cKDTree(places % 22.0, boxsize=22.0).query(places % 22.0, k=2)[0][:, 1]
        assert steps == pytest.approx(np.full(4, 3.16), abs=0.15)


def test_mirror_boundaries_keep_metals_coordinated_and_columns_apart():
    plain, mirrored = (layers(**PERFECT | {"mirror": m})[0] for m in (0, 1))
    kinds = [
        np.bincount(targets(atoms).classes, minlength=4).tolist() for atoms in (plain, mirrored)
    ]
    assert kinds[0] == kinds[1]
    for seed in range(10):
        points, is_metal = dichalcogenides.sites(np.random.default_rng(seed), 22.0, (7, 4), True)
        metals, chalcogens = (
            cKDTree(points[chosen] % 22.0, boxsize=22.0) for chosen in (is_metal, ~is_metal)
        )
        for tree, least in ((metals, 2.4), (chalcogens, 3.0)):
            assert tree.query(tree.data, k=2)[0][:, 1].min() > least
        assert metals.query(chalcogens.data)[0].min() > 1.7
        # Bonds are up to 2.1 Å; the next metal is 3.5 Å from a chalcogen.
        bonded = [len(near) for near in metals.query_ball_point(chalcogens.data, 2.3)]
        # A row of chalcogens with four metals, one with two, the crystal's three elsewhere.
        assert np.bincount(bonded).tolist() == [0, 0, 7, 42, 7]
        assert {len(near) for near in chalcogens.query_ball_point(metals.data, 2.3)} == {3}
