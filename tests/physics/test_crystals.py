"""Crystals: what is drawn, from what, and how it fills a box."""

import itertools
from collections import Counter

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from ase.neighborlist import neighbor_list
from pymatgen.core import Element, Lattice, Structure

from latticework.shards import ShardError
from latticework.structures import crystals as crystals_module
from latticework.structures import read_structures, write_structures
from latticework.structures.crystals import (
    MOST_SITES,
    NEAREST,
    build_crystal,
    candidates,
    drawing_order,
    drawn_crystals,
    family,
    held_out_prototypes,
    make_crystals,
    match_prototypes,
    oriented_crystal,
    zone_axes,
)
from latticework.structures.frozen import crystal_hash, freeze, read_frozen
from latticework.structures.orientations import along_beam, fill_box
from latticework.structures.prototypes import Parameters, classes, make_shard

SEED, NAME = 2018, "crystals"
PARAMETERS = {"low_index": 2, "random": 1, "held_out_prototypes": 0.1, "frozen": None}


@pytest.fixture(scope="module")
def crystals():
    return list(itertools.islice(drawn_crystals(SEED, NAME, "train", 0.1), 12))


def test_there_are_thousands_of_candidates_of_hundreds_of_prototypes():
    found = candidates()
    assert len(found) == len(set(found)) > 7000
    assert len({c.label for c in found}) > 240
    assert len({e for c in found for e in c.elements}) > 70


def test_elements_are_replaced_within_their_family():
    assert family("Ca") == ("Be", "Mg", "Ca", "Sr", "Ba")
    assert family("Np") == ("Th", "U")
    assert family("Xe") == ()
    for candidate in candidates()[::97]:
        assert len(set(candidate.elements)) == len(candidate.elements)


def test_no_prototype_is_in_both_halves():
    held_out = held_out_prototypes(SEED, NAME, 0.1, [c.label for c in candidates()])
    assert len(held_out) == 24
    for split in ("train", "heldout"):
        drawn = itertools.islice(drawn_crystals(SEED, NAME, split, 0.1), 6)
        assert {c.info["prototype"] in held_out for c in drawn} == {split == "heldout"}


def test_common_prototypes_come_more_often_but_not_in_proportion():
    """A prototype's share is that of the square root of its number of substitutions."""
    pool = candidates()
    sizes = Counter(c.label for c in pool)
    many = {label for label, size in sizes.items() if size >= 60}
    first = [drawing_order(pool, np.random.default_rng(i))[0].label for i in range(300)]
    roots = {label: np.sqrt(size) for label, size in sizes.items()}
    expected = sum(roots[label] for label in many) / sum(roots.values())
    assert np.mean([label in many for label in first]) == pytest.approx(expected, abs=0.09)


def test_an_order_has_every_candidate_once():
    pool = candidates()[:50]
    assert sorted(map(str, drawing_order(pool, np.random.default_rng(0)))) == sorted(map(str, pool))


def test_crystals_are_primitive_dense_and_none_comes_twice(crystals):
    assert len({c.info["crystal"] for c in crystals}) == len(crystals)
    for atoms in crystals:
        assert len(atoms) <= MOST_SITES
        assert 0.01 < len(atoms) / atoms.get_volume() < 0.25
        assert neighbor_list("d", atoms, 5.0).min() > 1.0


def test_crowded_candidates_are_refused():
    """Of the first candidates some are; those that are not keep atoms apart."""
    built = [build_crystal(c) for c in candidates()[::211]]
    assert any(atoms is None for atoms in built)
    for atoms in filter(None, built):
        first, second, distance = neighbor_list("ijd", atoms, 4.0)
        radius = np.array([float(Element(s).atomic_radius) for s in atoms.get_chemical_symbols()])
        assert np.all(distance >= NEAREST * (radius[first] + radius[second]) - 1e-6)


