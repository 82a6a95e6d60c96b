"""Bragg peaks as a file that HyperSpy opens, and pyxem as its `DiffractionVectors`.

Written by rosettasciio, HyperSpy's own reader and writer of files. A ragged signal: each position
of the scan holds an array (n, 3) of kx, ky (1/Å from the direct beam) and intensity.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rsciio import hspy

from latticework import __version__, shards


def write_hyperspy_vectors(
    path: str | Path, peaks: Sequence[np.ndarray], scan: tuple[int, int], *, title: str
) -> None:
    """Write peaks (n, 3) of each position, row by row: qx, qy in 1/Å and intensity; atomically.

    Raises ValueError for another number of positions than the scan has.
    """
    if len(peaks) != scan[0] * scan[1]:
        raise ValueError(f"{len(peaks)} lists of peaks for a scan of {scan[0]} × {scan[1]}")
    data = np.empty(scan, dtype=object)
    for place, found in zip(np.ndindex(*scan), peaks, strict=True):
        data[place] = np.asarray(found, float).reshape(-1, 3)
    axes = [
        {
            "name": name,
            "size": size,
            "offset": 0.0,
            "scale": 1.0,
            "units": "",
            "navigate": True,
            "index_in_array": number,
        }
        for number, (name, size) in enumerate(zip("yx", scan, strict=True))
    ]
    signal = {
        "data": data,
        "axes": axes,
        "metadata": {
            "General": {"title": title},
            "Signal": {"signal_type": "diffraction_vectors"},
            "VectorMetadata": {
                "column_names": ["kx", "ky", "intensity"],
                "column_units": ["1/Å", "1/Å", ""],
            },
        },
        "original_metadata": {},
        "attributes": {"_lazy": False, "ragged": True},
        "package_info": {"package": "latticework", "package_version": __version__},
        "learning_results": {},
        "tmp_parameters": {},
        "models": {},
    }
    with shards.atomic(path) as temporary:
        hspy.file_writer(str(temporary), signal, show_progressbar=False)
