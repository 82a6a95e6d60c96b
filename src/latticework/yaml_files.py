"""YAML without surprises: a key that is written twice is an error, not the later of the two."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml


class DuplicateKeyError(yaml.YAMLError):
    """A mapping has a key twice. The message says which, and in which lines."""


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        lines: dict[Any, int] = {}
        for key, _ in node.value:
            name, line = key.value, key.start_mark.line + 1
            # "<<" merges a mapping, and may stand there more than once.
            if isinstance(name, str) and name != "<<":
                if name in lines:
                    raise DuplicateKeyError(
                        f"'{name}' is there twice, in lines {lines[name]} and {line}"
                    )
                lines[name] = line
        return super().construct_mapping(node, deep)


def load(text: str) -> Any:
    """What a YAML text says. Raises yaml.YAMLError, also for a key that is there twice."""
    # A safe loader: it makes nothing but plain values.
    return yaml.load(text, Loader=_Loader)


def check_file(path: str | Path) -> None:
    """Raise DuplicateKeyError, with the file's name, for a key that a file has twice.

    A file that is no YAML for another reason is left to whoever reads it.
    """
    try:
        load(Path(path).read_text(encoding="utf-8"))
    except DuplicateKeyError as error:
        raise DuplicateKeyError(f"{path}: {error}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return