def test_zone_axes_of_a_face_centred_cubic_crystal():
    """Shortest lattice vectors: ⟨110⟩/2, ⟨100⟩, ⟨112⟩/2, ⟨310⟩/2, ⟨111⟩."""
    primitive = bulk("Au", a=4.08)
    directions = zone_axes(primitive, 5) @ primitive.cell[:] / 4.08
    found = [tuple(np.sort(np.abs(d)).round(6)) for d in directions]
    assert found == [(0, 0.5, 0.5), (0, 0, 1), (0.5, 0.5, 1), (0, 0.5, 1.5), (1, 1, 1)]


def test_zone_axes_of_a_low_symmetry_crystal_are_its_shortest_vectors():
    atoms = bulk("Ti", "hcp", a=2.95, c=4.68)
    atoms.positions += 0.01 * np.random.default_rng(0).normal(size=(2, 3))
    lengths = np.linalg.norm(zone_axes(atoms, 5) @ atoms.cell[:], axis=1)
    assert np.all(np.diff(lengths) >= -1e-3)
    assert lengths[0] == pytest.approx(2.95)


@pytest.mark.parametrize("direction", [(0, 0, 1), (0, 0, -1), (1, 0, 0), (1, -2, 3)])
def test_a_direction_comes_to_lie_along_the_beam(direction):
    rotation = along_beam(np.array(direction, float), 0.7)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    turned = rotation @ direction
    np.testing.assert_allclose(turned, [0, 0, np.linalg.norm(direction)], atol=1e-12)


@pytest.mark.parametrize("number", [0, 4])
def test_a_full_box_is_the_crystal(crystals, number):
    """As dense, with the same distances, and nothing missing in the middle or at the corners."""
    atoms = oriented_crystal(crystals[3], number, 2, np.random.default_rng(number))
    box = (30.0, 30.0, 60.0)
    filled = fill_box(atoms, box)
    assert np.all((filled.positions >= 0) & (filled.positions < box))
    density = len(filled) / np.prod(box)
    assert density == pytest.approx(len(atoms) / atoms.get_volume(), rel=0.02)
    filled.pbc = False
    distances = np.unique(neighbor_list("d", filled, 4.0).round(3))
    expected = np.unique(neighbor_list("d", crystals[3], 4.0).round(3))
    np.testing.assert_allclose(distances, expected, atol=2e-3)
    octants = np.floor(filled.positions / (np.array(box) / 2)).astype(int)
    counts = np.bincount(octants @ [4, 2, 1], minlength=8)
    assert counts.min() > 0.85 * counts.mean()


def test_the_zone_axis_runs_along_the_beam(crystals):
    atoms = oriented_crystal(crystals[0], 1, 3, np.random.default_rng(0))
    beam = atoms.info["orientation"] @ (atoms.info["zone_axis"] @ atoms.cell[:])
    np.testing.assert_allclose(beam[:2], 0, atol=1e-9)
    assert beam[2] > 2
    off = oriented_crystal(crystals[0], 3, 3, np.random.default_rng(0))
    assert not off.info["zone_axis"].any()


def test_a_structure_depends_on_its_number_only(tmp_path):
    whole = make_shard(PARAMETERS, None, SEED, NAME, "train", range(0, 7))
    part = make_crystals(SEED, NAME, "train", range(4, 7), **PARAMETERS)
    for first, second in zip(whole[4:], part, strict=True):
        assert first.info["crystal"] == second.info["crystal"]
        np.testing.assert_array_equal(first.info["orientation"], second.info["orientation"])
        np.testing.assert_array_equal(first.positions, second.positions)
    assert [bool(a.info["zone_axis"].any()) for a in whole] == [1, 1, 0, 1, 1, 0, 1]
    assert len({a.info["crystal"] for a in whole}) == 3
    write_structures(tmp_path / "shard.extxyz", whole)
    again = read_structures(tmp_path / "shard.extxyz")
    for written, read in zip(whole, again, strict=True):
        np.testing.assert_allclose(read.info["orientation"], written.info["orientation"], atol=1e-7)
        np.testing.assert_allclose(read.info["origin"], written.info["origin"], atol=1e-7)
        assert read.info["crystal"] == written.info["crystal"]
    assert ase.io.read(tmp_path / "shard.extxyz", index=0).pbc.all()


