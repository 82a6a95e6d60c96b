"""Which of our own files a script depends on: Snakemake does not see that a module changed."""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path


@cache
def _imported(path: Path, modified: int) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def imported_names(path: Path) -> frozenset[str]:
    """Dotted names that a Python file imports, `from a import b` giving both a and a.b.

    Imports inside functions count. A file is parsed once, until it changes.
    """
    return _imported(path, path.stat().st_mtime_ns)


@cache
def _module_files(name: str, root: Path) -> frozenset[Path]:
    files = set()
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        stem = root.joinpath(*parts[:end])
        files |= {f for f in (stem.with_suffix(".py"), stem / "__init__.py") if f.is_file()}
    return frozenset(files)


def module_files(name: str, root: Path) -> frozenset[Path]:
    """Files below `root` that importing a dotted name runs: the module and its packages."""
    return _module_files(name, Path(root))


def source_files(starts: Iterable[str | Path], root: str | Path) -> list[Path]:
    """Files of the package below `root` (src/) that some files import, directly or not, sorted.

    Of the files to start from those that lie below `root` are among them, with the packages they
    lie in. Files that are no Python, such as a material's, import nothing.
    """
    root = Path(root)
    waiting = [Path(path) for path in starts]
    inside = {path for path in waiting if path.is_relative_to(root)}
    packages = (folder / "__init__.py" for path in inside for folder in path.parents)
    found = inside | {p for p in packages if p.is_relative_to(root) and p.is_file()}
    waiting += found - inside
    while waiting:
        path = waiting.pop()
        if path.suffix != ".py":
            continue
        for name in imported_names(path):
            new = module_files(name, root) - found
            found |= new
            waiting += new
    return sorted(found)


@cache
def _content(path: Path, modified: int, size: int) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def digest(paths: Iterable[Path], root: Path) -> str:
    """Twelve hexadecimal digits that identify files: their paths below `root` and contents."""
    whole = hashlib.sha256()
    for path in sorted(paths):
        status = path.stat()
        whole.update(path.relative_to(root).as_posix().encode())
        whole.update(_content(path, status.st_mtime_ns, status.st_size))
    return whole.hexdigest()[:12]
