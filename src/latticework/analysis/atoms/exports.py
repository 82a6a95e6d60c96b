"""Atoms for other programs: the format follows from the ending of the file's name.

| ending | what it is | read by |
|---|---|---|
| .csv | the table | anything |
| .h5 | the table, column by column, with units | h5py; `shards.read(path, "atoms")` |
| .xyz, .extxyz | a structure for each image, with what is known of its atoms | ASE, OVITO |
| .hspy | the images with their scale, and the atoms as markers | HyperSpy |
| .atomap.hdf5 | the first image, and a sublattice for each class | atomap |
"""

import re
from collections.abc import Callable
from pathlib import Path

import ase.io
import h5py
import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from rsciio.hspy import file_writer

from latticework import __version__, materials
from latticework.analysis.atoms.reading import Prediction
from latticework.shards import Array, atomic, write, write_csv

UNITS = {"angstrom": "Å", "px": "px"}
COLOURS = ("red", "blue", "orange", "purple", "cyan", "magenta")


class ExportError(ValueError):
    """There is no format for a file's name, or it cannot hold what was found."""


def export(path: Path, found: Prediction) -> None:
    """Write what was found in the format of the file's ending, atomically.

    Raises ExportError for an ending without a format.
    """
    writer_of(path)(path, found)


def writer_of(path: Path) -> Callable[[Path, Prediction], None]:
    """The function that writes files of such a name. Raises ExportError where there is none."""
    name = path.name.lower()
    for ending, writer in WRITERS.items():
        if name.endswith(ending):
            return writer
    raise ExportError(
        f"{path}: no format has this ending; there are {', '.join(WRITERS)} (.csv is the table)"
    )


def element_of(name: str, elements: list[str]) -> str:
    """The chemical symbol of a class: the one its name begins with; of a column whose class is
    its number of atoms, the material's; "X", ASE's placeholder, where no atom is meant."""
    found = re.match(r"[A-Z][a-z]?", name)
    for symbol in (found.group(), found.group()[0]) if found else ():
        if symbol in atomic_numbers and symbol in elements:
            return symbol
    return elements[0] if name.isdigit() else "X"


def _csv(path: Path, found: Prediction) -> None:
    write_csv(path, found.atoms)


def _hdf5(path: Path, found: Prediction) -> None:
    arrays = {}
    for name, column in found.atoms.items():
        values = column.to_numpy()
        if values.dtype == object or values.dtype.kind in "UT":
            values = np.array([str(v).encode() for v in values], dtype=np.bytes_)
        arrays[str(name)] = Array(values, UNITS.get(str(name).split("_")[-1], "1"), ("atom",))
    attributes = {
        "study": found.card["study"],
        "sampling_angstrom": found.sampling,
        "sampling_source": found.sampling_source,
        "warnings": list(found.warnings),
    }
    write(path, "atoms", arrays, attributes)


def structures(found: Prediction) -> list[Atoms]:
    """A structure (z = 0, in Å, y down as in the image) for each image, in a cell of its size."""
    elements = materials.load(found.card["material"]).elements
    ny, nx = found.frames.shape[-2:]
    made = []
    for number in range(len(found.fields)):
        table = found.atoms[found.atoms["frame"] == number]
        flat = table[["x_angstrom", "y_angstrom"]].to_numpy(dtype=float)
        atoms = Atoms(
            [element_of(str(name), elements) for name in table["class"]],
            positions=np.column_stack([flat, np.zeros(len(flat))]),
            cell=[nx * found.sampling, ny * found.sampling, 0],
            pbc=False,
        )
        atoms.set_array("class", np.array(table["class"], dtype=str))
        for column in table.columns.difference(["x_angstrom", "y_angstrom", "class", "frame"]):
            if table[column].dtype.kind in "fiu":
                atoms.set_array(column, table[column].to_numpy())
        atoms.info |= {
            "frame": number,
            "study": found.card["study"],
            "sampling_angstrom": found.sampling,
        }
        made.append(atoms)
    return made


