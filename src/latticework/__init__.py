"""Grow atoms, image them in a simulated microscope, train networks on the images, read micrographs.

The modules follow the data: structures, simulation, imaging, networks, learning, inference,
analysis, datasets, figures. A module imports only from modules that stand before it.

For notebooks and other programs, `from latticework import predict, defects, peaks, strain, export`
are the commands as functions; they are loaded when they are asked for.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

FUNCTIONS = ("defects", "export", "peaks", "predict", "strain")


def __getattr__(name: str) -> Any:
    if name in FUNCTIONS:
        return getattr(import_module("latticework.cli.python"), name)
    raise AttributeError(f"module 'latticework' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *FUNCTIONS])
