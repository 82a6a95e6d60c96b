"""The card of published weights, read from a .safetensors file's header without torch."""

import json
import struct
from pathlib import Path
from typing import Any

LARGEST_HEADER = 100_000_000  # bytes, the format's own limit


class CardError(ValueError):
    """A file is no .safetensors file with a card of ours."""


def read_card(path: str | Path) -> dict[str, Any]:
    """What weights say of themselves: study, network, classes, material, sections of the config.

    Raises CardError for a file that is missing, is not safetensors, or has no card.
    """
    if Path(path).is_dir():
        raise CardError(f"{path}: is a folder; give the .safetensors file in it")
    try:
        with open(path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > LARGEST_HEADER:
                raise CardError(f"{path}: expected a .safetensors file of weights")
            header = json.loads(file.read(length))
        return json.loads(header["__metadata__"]["card"])
    except (OSError, struct.error, KeyError, TypeError, ValueError) as error:
        if isinstance(error, CardError):
            raise
        if isinstance(error, FileNotFoundError):
            raise CardError(f"{path}: there is no such file of weights") from error
        raise CardError(f"{path}: expected weights with a card, found: {error!r}") from error
