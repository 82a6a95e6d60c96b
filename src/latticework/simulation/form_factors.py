"""Form factors of atoms for electrons, by Lobato & Van Dyck (Acta Cryst. A 70, 636, 2014)."""

import json
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import numpy as np


def form_factor(element: str, squares: np.ndarray) -> np.ndarray:
    """Form factor f_e of an element in Å, at squared frequencies in 1/Å²."""
    amplitudes, widths = np.array(_table()[element])
    wide = 1 + np.multiply.outer(squares, widths)
    return ((1 + wide) / wide**2) @ amplitudes


@cache
def _table() -> dict[str, list[list[float]]]:
    """Amplitudes and widths of each element, from abTEM's table.

    abTEM itself is not imported: it compiles functions in every process, which takes seconds.
    """
    table = distribution("abtem").locate_file("abtem/parametrizations/data/lobato.json")
    return json.loads(Path(str(table)).read_text())
