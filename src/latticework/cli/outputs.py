"""Where a command may write: never over its input, nor over anything but a plain file."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from latticework.cli.published import InputError


def check_outputs(inputs: Sequence[Path], outputs: Mapping[str, Path | None]) -> None:
    """Raise InputError, before anything is computed, for an output that would do damage.

    Parameters
    ----------
    inputs
        Files that the command reads.
    outputs
        Option → file to write, None where the option was not given.
    """
    seen: dict[str, Path] = {}
    for option, path in outputs.items():
        if path is None:
            continue
        if any(_same(path, other) for other in inputs):
            raise InputError(f"{option} {path}: is an input file, which would be overwritten")
        for earlier, other in seen.items():
            if _same(path, other):
                raise InputError(f"{option} {path}: is the file of {earlier} as well")
        if path.is_symlink():
            raise InputError(f"{option} {path}: is a link; name the file itself")
        if path.exists() and not path.is_file():
            raise InputError(f"{option} {path}: is not a plain file; name a file to write")
        folder = path.resolve().parent
        if not folder.is_dir():
            raise InputError(f"{option} {path}: its folder does not exist")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise InputError(f"{option} {path}: its folder cannot be written to")
        seen[option] = path


def _same(path: Path, other: Path) -> bool:
    """Whether two paths lead to one file, be it by symbolic or hard links."""
    if path.exists() and other.exists():
        return path.samefile(other)
    return path.resolve() == other.resolve()
