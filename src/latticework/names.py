"""A name in the configuration is a file of the package: find it, and load it when it is needed."""

import importlib
import re
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = Path(__file__).parent
# What makes a file of a room one that a configuration may name.
NAMED = re.compile(r"^(?:class )?(?:Parameters|MODALITY)\b", re.MULTILINE)


class UnknownNameError(ValueError):
    """A name of the configuration that no file has."""


@cache
def available(room: str) -> tuple[str, ...]:
    """Names that a configuration may use for a room, such as "structures", sorted.

    They are those of its modules that define `Parameters` or `MODALITY`, and of its YAML files.
    """
    modules = sorted((PACKAGE / room).glob("*.py"))
    named = [path for path in modules if NAMED.search(path.read_text(encoding="utf-8"))]
    return tuple(sorted(path.stem for path in (*named, *(PACKAGE / room).glob("*.yaml"))))


def load(room: str, name: str) -> ModuleType:
    """The module latticework.<room>.<name>. Raises UnknownNameError, naming those there are."""
    if name not in available(room):
        raise UnknownNameError(f"{room}: there is no '{name}'; there are {list(available(room))}")
    return importlib.import_module(f"latticework.{room}.{name}")


def resolve(reference: str) -> Any:
    """What a reference "room.module:attribute" below this package names."""
    module, attribute = reference.split(":")
    return getattr(importlib.import_module(f"latticework.{module}"), attribute)
