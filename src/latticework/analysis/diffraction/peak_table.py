"""The Bragg peaks of a scan as a table."""

from pathlib import Path

import numpy as np
import pandas as pd

from latticework import shards

# What is known of a peak, and in which units.
UNITS = {
    "qx": "1/Å",
    "qy": "1/Å",
    "intensity": "strongest peak",
    "sigma": "1/Å",
    "sigma_intensity": "strongest peak",
    "x_px": "px",
    "y_px": "px",
}


def peak_table(path: str | Path) -> pd.DataFrame:
    """All peaks of a file of format "bragg_peaks": pattern, scan_0, …, and the columns of `UNITS`.

    Raises ShardError.
    """
    arrays, attributes = shards.read(path, "bragg_peaks", list(UNITS))
    lengths = [len(row) for row in arrays["qx"]]
    number = np.repeat(np.arange(len(lengths)), lengths)
    table = pd.DataFrame({name: np.concatenate(arrays[name]) for name in UNITS})
    places = np.unravel_index(number, attributes["scan"]) if attributes["scan"] else ()
    for axis, place in reversed(list(enumerate(places))):
        table.insert(0, f"scan_{axis}", place)
    table.insert(0, "pattern", number)
    return table
