"""Where a command may write: never over its input, nor over anything but a plain file."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from latticework.cli.published import InputError

# What is written is what the name says: options that draw pictures, and tables.
PICTURES = ("--overlay", "--mask", "--residual")
SPREADSHEETS = (".xlsx", ".xls", ".ods")


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
        if path.exists() and not os.access(path, os.W_OK):
            raise InputError(f"{option} {path}: is there already and may not be written to")
        ending = path.suffix.lower()
        if option in PICTURES and ending != ".png":
            raise InputError(f"{option} {path}: a PNG is written; give it the ending .png")
        if ending in SPREADSHEETS:
            raise InputError(f"{option} {path}: no spreadsheet is written; give it the ending .csv")
        seen[option] = path


def _same(path: Path, other: Path) -> bool:
    """Whether two paths lead to one file, be it by symbolic or hard links."""
    if path.exists() and other.exists():
        return path.samefile(other)
    return path.resolve() == other.resolve()
