"""Atoms in the formats of other libraries, read back by these libraries."""

import ase.io
import h5py
import numpy as np
import pandas as pd
import pytest

from latticework import shards
from latticework.analysis.atoms.exports import ExportError, element_of, export
from latticework.analysis.atoms.reading import Prediction

SAMPLING = 0.2


@pytest.fixture
def found():
    """Two images (30 × 40 px) of a material with two classes, and atoms of both."""
    rng = np.random.default_rng(0)
    frame = np.repeat([0, 1], [5, 3])
    positions = rng.uniform(0, 5, (8, 2))
    atoms = pd.DataFrame(
        {
            "x_angstrom": positions[:, 0],
            "y_angstrom": positions[:, 1],
            "x_px": positions[:, 0] / SAMPLING,
            "y_px": positions[:, 1] / SAMPLING,
            "probability": rng.uniform(0.5, 1, 8),
            "class": ["Au", "Au", "Au", "Au", "Au", "Au", "Au", "Au"],
            "p_Au": 1.0,
            "sigma_angstrom": 0.1,
            "frame": frame,
        }
    )
    frames = rng.poisson(20, (2, 30, 40)).astype(np.float32)
    card = {
        "study": "gold",
        "material": "gold",
        "network": {"frames": 1},
        "imaging": {"label_sigma": 0.4},
    }
    return Prediction(atoms, frames, SAMPLING, "user", ["doubtful"], card=card)


def test_the_table_as_hdf5(tmp_path, found):
    export(tmp_path / "atoms.h5", found)
    arrays, attributes = shards.read(tmp_path / "atoms.h5", "atoms")
    np.testing.assert_array_equal(arrays["x_angstrom"], found.atoms["x_angstrom"])
    assert [name.decode() for name in arrays["class"]] == list(found.atoms["class"])
    assert attributes["sampling_angstrom"] == SAMPLING
    assert attributes["warnings"] == ["doubtful"]
    with h5py.File(tmp_path / "atoms.h5") as file:
        assert file["y_angstrom"].attrs["units"] == "Å"
        assert file["x_px"].attrs["units"] == "px"


def test_structures_for_ase(tmp_path, found):
    export(tmp_path / "atoms.extxyz", found)
    first, second = ase.io.read(tmp_path / "atoms.extxyz", index=":")
    assert (len(first), len(second)) == (5, 3)
    assert set(first.get_chemical_symbols()) == {"Au"}
    table = found.atoms[found.atoms["frame"] == 1]
    np.testing.assert_allclose(second.positions[:, 0], table["x_angstrom"], atol=1e-6)
    np.testing.assert_allclose(second.positions[:, 1], table["y_angstrom"], atol=1e-6)
    np.testing.assert_allclose(second.arrays["probability"], table["probability"], atol=1e-6)
    np.testing.assert_allclose(first.cell.lengths()[:2], [40 * SAMPLING, 30 * SAMPLING])
    assert second.info["frame"] == 1


@pytest.mark.parametrize(
    ("name", "elements", "symbol"),
    [
        ("C", ["C"], "C"),
        ("S2", ["Mo", "S"], "S"),
        ("Mo", ["Mo", "S"], "Mo"),
        ("7", ["Au"], "Au"),
        ("vacancy", ["Mo", "S"], "X"),
        ("V", ["C", "Si"], "X"),
    ],
)
def test_the_element_of_a_class(name, elements, symbol):
    assert element_of(name, elements) == symbol


def test_images_and_markers_for_hyperspy(tmp_path, found):
    hs = pytest.importorskip("hyperspy.api", reason="hyperspy is not installed")
    export(tmp_path / "atoms.hspy", found)
    signal = hs.load(tmp_path / "atoms.hspy")
    np.testing.assert_array_equal(signal.data, found.frames)
    assert [axis.scale for axis in signal.axes_manager.signal_axes] == [SAMPLING, SAMPLING]
    markers = signal.metadata.Markers.atoms
    offsets = markers.kwargs["offsets"]
    table = found.atoms[found.atoms["frame"] == 1]
    np.testing.assert_allclose(offsets[1], table[["x_angstrom", "y_angstrom"]])


def test_a_hyperspy_file_by_its_own_reader(tmp_path, found):
    from rsciio.hspy import file_reader

    export(tmp_path / "atoms.hspy", found)
    (signal,) = file_reader(str(tmp_path / "atoms.hspy"))
    np.testing.assert_array_equal(signal["data"], found.frames)
    assert [axis["units"] for axis in signal["axes"][1:]] == ["Å", "Å"]
    offsets = signal["metadata"]["Markers"]["atoms"]["kwargs"]["offsets"]
    assert [len(part) for part in offsets] == [5, 3]


def test_a_lattice_for_atomap(tmp_path, found):
    path = tmp_path / "atoms.atomap.hdf5"
    export(path, found)
    with h5py.File(path) as file:
        assert file["Au_sublattice/atom_positions"].shape == (5, 2)
    pytest.importorskip("hyperspy.api", reason="hyperspy is not installed")
    am = pytest.importorskip("atomap.api", reason="atomap is not installed")
    lattice = am.load_atom_lattice_from_hdf5(path, construct_zone_axes=False)
    (sublattice,) = lattice.sublattice_list
    first = found.atoms[found.atoms["frame"] == 0]
    np.testing.assert_allclose(sublattice.x_position, first["x_px"])
    np.testing.assert_allclose(sublattice.y_position, first["y_px"])
    assert sublattice.pixel_size == SAMPLING


def test_an_ending_without_a_format(tmp_path, found):
    with pytest.raises(ExportError, match=r"\.extxyz"):
        export(tmp_path / "atoms.docx", found)
    assert not list(tmp_path.iterdir())


def test_no_lattice_of_no_atoms(tmp_path, found):
    nothing = Prediction(found.atoms[:0], found.frames, SAMPLING, "user", [], card=found.card)
    with pytest.raises(ExportError, match="none were found"):
        export(tmp_path / "a.atomap.hdf5", nothing)
    for name in ("a.csv", "a.h5", "a.extxyz", "a.hspy"):
        export(tmp_path / name, nothing)
    assert len(list(tmp_path.iterdir())) == 4
