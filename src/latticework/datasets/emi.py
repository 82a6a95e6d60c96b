"""The image in an .emi file of TIA without its .ser file: a copy of the first is kept."""

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np

# Types of data by their codes, those of .ser files.
TYPES = {1: "u1", 2: "u2", 3: "u4", 4: "i1", 5: "i2", 6: "i4", 7: "f4", 8: "f8"}
# bytes: the image follows the list of objects, which is short.
SEARCHED = 1 << 16
SMALLEST = 8  # px


def has_series(path: Path) -> bool:
    """Whether the .ser files that belong to an .emi file lie beside it."""
    return any(path.parent.glob(f"{path.stem}_[0-9]*.ser"))


def signals(path: Path) -> list[dict[str, Any]]:
    """The image of an .emi file as rosettasciio's dictionary.

    It is found by what precedes it: the code of its type, its length in bytes with eight more, and
    its width and height, which have to agree. Its pixel is not known here. Raises ValueError where
    there is none.
    """
    content = path.read_bytes()
    for at in range(min(SEARCHED, len(content) - 14)):
        kind = TYPES.get(content[at])
        if kind is None:
            continue
        length, nx, ny = struct.unpack_from("<iii", content, at + 1)
        size = nx * ny * np.dtype(kind).itemsize
        if min(nx, ny) < SMALLEST or length != size + 8 or at + 13 + size > len(content):
            continue
        data = np.frombuffer(content, f"<{kind}", nx * ny, at + 13).reshape(ny, nx)
        axes = [{"scale": 1.0, "units": None, "navigate": False} for _ in range(2)]
        voltage = re.search(rb"<AcceleratingVoltage>([\d.]+)</", content)
        microscope = {"beam_energy": float(voltage[1]) / 1e3} if voltage else {}
        metadata = {
            "General": {"title": path.stem},
            "Acquisition_instrument": {"TEM": microscope},
        }
        # The origin is in the lower left.
        return [{"data": data[::-1].copy(), "axes": axes, "metadata": metadata}]
    raise ValueError("no image in it, and no .ser file beside it")
