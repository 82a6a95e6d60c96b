"""The only reader and writer of our HDF5 files: atomic, versioned, self-describing."""

import errno
import hashlib
import io
import json
import os
import platform
import shutil
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
SEAL = "sha256_of_texts"  # the attribute with the checksum of the others
CHUNK = 4096  # values of a column that grows
SPARE = 4 << 20  # bytes that must stay free on the disk that a file grows on
WAITING = 1 << 20  # bytes that may wait in the HDF5 library's memory before they are written
FLOAT_FORMAT = "%.10g"  # of tables
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
    # A name may be as long as the file system allows, and the temporary one is longer.
    start = path.name.encode()[:200].decode(errors="ignore")
    temporary = path.with_name(f".{start}.{os.getpid()}.partial")
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
        table.to_csv(temporary, index=False, float_format=FLOAT_FORMAT)


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
    """Write arrays of one `kind` ("exit_waves", "dataset", "class_maps", …) to HDF5, atomically.

    `attributes` must be JSON types; a study's file has `study`, `run` and `config_hash`.
    Bit-identical for identical input: no time stamps, fixed order.
    """
    # In memory first: on a full disk the HDF5 library would crash on its way out.
    image = io.BytesIO()
    with h5py.File(image, "w", libver="latest") as file:
        _describe(file, kind, attributes)
        for name in sorted(arrays):
            _add(file, name, arrays[name])
    with atomic(path) as temporary:
        temporary.write_bytes(image.getbuffer())


def _describe(file: h5py.File, kind: str, attributes: Mapping[str, Any]) -> None:
    file.attrs["format"] = f"latticework/{kind}"
    file.attrs["version"] = VERSION
    file.attrs["software"] = json.dumps(software())
    file.attrs["attributes"] = json.dumps(dict(attributes), sort_keys=True)
    file.attrs[SEAL] = _seal(file)


def _seal(file: h5py.File) -> str:
    """sha256 of a file's texts, which HDF5's own checksums leave out."""
    texts = [str(file.attrs.get(name)) for name in ("format", "version", "software", "attributes")]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _add(file: h5py.File, name: str, array: Array) -> None:
    data = np.concatenate(list(array.data)) if array.ragged else np.asarray(array.data)
    dataset = file.create_dataset(
        name, data=data, track_times=False, fletcher32=data.ndim > 0, chunks=_chunks(data)
    )
    dataset.attrs["units"] = array.units
    dataset.attrs["dims"] = json.dumps(array.dims)
    if array.ragged:
        dataset.attrs["lengths"] = np.array([len(item) for item in array.data], dtype=np.int64)


class Stream:
    """An HDF5 file that grows piece by piece, for what does not fit into memory: see `stream`."""

    def __init__(self, file: h5py.File, path: Path):
        self.file, self.path = file, path
        self.lengths: dict[str, list[int]] = {}
        self.attributes: dict[str, Any] = {}
        self.waiting = 0

    def put(self, name: str, array: Array) -> None:
        """Write a whole array, which is small."""
        items = array.data if array.ragged else [array.data]
        self._make_room(sum(np.asarray(item).nbytes for item in items))
        _add(self.file, name, array)

    def append(self, name: str, array: Array) -> None:
        """Write items after those that were written before under the same name.

        Raises ValueError for items of another type or shape than those before, which HDF5 would
        convert or broadcast without a word.
        """
        pieces = [np.asarray(item) for item in array.data]
        joined = np.concatenate(pieces) if array.ragged else np.asarray(array.data)
        self._make_room(joined.nbytes)
        if name not in self.file:
            self._create(name, array, joined)
        dataset = self.file[name]
        known = dataset.dtype, dataset.shape[1:], name in self.lengths
        found = joined.dtype, joined.shape[1:], array.ragged
        if found != known:
            raise ValueError(
                f"{self.path}: items of {name} are (type, shape, ragged) {found}, those before "
                f"them {known}"
            )
        end = len(dataset)
        dataset.resize(end + len(joined), axis=0)
        dataset[end:] = joined
        if array.ragged:
            self.lengths[name] += [len(piece) for piece in pieces]

    def close(self, kind: str) -> None:
        """Write what is known at the end: the lengths of ragged items, and the attributes."""
        text = len(json.dumps(self.attributes))
        self._make_room(text + 8 * sum(map(len, self.lengths.values())))
        for name, lengths in self.lengths.items():
            self.file[name].attrs["lengths"] = np.array(lengths, dtype=np.int64)
        _describe(self.file, kind, self.attributes)

    def _create(self, name: str, array: Array, joined: np.ndarray) -> None:
        rest = joined.shape[1:]
        dataset = self.file.create_dataset(
            name,
            shape=(0, *rest),
            maxshape=(None, *rest),
            dtype=joined.dtype,
            chunks=_chunks(joined) or ((CHUNK,) if joined.ndim == 1 else True),
            track_times=False,
            fletcher32=True,
        )
        dataset.attrs["units"] = array.units
        dataset.attrs["dims"] = json.dumps(array.dims)
        if array.ragged:
            self.lengths[name] = []

    def _make_room(self, size: int) -> None:
        """Raise OSError while nothing is broken: a full disk crashes the HDF5 library.

        What the library still holds in memory will need room as well, so it may hold less than
        is left free.
        """
        if self.waiting + size > WAITING:
            self.file.flush()
            self.waiting = 0
        _check_room(self.path, size)
        self.waiting += size


def _check_room(path: Path, size: int) -> None:
    """Raise OSError unless a file of `size` bytes fits on a disk, with some to spare."""
    if shutil.disk_usage(path.parent).free < size + SPARE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


@contextmanager
def stream(path: str | Path, kind: str) -> Iterator[Stream]:
    """Write a file of one `kind` piece by piece, atomically and in bounded memory.

    The stream's `attributes`, JSON types, are written at the end. OSError, of a full disk say,
    names `path`.
    """
    path = Path(path)
    with atomic(path) as temporary:
        _check_room(path, 0)
        with h5py.File(temporary, "w", libver="latest") as file:
            open_stream = Stream(file, path)
            yield open_stream
            open_stream.close(kind)


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
    if file.attrs.get(SEAL, seal := _seal(file)) != seal:
        file.close()
        raise ShardError(
            f"{path}: expected attributes as they were written, found others: the file is damaged. "
            "Delete it and run again: it is made anew."
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


def format_of(path: str | Path) -> str:
    """The kind of a file of ours. Raises ShardError for one that cannot be read."""
    with _readable(path, "any"), h5py.File(path, "r") as file:
        return str(file.attrs["format"]).removeprefix("latticework/")


def _load(dataset: h5py.Dataset) -> np.ndarray | list[np.ndarray]:
    data = dataset[()]
    if "lengths" in dataset.attrs:
        lengths = dataset.attrs["lengths"]
        # Without any items numpy would give one, which is empty.
        return np.split(data, np.cumsum(lengths)[:-1])[: len(lengths)]
    return data


def numbered(arrays: Mapping[str, np.ndarray], prefix: str) -> list[np.ndarray]:
    """Arrays prefix_0000 … of a file in their order."""
    return [arrays[name] for name in sorted(arrays) if name.startswith(f"{prefix}_")]
