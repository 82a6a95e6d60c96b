"""The only reader and writer of our HDF5 files: atomic, versioned, self-describing."""

import hashlib
import io
import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

VERSION = 1
PACKAGES = ("numpy", "scipy", "h5py", "ase", "abtem", "torch")


class ShardError(ValueError):
    """A file is not what its reader expects: path, what was expected, what was found."""


@dataclass(frozen=True)
class Array:
    """An array with the units and the names of its dimensions.

    `data` is an array, or for ragged arrays a sequence of arrays that differ in their first
    dimension only; `dims` then starts with the item and the ragged dimension.
    """

    data: np.ndarray | Sequence[np.ndarray]
    units: str
    dims: tuple[str, ...]
    ragged: bool = field(default=False)


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary path in the same folder that becomes `path` only if the block succeeds.

    A killed or failed job leaves nothing that looks finished. OSError, of a full disk say, names
    `path`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        # A write that fails does not say where it did.
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def sha256_of(path: str | Path) -> str:
    """sha256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_csv(path: str | Path, table: pd.DataFrame) -> None:
    """Write a table atomically, with ten significant digits."""
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.10g")


def software() -> dict[str, str]:
    """Versions of what decides the numbers, for provenance."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        # A rule's environment has only what the rule needs.
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def write(
    path: str | Path, kind: str, arrays: Mapping[str, Array], attributes: Mapping[str, Any]
) -> None:
    """Write arrays of one `kind` ("exit_waves", "dataset", "maps", …) to HDF5, atomically.

    `attributes` must be JSON types; a study's file has `study`, `run` and `config_hash`.
    Bit-identical for identical input: no time stamps, fixed order.
    """
    # In memory first: on a full disk the HDF5 library would crash on its way out.
    image = io.BytesIO()
    with h5py.File(image, "w", libver="latest") as file:
        file.attrs["format"] = f"latticework/{kind}"
        file.attrs["version"] = VERSION
        file.attrs["software"] = json.dumps(software())
        file.attrs["attributes"] = json.dumps(dict(attributes), sort_keys=True)
        for name in sorted(arrays):
            array = arrays[name]
            data = np.concatenate(list(array.data)) if array.ragged else np.asarray(array.data)
            dataset = file.create_dataset(
                name, data=data, track_times=False, fletcher32=data.ndim > 0, chunks=_chunks(data)
            )
            dataset.attrs["units"] = array.units
            dataset.attrs["dims"] = json.dumps(array.dims)
            if array.ragged:
                lengths = np.array([len(item) for item in array.data], dtype=np.int64)
                dataset.attrs["lengths"] = lengths
    with atomic(path) as temporary:
        temporary.write_bytes(image.getbuffer())


def _chunks(data: np.ndarray) -> tuple[int, ...] | None:
    """One picture a chunk for stacks of pictures, which are read singly; None: h5py's choice."""
    return (1,) * (data.ndim - 2) + data.shape[-2:] if data.ndim > 2 and data.size else None


def _opened(path: Path, kind: str, names: Sequence[str]) -> h5py.File:
    """A checked file that has arrays `names`; raises as h5py does, or ShardError."""
    file = h5py.File(path, "r")
    found = file.attrs.get("format"), file.attrs.get("version")
    missing = sorted(set(names) - set(file))
    if found != (f"latticework/{kind}", VERSION):
        file.close()
        raise ShardError(
            f"{path}: expected format latticework/{kind} version {VERSION}, "
            f"found {found[0]} version {found[1]}"
        )
    if missing:
        present = sorted(file)
        file.close()
        raise ShardError(f"{path}: expected arrays {missing}, found only {present}")
    return file


@contextmanager
def _readable(path: Path, kind: str) -> Iterator[None]:
    """Whatever goes wrong in reading a file becomes a ShardError that names it."""
    try:
        yield
    except ShardError:
        raise
    # What h5py raises depends on where a file is damaged.
    except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ShardError(
            f"{path}: expected a readable HDF5 file of kind {kind}, found: {error}. "
            "Delete it and run again: it is made anew."
        ) from error


def read(
    path: str | Path, kind: str, names: Sequence[str] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read arrays (all, or those named) and attributes of a file of one `kind`.

    Ragged arrays come back as lists. Raises ShardError, naming the path, what was expected and
    what was found, for a file that is missing, truncated, corrupt or of another kind.
    """
    with _readable(path, kind), _opened(Path(path), kind, names or ()) as file:
        arrays = {name: _load(file[name]) for name in (names or sorted(file))}
        return arrays, json.loads(file.attrs["attributes"])


def open_lazily(path: str | Path, kind: str, names: Sequence[str]) -> h5py.File:
    """A file of one `kind` that has arrays `names`, for reading parts of them; raises as `read`."""
    with _readable(path, kind):
        return _opened(Path(path), kind, names)


def _load(dataset: h5py.Dataset) -> np.ndarray | list[np.ndarray]:
    data = dataset[()]
    if "lengths" in dataset.attrs:
        return np.split(data, np.cumsum(dataset.attrs["lengths"])[:-1])
    return data


def numbered(arrays: Mapping[str, np.ndarray], prefix: str) -> list[np.ndarray]:
    """Arrays prefix_0000 … of a file in their order."""
    return [arrays[name] for name in sorted(arrays) if name.startswith(f"{prefix}_")]
