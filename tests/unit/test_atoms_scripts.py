"""The scripts from class maps to tables of atoms, bonds and rings: functions like any other."""

import importlib.util
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import torch
from checkout import ROOT

from latticework import materials, shards
from latticework.imaging.labels import render_labels
from latticework.structures.references import reference_crystal

SAMPLING = 0.12
ENTRY = {"region": None, "reference": None, "outlines": []}


def script(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.replace("/", "_"), ROOT / "scripts" / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path):
    """A sheet's labels as class maps, and its dataset: one image, one without a pixel size."""
    sheet = reference_crystal(materials.load("graphene"))
    side = round(sheet.cell.lengths()[0] / SAMPLING)
    maps = render_labels(
        torch.from_numpy(sheet.positions[None, :, :2]).float(),
        torch.ones(1, len(sheet), dtype=torch.int64),
        (side, side),
        torch.tensor([SAMPLING]),
        0.35,
        2,
    )[0].numpy()
    card = {"classes": ["C"], "imaging": {"label_sigma": 0.35}}
    shards.write(
        tmp_path / "maps.h5",
        "class_maps",
        {
            "map_sampling": shards.Array(np.float64(SAMPLING), "Å", ()),
            "map_0000": shards.Array(maps, "1", ("class", "y", "x")),
        },
        {"card": card},
    )
    blank = shards.Array(np.zeros((side, side), np.float32), "counts", ("y", "x"))
    centres = np.array([[50.0, 50.0], [70.0, 50.0], [60.0, 68.0], [40.0, 68.0], [80.0, 68.0]])
    shards.write(
        tmp_path / "dataset.h5",
        "dataset",
        {
            "image_0000": blank,
            "image_0001": blank,
            "sampling": shards.Array(np.array([SAMPLING, np.nan]), "Å", ("image",)),
            "reference": shards.Array(centres, "px", ("point", "axis (x, y)")),
        },
        {
            "names": ["a.tif", "b.tif"],
            "sampling_source": ["user", "unknown"],
            "warnings": [[], ["no pixel size"]],
            "skipped": "",
            "entry": ENTRY | {"reference": {"kind": "ring_centres"}},
        },
    )
    return tmp_path


def located(folder, threshold=0.5):
    outputs = [folder / f"{name}.csv" for name in ("atoms", "candidates", "frames")]
    script("analysis/atoms.py").main(
        folder / "maps.h5",
        folder / "dataset.h5",
        *outputs,
        epsilon=0.995,
        threshold=threshold,
        planes=0,
        refine=False,
        material="graphene",
    )
    return [pd.read_csv(path) for path in outputs]


def measured(folder, material):
    names = ("strain", "bonds", "rings", "reference")
    script("analysis/bonds.py").main(
        folder / "atoms.csv",
        folder / "dataset.h5",
        *(folder / f"{name}.csv" for name in names),
        material=material,
    )
    return [pd.read_csv(folder / f"{name}.csv") for name in names]


def test_atoms_of_every_image_that_has_a_pixel_size(folder, capsys):
    atoms, candidates, frames = located(folder)
    sheet = reference_crystal(materials.load("graphene"))
    # Those on the border are seen in part, once.
    assert 0.8 * len(sheet) < len(atoms) <= len(sheet)
    assert set(atoms["class"]) == {"C"}
    assert set(atoms["frame"]) == {0}
    assert len(candidates) >= len(atoms)
    assert frames["name"].tolist() == ["a.tif", "b.tif"]
    assert frames["atoms"].tolist() == [len(atoms), 0]
    assert frames["warnings"].tolist()[1] == "no pixel size"
    assert "WARNING b.tif: no pixel size" in capsys.readouterr().out


def test_bonds_rings_and_strain_of_a_sheet(folder):
    atoms, *_ = located(folder)
    strain, bonds, rings, reference = measured(folder, "graphene")
    assert len(strain) == len(atoms)
    assert bonds["length_angstrom"].mean() == pytest.approx(1.42, abs=0.01)
    assert set(rings["size"]) == {6}
    assert list(rings) == ["ring", "size", "order", "x_angstrom", "y_angstrom", "frame"]
    corners = rings[rings["ring"] == 0][["x_angstrom", "y_angstrom"]].to_numpy()
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=0), axis=1)
    assert sides == pytest.approx(np.full(6, 1.42), abs=0.05)
    # Five ring centres have three corners in common.
    assert len(reference) == 3
    assert reference["x_angstrom"].between(40 * SAMPLING, 80 * SAMPLING).all()


def test_a_material_without_bonds_has_empty_tables(folder):
    atoms, *_ = located(folder)
    strain, bonds, rings, _ = measured(folder, "gold")
    assert len(strain) == len(atoms)
    assert strain["planar"].isna().all()
    assert bonds.empty
    assert rings.empty


def test_no_atoms_are_empty_tables_with_all_columns(folder):
    full = located(folder)[0]
    none, *_ = located(folder, threshold=1.1)
    assert none.empty
    assert list(none) == list(full)
    strain, bonds, rings, _ = measured(folder, "graphene")
    assert strain.empty
    assert bonds.empty
    assert rings.empty