def test_more_crystals_than_there_are_is_an_error(monkeypatch):
    monkeypatch.setattr(crystals_module, "candidates", lambda: candidates()[:30])
    with pytest.raises(ValueError, match="can be drawn"):
        make_crystals(SEED, NAME, "train", range(300, 301), **PARAMETERS)


def test_a_seed_draws_other_crystals(crystals):
    other = list(itertools.islice(drawn_crystals(SEED + 1, NAME, "train", 0.1), 12))
    same = {c.info["crystal"] for c in crystals} & {c.info["crystal"] for c in other}
    assert len(same) < 3


def real_crystals():
    """Three real materials and one that is no crystal of any prototype."""
    salt = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    )
    caesium = Structure(Lattice.cubic(4.12), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    copper = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.61), ["Cu"], [[0, 0, 0]])
    rng = np.random.default_rng(0)
    mess = Structure(Lattice.from_parameters(5, 7, 9, 80, 95, 103), ["C"] * 9, rng.random((9, 3)))
    return [("b-1", salt), ("a-2", caesium), ("c-3", copper), ("d-4", mess)]


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    path = tmp_path_factory.mktemp("frozen") / "real.extxyz"
    freeze(path, match_prototypes(real_crystals()))
    return path


def test_real_crystals_are_matched_to_prototypes_and_reduced(frozen):
    crystals = {c.info["crystal"].split("/")[1]: c for c in read_frozen(frozen)}
    labels = {name: c.info["prototype"] for name, c in crystals.items()}
    assert labels == {
        "a-2": "AB_cP2_221_b_a",
        "b-1": "AB_cF8_225_a_b",
        "c-3": "A_cF4_225_a",
    }
    assert [len(crystals[name]) for name in sorted(crystals)] == [2, 2, 1]
    assert crystals["b-1"].get_volume() == pytest.approx(5.64**3 / 4, rel=1e-6)


def test_a_frozen_crystal_that_changed_is_refused(frozen, tmp_path):
    for suffix in (".extxyz", ".csv"):
        (tmp_path / f"copy{suffix}").write_bytes(frozen.with_suffix(suffix).read_bytes())
    copy = tmp_path / "copy.extxyz"
    assert len(read_frozen(copy)) == 3
    copy.write_text(copy.read_text().replace("Cu ", "Ag "))
    with pytest.raises(ShardError, match=r"found others for 1 ids, \['c-3'\]"):
        read_frozen(copy)
    copy.with_suffix(".csv").unlink()
    with pytest.raises(ShardError, match="with their table"):
        read_frozen(copy)


def test_a_hash_does_not_see_rounding_errors():
    atoms = bulk("Cu")
    moved = atoms.copy()
    moved.positions -= 1e-9
    assert crystal_hash(moved) == crystal_hash(atoms)
    moved.positions += 0.01
    assert crystal_hash(moved) != crystal_hash(atoms)


def test_structures_are_drawn_from_a_frozen_file(frozen):
    parameters = {"low_index": 1, "random": 1, "held_out_prototypes": 0.3, "frozen": str(frozen)}
    trained = make_crystals(SEED, NAME, "train", range(4), **parameters)
    held_out = make_crystals(SEED, NAME, "heldout", range(2), **parameters)
    names = [a.info["crystal"] for a in (*trained[::2], *held_out[::2])]
    assert sorted(n.split("/")[1] for n in names) == ["a-2", "b-1", "c-3"]
    with pytest.raises(ValueError, match="can be drawn"):
        make_crystals(SEED, NAME, "heldout", range(2, 4), **parameters)


def test_prototypes_have_no_classes_and_name_their_file():
    assert classes({}, None) == []
    assert Parameters().files == []
    assert Parameters(frozen="real.extxyz").files == ["real.extxyz"]
