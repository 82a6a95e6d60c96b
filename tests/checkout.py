"""A copy of the workflow, for tests that run or change it."""

import os
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = (
    *("Snakefile", "rules", "scripts", "src", "config", "envs", "profiles", "slurm"),
    *("report", "models"),
)

# What a run is judged by; figures are drawn from these.
TABLES = (".csv", ".h5", ".extxyz", ".safetensors")

# Real pictures cost most of a run's time; two of them show all that there is to show.
FEW_PICTURES = """\
mirror: {mirror}
studies:
  graphene:
    datasets: [graphene_flower_defect, soot_scale_bar]
"""


class Workflow:
    """A copy of the workflow in a folder, and Snakemake on it with the tiny config."""

    def __init__(self, folder: Path, mirror: Path | None):
        self.folder = folder
        for part in PARTS:
            source = ROOT / part
            if source.is_symlink():
                (folder / part).symlink_to(source.readlink())
            elif source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "site.yaml")
                shutil.copytree(source, folder / part, ignore=ignored)
            elif source.exists():
                shutil.copy(source, folder / part)
        (folder / "few.yaml").write_text(FEW_PICTURES.format(mirror=mirror or "null"))

    def command(self, *arguments: str) -> list[str]:
        # A plain option ends the list of what is to be quiet.
        snakemake = [sys.executable, "-m", "snakemake", "--quiet", "progress", "--rerun-incomplete"]
        if not {"--cores", "--profile"} & set(arguments):
            snakemake += ["--cores", "2"]
        if "--configfile" not in arguments:
            # Last, since Snakemake takes every word after it for another config file.
            arguments = (*arguments, "--configfile", "config/tiny.yaml", "few.yaml")
        return [*snakemake, *arguments]

    def environment(self) -> dict[str, str]:
        # The copy's own modules, not those of the checkout that the tests run in.
        return {
            k: v
            for k, v in os.environ.items()
            if k != "PYTHONPATH" and not k.startswith("LATTICEWORK_")
        }

    def run(
        self, *arguments: str, check: bool = True, timeout: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run Snakemake to its end, at most `timeout` s; an error shows its output."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        if check and done.returncode:
            raise AssertionError(f"snakemake failed:\n{done.stdout[-5000:]}\n{done.stderr[-5000:]}")
        return done

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start Snakemake in a process group of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def dry_run(self, *arguments: str) -> str:
        """What Snakemake says that it would do."""
        command = [a for a in self.command("-n", *arguments) if a not in ("--quiet", "progress")]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout + done.stderr

    def planned(self, *arguments: str) -> dict[str, int]:
        """Rules that a dry run would execute, with their number of jobs."""
        text = self.dry_run(*arguments)
        if "Job stats:" not in text:
            return {}
        table = text.split("Job stats:")[1].split("\n\n")[0]
        jobs = {m[1]: int(m[2]) for m in re.finditer(r"^(\w+)\s+(\d+)$", table, re.MULTILINE)}
        return {rule: n for rule, n in jobs.items() if rule not in ("all", "total")}

    def scripts(self) -> list[int]:
        """Processes that run a script of one of the workflow's rules."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if f"{self.folder}/.snakemake/scripts/" in path.read_text(errors="replace"):
                    found.append(int(path.parent.name))
        return sorted(found)

    def differing(self, other: "Workflow", *suffixes: str) -> list[str]:
        """Results with the given endings that are not the same bytes in both, or in one only."""
        mine, others = self.files(*suffixes), other.files(*suffixes)
        return sorted(
            name for name in mine.keys() | others.keys() if mine.get(name) != others.get(name)
        )

    def files(self, *suffixes: str) -> dict[str, bytes]:
        """Contents of all results with the given endings, by path."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted((self.folder / "results").rglob("*"))
            if path.suffix in suffixes
        }
