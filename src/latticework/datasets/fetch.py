"""Fetch what the registry names: from a mirror folder first, else from its address; verified."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.error import URLError
from urllib.request import Request, urlopen

from tqdm import tqdm

from latticework import __version__
from latticework.datasets.source import Source

CHUNK_BYTES = 1 << 20


class FetchError(OSError):
    """A file is neither in the mirror nor to be had from its address."""


class ChecksumError(ValueError):
    """A file is not the one that the registry means."""


def fetch(
    source: Source,
    mirror: Path | None,
    destination: Path,
    timeout: float = 60,
    progress: bool = True,
) -> dict[str, Path]:
    """Bring a data set's files, or its reference's, into a folder: file name → path.

    A file is copied from `mirror` if it is there, else downloaded (`timeout`: s without an
    answer), under a temporary name in `destination`; it gets its own name only once its sha256 is
    right, so nothing opens a file that is unverified or half there. One that is already in
    `destination` with the right sha256 is left alone. A user's own `path` is not copied: its
    files are returned where they are, verified where the registry gives a sha256.

    Raises FetchError (says where it looked and what to do) and ChecksumError (expected, found).
    """
    if source.path is not None:
        return _own_files(source)
    destination = Path(destination)
    destination.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, expected in source.checksums.items():
        paths[name] = destination / name
        if paths[name].is_file() and _checksum(paths[name], expected)[1] == expected:
            continue
        mirrored = _mirrored(source, name, mirror)
        if mirrored is not None:
            _place(lambda into, m=mirrored: _copy(m, into), paths[name], expected, mirrored)
        elif source.derived:
            raise FetchError(
                f"{name}: not in {_looked(mirror)}, and it cannot be fetched, since it is "
                f"{source.derived} ({source.address}); put it into a mirror folder as "
                f"{source.mirror_path(name)}"
            )
        else:
            address = source.address_of(name)
            _place(
                lambda into, a=address, n=name: _download(a, into, n, timeout, progress, mirror),
                paths[name],
                expected,
                address,
            )
    return paths


def available(source: Source, mirror: Path | None, timeout: float = 10) -> bool:
    """Whether `fetch` would find the files: the user's path is there, or each file is in the
    mirror, or the address of the first that is not answers within `timeout` seconds."""
    if source.path is not None:
        return source.path.expanduser().exists()
    missing = [name for name in source.checksums if _mirrored(source, name, mirror) is None]
    if not missing or source.derived:
        return not missing
    try:
        with urlopen(_request(source.address_of(missing[0]), "HEAD"), timeout=timeout):
            return True
    except (URLError, HTTPException, OSError):
        return False


def _own_files(source: Source) -> dict[str, Path]:
    path = source.path.expanduser()
    if source.files:
        paths = {name: path / name for name in source.files}
    elif path.is_dir():
        paths = {p.name: p for p in sorted(path.iterdir()) if p.is_file() and p.name[0] != "."}
    else:
        paths = {path.name: path}
    missing = [str(p) for p in paths.values() if not p.is_file()]
    if missing or not paths:
        raise FetchError(
            f"{missing[0] if missing else path}: there is no such file; correct `path` in the "
            "registry of data sets (a relative path counts from the folder of the command)"
        )
    for name, expected in (source.files or {path.name: source.sha256 or source.md5}).items():
        if expected is not None and name in paths:
            _verify(paths[name], expected, paths[name])
    return paths


def _mirrored(source: Source, name: str, mirror: Path | None) -> Path | None:
    inside = source.mirror_path(name)
    if mirror is None or inside is None:
        return None
    path = Path(mirror).expanduser() / inside
    return path if path.is_file() else None


def _place(
    write: Callable[[BinaryIO], None], path: Path, expected: str, origin: str | Path
) -> None:
    """Write a file under a temporary name, verify it, and only then give it its name."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as into:
            write(into)
        _verify(Path(temporary), expected, origin)
        # mkstemp makes files private; the result is a plain file like any other.
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _verify(path: Path, expected: str, origin: str | Path) -> None:
    kind, found = _checksum(path, expected)
    if found != expected:
        raise ChecksumError(
            f"{origin}: its {kind} is {found}, the registry of data sets expects {expected}; the "
            "file is damaged or has changed, and it was not used"
        )


def _checksum(path: Path, expected: str) -> tuple[str, str]:
    """The kind of checksum that has as many digits as the expected one, and the file's."""
    kind = "md5" if len(expected) == 32 else "sha256"
    with open(path, "rb") as file:
        return kind, hashlib.file_digest(file, kind).hexdigest()


def _copy(path: Path, into: BinaryIO) -> None:
    with open(path, "rb") as file:
        shutil.copyfileobj(file, into, CHUNK_BYTES)


def _looked(mirror: Path | None) -> str:
    return f"the mirror {mirror}" if mirror is not None else "no mirror (none is configured)"


def _request(address: str, method: str = "GET") -> Request:
    return Request(address, method=method, headers={"User-Agent": f"latticework/{__version__}"})


def _download(
    address: str, into: BinaryIO, name: str, timeout: float, progress: bool, mirror: Path | None
) -> None:
    try:
        with urlopen(_request(address), timeout=timeout) as answer:
            length = answer.headers.get("Content-Length")
            with tqdm(
                total=int(length) if length else None,
                unit="B",
                unit_scale=True,
                desc=name,
                # None: no bar where nobody watches (a log file, a cluster job).
                disable=None if progress else True,
            ) as bar:
                while chunk := answer.read(CHUNK_BYTES):
                    into.write(chunk)
                    bar.update(len(chunk))
    except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise FetchError(
            f"{name}: not in {_looked(mirror)}, and {address} gave: {reason}; go online, or put "
            "the file into a mirror folder under the entry's `mirror` path and name that folder in "
            "the config"
        ) from error
