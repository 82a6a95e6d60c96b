import numpy as np
import pytest
import yaml
from ase import Atoms
from grown import grow_particle, grow_sheet
from test_materials import MOS2

from latticework import materials
from latticework.evaluation.groups import atom_groups, in_field
from latticework.seeds import stream
from latticework.structures import specimen
from latticework.structures.references import reference_crystal

GRAPHENE, GOLD = materials.load("graphene"), materials.load("gold")


def test_groups_tell_the_clean_lattice_from_edges_and_dirt():
    atoms = grow_sheet(stream(1, "test", 0), holes=(1, 1), contamination=(1, 1))
    groups = atom_groups(atoms, GRAPHENE, ["C"])
    assert len(groups) == atoms.arrays["specimen"].sum()
    assert set(groups) == {"hexagonal", "other", "covered"}
    assert set(groups[~specimen(atoms).visible]) == {"covered"}
    # Within 4 Å of contamination, by brute force in the periodic box.
    box = atoms.cell.lengths()[:2]
    dirt = atoms.positions[~atoms.arrays["specimen"], :2]
    offset = specimen(atoms).positions[:, None, :2] - dirt
    near = np.linalg.norm(offset - box * np.round(offset / box), axis=-1).min(axis=1) < 4.0
    np.testing.assert_array_equal(groups == "covered", near)


def test_the_first_rule_that_holds_decides():
    first, *others = GRAPHENE.groups
    atoms = grow_sheet(stream(1, "test", 0), holes=(0, 0), contamination=(1, 1))
    swapped = GRAPHENE.model_copy(update={"groups": [others[0], first, others[1]]})
    groups = atom_groups(atoms, GRAPHENE, ["C"]), atom_groups(atoms, swapped, ["C"])
    assert (groups[1] == "hexagonal").sum() > (groups[0] == "hexagonal").sum()


@pytest.mark.parametrize("axis", ["100", "110", "111"])
def test_columns_inside_have_all_their_neighbours(axis):
    given = {"radius": (10, 10), "added": (0, 0), "tilt": (0, 0), "disorder": (0, 0)}
    atoms = grow_particle(stream(2, "test", 0), zone_axes=[axis], **given)
    groups = atom_groups(atoms, GOLD, ["Au"])
    positions = specimen(atoms).positions[:, :2]
    assert len(groups) == len(positions)
    middle = np.linalg.norm(positions - positions.mean(axis=0), axis=1)
    assert (groups[middle < 6] == "inside").all()
    assert set(groups) == {"inside", "edge"}
    assert middle[groups == "edge"].min() > 5


def test_a_zone_axis_without_neighbours_is_an_error():
    atoms = grow_particle(stream(2, "test", 0), radius=(6, 6))
    atoms.info["zone_axis"] = "112"
    with pytest.raises(ValueError, match="zone axis 112"):
        atom_groups(atoms, GOLD, ["Au"])


def test_neighbours_may_hold_for_any_zone_axis():
    rule = GOLD.groups[0].rule.model_copy(update={"neighbours": {"any": (3.2, 6)}})
    groups = [GOLD.groups[0].model_copy(update={"rule": rule}), GOLD.groups[1]]
    anywhere = GOLD.model_copy(update={"groups": groups})
    atoms = grow_particle(stream(2, "test", 0), radius=(6, 6), zone_axes=["110"])
    expected = atom_groups(atoms, GOLD, ["Au"])
    del atoms.info["zone_axis"]
    np.testing.assert_array_equal(atom_groups(atoms, anywhere, ["Au"]), expected)


def test_rings_of_two_classes():
    """A vacancy of one class: the atoms around it are no longer in hexagons only."""
    material = materials.parse("MoS2", yaml.safe_load(MOS2), "MoS2.yaml")
    atoms = reference_crystal(material)
    atoms.new_array("visible", np.ones(len(atoms), bool))
    atoms.new_array("classes", np.where(atoms.symbols == "Mo", 1, 2))
    assert set(atom_groups(atoms, material, ["Mo", "S2"])) == {"lattice"}
    vacancy = atoms[atoms.arrays["column"] != atoms.arrays["column"][2]]
    groups = atom_groups(vacancy, material, ["Mo", "S2"])
    assert (groups == "other").sum() == 12


def test_an_atom_beyond_the_border_is_seen_at_the_opposite_side():
    atoms = Atoms(cell=(10, 12, 5))
    found = in_field(np.array([[11.0, -1.0]]), atoms)
    np.testing.assert_allclose(found, [[1.0, 11.0]])
