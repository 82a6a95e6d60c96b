"""What made a run: code, config, versions, hashes of all that went in and came out, times."""

import json
import os
import platform
import socket
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pandas as pd

from latticework import shards

NAME = "manifest.json"
FORMAT = "latticework/manifest"
VERSION = 2
# What of a checkout decides results.
CODE = ("Snakefile", "rules", "scripts", "src", "config", "envs", "models")
CODE_ENDINGS = ("", ".smk", ".py", ".yaml", ".sh", ".safetensors")
# Beside a run's folder: the data that all runs share, fetched and calibrated.
SHARED = "shared"


class ManifestError(ValueError):
    """A run's manifest is missing, damaged, or of another kind."""


def result_files(run: Path) -> list[Path]:
    """Files in the folders of a run's stages, sorted; neither hidden nor unfinished ones.

    What lies in the run's folder itself (the manifest, a report) is no result.
    """
    return [path for folder in sorted(run.iterdir()) if folder.is_dir() for path in _files(folder)]


def code_files(root: Path) -> list[Path]:
    """Files of a checkout that decide results, sorted."""
    parts = (root / name for name in CODE)
    found = (path for part in parts for path in (_files(part) if part.is_dir() else [part]))
    return [path for path in found if path.suffix in CODE_ENDINGS and path.is_file()]


def data_files(shared: Path, config: Mapping[str, Any]) -> list[Path]:
    """Files of the shared folder that a run reads, sorted, of those there are.

    They belong to the data sets that the configuration names; other runs may have fetched others.
    """
    studies = [study for study in (config.get("studies") or {}).values() if study]
    names = {
        name
        for study in studies
        for section in (study, study.get("movies") or {})
        for name in section.get("datasets") or []
    }
    fetched = (path for name in names for path in _files(shared / "sources" / name))
    calibrated = (shared / "datasets" / f"{name}.h5" for name in names)
    return sorted([*fetched, *(path for path in calibrated if path.is_file())])


def _files(folder: Path) -> list[Path]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return [
        path
        for path in paths
        if not any(
            part[0] == "." or part == "checkpoints" or part.endswith(".egg-info")
            for part in path.relative_to(folder).parts
        )
    ]


def hashes(paths: Iterable[Path], root: Path) -> dict[str, str]:
    """Path below `root` → sha256."""
    return {path.relative_to(root).as_posix(): shards.sha256_of(path) for path in paths}


def times(benchmarks: Path) -> dict[str, dict[str, float]]:
    """Jobs, wall and CPU time (s) and peak memory (MB) of every rule, from its benchmarks.

    `benchmarks` has a folder for every rule, with one of Snakemake's tables for each job.
    """
    summary = {}
    for folder in sorted(path for path in benchmarks.glob("*") if path.is_dir()):
        tables = [pd.read_csv(path, sep="\t", na_values="-") for path in folder.rglob("*.tsv")]
        if tables:
            jobs = pd.concat(tables, ignore_index=True)
            summary[folder.name] = {
                "jobs": len(jobs),
                "wall_seconds": round(float(jobs["s"].sum()), 2),
                "cpu_seconds": round(float(jobs["cpu_time"].sum()), 2),
                "peak_megabytes": round(float(jobs["max_rss"].fillna(0).max()), 1),
            }
    return summary


def commit(root: Path) -> dict[str, Any] | None:
    """Git commit of a checkout and the files that differ from it; None where there is no git."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", root, *words], capture_output=True, text=True, check=True
        )
        return done.stdout

    try:
        changed = git("status", "--porcelain", "--", *CODE).splitlines()
        return {"commit": git("rev-parse", "HEAD").strip(), "changed": [c[3:] for c in changed]}
    except (OSError, subprocess.CalledProcessError):
        return None


def manifest(
    run: Path, root: Path, config: Mapping[str, Any], benchmarks: Path, now: datetime | None = None
) -> dict[str, Any]:
    """Everything that made the results in the folder `run`, as JSON types.

    `config` is the configuration after its defaults, `root` the checkout, `benchmarks` the folder
    of the run's benchmark tables.
    """
    installed = {d.metadata["Name"]: d.version for d in distributions()}
    return {
        "format": FORMAT,
        "version": VERSION,
        "made": (now or datetime.now(UTC)).isoformat(timespec="seconds"),
        "code": commit(root),
        "host": {
            "name": socket.gethostname(),
            "system": platform.platform(),
            "processors": os.cpu_count(),
        },
        "software": {"python": platform.python_version()} | dict(sorted(installed.items())),
        "rules": times(benchmarks),
        "config": dict(config),
        "inputs": hashes(code_files(root), root),
        "data": hashes(data_files(run.parent / SHARED, config), run.parent / SHARED),
        "outputs": hashes(result_files(run), run),
    }


def read(run: Path) -> dict[str, Any]:
    """The manifest of a run. Raises ManifestError where it is missing or not what it should be."""
    path = run / NAME
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ManifestError(f"{path}: expected the manifest of a finished run: {error}") from error
    if not isinstance(found, dict):
        found = {}
    kind, version = found.get("format"), found.get("version")
    if (kind, version) != (FORMAT, VERSION):
        raise ManifestError(
            f"{path}: expected {FORMAT} version {VERSION}, found {kind} version {version}"
        )
    expected = ("config", "data", "inputs", "outputs")
    if wrong := [key for key in expected if not isinstance(found.get(key), dict)]:
        raise ManifestError(f"{path}: expected {list(expected)}, of which {wrong} are wrong")
    if not (found["inputs"] and found["outputs"]):
        raise ManifestError(
            f"{path}: records no code or no results, with which nothing is compared"
        )
    return found


def differences(run: Path, root: Path) -> list[str]:
    """What differs from a run's manifest, one line a file; empty where nothing does.

    Results first, then the data that they were made from, then the checkout's files that made
    them. Raises ManifestError.
    """
    recorded, shared = read(run), run.parent / SHARED
    return [
        *_compare(recorded["outputs"], run, result_files(run)),
        *_compare(recorded["data"], shared, data_files(shared, recorded["config"])),
        *_compare(recorded["inputs"], root, code_files(root)),
    ]


def _compare(recorded: Mapping[str, str], root: Path, present: Iterable[Path]) -> list[str]:
    names = {path.relative_to(root).as_posix() for path in present}
    lines = []
    for name in sorted(names | set(recorded)):
        path = root / name
        if name not in recorded:
            lines.append(f"{path}: not in the manifest")
        elif not path.is_file():
            lines.append(f"{path}: missing")
        elif shards.sha256_of(path) != recorded[name]:
            lines.append(f"{path}: differs")
    return lines
