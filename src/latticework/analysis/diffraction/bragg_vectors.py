"""Bragg peaks as a file that py4DSTEM (0.14) opens as its `BraggVectors` and goes on from.

An EMD 1.0 file, written with h5py alone: py4DSTEM needs numpy 1 and is not installed beside us. Its
x is the row of the detector and its y the column.
"""

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from latticework import shards

NAME = "braggvectors"
PEAK = np.dtype([("qx", np.float64), ("qy", np.float64), ("intensity", np.float64)])


def write_bragg_vectors(
    path: str | Path,
    peaks: Sequence[np.ndarray],
    scan: tuple[int, int],
    shape: tuple[int, int],
    *,
    sampling: float,
    beam: tuple[float, float],
) -> None:
    """Write peaks for py4DSTEM, atomically.

    Parameters
    ----------
    peaks
        Of each position, row by row, (n, 3): column and row of the detector in px, intensity.
    scan, shape
        Rows and columns of the scan, and of a pattern.
    sampling
        Pixel of the patterns, 1/Å.
    beam
        Direct beam (column, row), px.

    Raises ValueError for another number of positions than the scan has.
    """
    if len(peaks) != scan[0] * scan[1]:
        raise ValueError(f"{len(peaks)} lists of peaks for a scan of {scan[0]} × {scan[1]}")
    with shards.atomic(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update(
            {
                "emd_group_type": "file",
                "version_major": 1,
                "version_minor": 0,
                "UUID": str(uuid.uuid5(uuid.NAMESPACE_URL, Path(path).name)),
                "authoring_program": "latticework",
                "authoring_user": "",
            }
        )
        root = _group(file, f"{NAME}_root", "root", "Root")
        vectors = _group(root, NAME, "custom", "BraggVectors")
        raw = _group(vectors, "_v_uncal", "custom_pointlistarray", "PointListArray")
        data = raw.create_dataset("data", scan, dtype=h5py.vlen_dtype(PEAK), track_times=False)
        for place, rows in zip(np.ndindex(*scan), peaks, strict=True):
            found = np.zeros(len(rows), PEAK)
            found["qy"], found["qx"], found["intensity"] = np.asarray(rows).reshape(-1, 3).T
            data[place] = found
        bundle = _group(vectors, "metadatabundle", "metadatabundle")
        shapes = _group(bundle, "_braggvectors_shape", "metadata", "Metadata")
        for name, value in (("Rshape", scan), ("Qshape", shape)):
            _item(shapes, name, np.array(value), "tuple")
        calibration = _calibration(scan, sampling, beam)
        bundle = _group(root, "metadatabundle", "metadatabundle")
        known = _group(bundle, "calibration", "metadata", "Calibration")
        for name, (value, kind) in calibration.items():
            _item(known, name, value, kind)
        targets = known.create_group("_target_paths")
        targets.attrs.update({"type": "list_of_strings", "length": 1})
        targets.create_dataset("0", data=f"/{NAME}", track_times=False)


def _group(parent: h5py.Group, name: str, kind: str, python_class: str = "") -> h5py.Group:
    group = parent.create_group(name)
    group.attrs["emd_group_type"] = kind
    if python_class:
        group.attrs["python_class"] = python_class
    return group


def _item(group: h5py.Group, name: str, value: Any, kind: str) -> None:
    group.create_dataset(name, data=value, track_times=False).attrs["type"] = kind


def _calibration(
    scan: tuple[int, int], sampling: float, beam: tuple[float, float]
) -> Mapping[str, tuple[Any, str]]:
    column, row = beam
    zeros = np.zeros(scan)
    return {
        "Q_pixel_size": (sampling, "number"),
        "Q_pixel_units": ("A^-1", "string"),
        "R_pixel_size": (1.0, "number"),
        "R_pixel_units": ("pixels", "string"),
        "QR_flip": (False, "bool"),
        "QR_rotation": (0.0, "number"),
        "QR_rotation_degrees": (0.0, "number"),
        "qx0": (zeros + row, "array"),
        "qy0": (zeros + column, "array"),
        "qx0_mean": (float(row), "number"),
        "qy0_mean": (float(column), "number"),
        "qx0_shift": (zeros, "array"),
        "qy0_shift": (zeros, "array"),
        "_root_treepath": ("", "string"),
    }
