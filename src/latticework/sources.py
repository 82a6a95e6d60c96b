"""Which of our own files a script depends on: Snakemake does not see that a module changed."""

import ast
from pathlib import Path


def imported_names(path: Path) -> set[str]:
    """Dotted names that a Python file imports, `from a import b` giving both a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def module_files(name: str, root: Path) -> set[Path]:
    """Files below `root` that importing a dotted name runs: the module and its packages."""
    files = set()
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        stem = root.joinpath(*parts[:end])
        files |= {f for f in (stem.with_suffix(".py"), stem / "__init__.py") if f.is_file()}
    return files


def source_files(script: str | Path, root: str | Path) -> list[Path]:
    """Files of the package below `root` (src/) that a script imports, directly or not, sorted."""
    found: set[Path] = set()
    waiting = [Path(script)]
    while waiting:
        for name in imported_names(waiting.pop()):
            new = module_files(name, Path(root)) - found
            found |= new
            waiting += new
    return sorted(found)
