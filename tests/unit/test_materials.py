"""Facts of the materials that there are, and what is said of a wrong file."""

import numpy as np
import pytest
import yaml
from scipy.spatial import cKDTree

from latticework import materials, names
from latticework.analysis.atoms.bonds_and_rings import bond_graph, bond_lengths
from latticework.materials import MaterialError
from latticework.structures.references import reference_crystal

# A material of two classes, as somebody would write it.
MOS2 = """
title: a single layer of MoS2
elements: [Mo, S]
lattice_constant: 3.16
classes: {Mo: molybdenum atom, S2: pair of sulphur atoms}
density: 0.2313
coverage: 0.05
neighbours: [1.4, 2.3]
bonds: {length: 1.82, cutoff: {Mo-S2: 2.4}, coordination: 3}
reflections: {spacing: 2.7366}
groups:
  - {name: covered, title: covered atoms, rule: {covered: 4.0}, shown: false}
  - {name: lattice, title: atoms of the lattice, rule: {rings: 6}}
  - {name: other, title: other atoms}
reference:
  cell: [3.16, 5.4733]
  basis:
    - {element: Mo, at: [0, 0, 0]}
    - {element: Mo, at: [0.5, 0.5, 0]}
    - {element: S, at: [0, 0.3333333333333333, 0.25]}
    - {element: S, at: [0, 0.3333333333333333, -0.25]}
    - {element: S, at: [0.5, 0.8333333333333333, 0.25]}
    - {element: S, at: [0.5, 0.8333333333333333, -0.25]}
  repeats: [5, 3]
  period: 6.15
  neighbours: 9
template: honeycomb
"""


WITH_REFERENCE = [n for n in names.available("materials") if materials.load(n).reference]


@pytest.mark.parametrize("name", WITH_REFERENCE)
def test_reference_crystals_are_what_the_material_says(name):
    material = materials.load(name)
    crystal = reference_crystal(material)
    box = crystal.cell.lengths()
    assert box[0] == pytest.approx(box[1])
    columns = np.unique(crystal.arrays["column"], return_index=True)[1]
    positions = crystal.positions[columns, :2]
    assert len(positions) / (box[0] * box[1]) == pytest.approx(material.density, rel=0.01)
    nearest = cKDTree(positions, boxsize=box[:2]).query(positions, k=2)[0][:, 1]
    assert (nearest > material.neighbours[0]).all()
    assert (nearest < material.neighbours[1]).all()
    assert set(crystal.symbols) <= set(material.elements)


def test_the_reference_sheet_is_pristine():
    material = materials.load("graphene")
    sheet = reference_crystal(material)
    box = sheet.cell.lengths()[:2]
    bonds = bond_graph(sheet.positions[:, :2], material.bonds.longest, box)
    lengths = bond_lengths(sheet.positions[:, :2], bonds, box)
    assert len(bonds) == 1.5 * len(sheet)
    assert lengths.min() > 1.40
    assert lengths.max() < 1.44


def test_columns_of_the_reference_are_straight_and_whole():
    material = materials.load("gold")
    crystal = reference_crystal(material)
    for number in np.unique(crystal.arrays["column"]):
        column = crystal.positions[crystal.arrays["column"] == number]
        assert len(column) == material.reference.layers
        assert np.ptp(column[:, :2], axis=0) == pytest.approx(0)
        assert np.diff(column[:, 2]) == pytest.approx(4.08 / np.sqrt(2))
    nearest = cKDTree(crystal.positions).query(crystal.positions, k=2)[0][:, 1]
    assert np.median(nearest) == pytest.approx(4.08 / np.sqrt(2), rel=0.01)


def test_reflections_are_those_of_the_lattice():
    gold, graphene = materials.load("gold"), materials.load("graphene")
    lengths = {
        axis: np.hypot(*np.array(vectors).T) for axis, vectors in gold.reflections.zone_axes.items()
    }
    assert 4.08 * lengths["110"] == pytest.approx([np.sqrt(3), np.sqrt(3), 2])
    assert 4.08 * lengths["111"] == pytest.approx(np.full(3, np.sqrt(8)))
    spacing = graphene.lattice_constant * np.sqrt(3) / 2
    assert graphene.reflections.spacing == pytest.approx(spacing, abs=1e-3)


def test_a_material_of_two_classes_is_one_file():
    material = materials.parse("MoS2", yaml.safe_load(MOS2), "MoS2.yaml")
    assert material.title_of("S2") == "pair of sulphur atoms"
    assert material.title_of("V") == "V"
    assert material.bonds.cutoff_of("S2", "Mo") == material.bonds.longest == 2.4
    assert material.bonds.cutoff_of("Mo", "Mo") == 0
    crystal = reference_crystal(material)
    counts = np.bincount(crystal.arrays["column"])
    assert sorted(set(counts)) == [1, 2]
    assert (crystal.symbols == "S").sum() == 2 * (crystal.symbols == "Mo").sum()


def test_without_groups_all_atoms_are_one():
    facts = yaml.safe_load(MOS2)
    del facts["groups"]
    assert [g.name for g in materials.parse("MoS2", facts, "MoS2.yaml").groups] == ["all"]


def test_an_unknown_name_lists_those_there_are():
    with pytest.raises(MaterialError, match=r"no 'unobtainium'; there are .*'gold', 'graphene'"):
        materials.load("unobtainium")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"density": -1}, "density: Input should be greater than 0"),
        ({"colour": "blue"}, "colour: Extra inputs"),
        ({"neighbours": [2.3, 1.4]}, "the shorter distance comes first"),
        ({"reflections": {}}, "reflections: give either spacing"),
        ({"bonds": None}, "group lattice is told by its rings"),
        ({"groups": [{"name": "a", "title": "a", "rule": {"covered": 1}}]}, "the last group, a,"),
        (
            {"bonds": {"length": 1.8, "cutoff": {"Mo-W": 2}, "coordination": 3}},
            r"\['Mo-W'\] are no pairs",
        ),
    ],
)
def test_a_wrong_file_says_which_key(changed, message):
    with pytest.raises(MaterialError, match=message) as raised:
        materials.parse("MoS2", yaml.safe_load(MOS2) | changed, "MoS2.yaml")
    assert str(raised.value).startswith("MoS2.yaml: ")


def test_a_material_without_a_reference_crystal_says_so():
    facts = yaml.safe_load(MOS2) | {"reference": None}
    with pytest.raises(ValueError, match="MoS2 has no reference crystal"):
        reference_crystal(materials.parse("MoS2", facts, "MoS2.yaml"))


def test_a_file_that_is_no_mapping_is_refused():
    with pytest.raises(MaterialError, match="expected the facts"):
        materials.parse("empty", None, "empty.yaml")