def _extxyz(path: Path, found: Prediction) -> None:
    with atomic(path) as temporary:
        ase.io.write(temporary, structures(found), format="extxyz")


def _hyperspy(path: Path, found: Prediction) -> None:
    images = found.fields
    movie = len(images) > 1
    places = [
        found.atoms.loc[found.atoms["frame"] == n, ["x_angstrom", "y_angstrom"]].to_numpy(float)
        for n in range(len(images))
    ]
    offsets = places[0]
    if movie:
        offsets = np.empty(len(places), dtype=object)
        offsets[:] = places
    axes = [
        {"name": name, "scale": found.sampling, "offset": 0.0, "units": "Å", "size": size}
        for name, size in zip("yx", images.shape[-2:], strict=True)
    ]
    if movie:
        axes.insert(0, {"name": "frame", "scale": 1.0, "offset": 0.0, "size": len(images)})
    for number, axis in enumerate(axes):
        axis |= {"navigate": movie and number == 0, "_type": "UniformDataAxis", "is_binned": False}
    marker = {
        "class": "Points",
        "name": "atoms",
        "plot_on_signal": True,
        "offset_transform": "data",
        "transform": "display",
        "kwargs": {"offsets": offsets, "sizes": (3,), "units": "points", "color": "red"},
    }
    signal = {
        "data": images if movie else images[0],
        "axes": axes,
        "metadata": {
            "General": {"title": found.card["study"]},
            "Signal": {"signal_type": ""},
            "Markers": {"atoms": marker},
        },
        "original_metadata": {},
        "attributes": {"_lazy": False, "ragged": False},
        "learning_results": {},
        "tmp_parameters": {},
        "models": {},
        "package_info": {"package": "latticework", "package_version": __version__},
    }
    with atomic(path) as temporary:
        # The writer looks at the ending.
        ended = temporary.with_name(temporary.name + ".hspy")
        try:
            file_writer(str(ended), signal)
            ended.replace(temporary)
        finally:
            ended.unlink(missing_ok=True)


def _atomap(path: Path, found: Prediction) -> None:
    image = np.asarray(found.fields[0], dtype=float)
    first = found.atoms[found.atoms["frame"] == 0]
    if first.empty:
        raise ExportError(f"{path}: atomap has no lattice without atoms, and none were found")
    with atomic(path) as temporary, h5py.File(temporary, "w") as file:
        for number, (name, table) in enumerate(first.groupby("class", sort=True)):
            group = file.create_group(f"{name}_sublattice")
            # Widths, by which atomap draws: those of the network's labels, in px.
            sigma = np.full(len(table), found.card["imaging"]["label_sigma"] / found.sampling)
            group["modified_image_data"] = group["original_image_data"] = image
            group["atom_positions"] = table[["x_px", "y_px"]].to_numpy(float)
            group["sigma_x"] = group["sigma_y"] = sigma
            group["rotation"] = np.zeros(len(table))
            group.attrs.update(
                {
                    "pixel_size": found.sampling,
                    "units": "Å",
                    "pixel_separation": 0.8 / found.sampling,
                    "name": str(name),
                    "plot_color": COLOURS[number % len(COLOURS)],
                    "sublattice_index": number,
                    "zone_axis_names_byte": [],
                }
            )
        file["image_data"] = file["original_image_data"] = image
        file.attrs.update(
            {
                "name": found.card["study"],
                "pixel_separation": 0.8 / found.sampling,
                "atom_lattice_type": "Atom_Lattice",
            }
        )


# The longer of two endings that fit comes first.
WRITERS: dict[str, Callable[[Path, Prediction], None]] = {
    ".atomap.hdf5": _atomap,
    ".csv": _csv,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".extxyz": _extxyz,
    ".xyz": _extxyz,
    ".hspy": _hyperspy,
}
