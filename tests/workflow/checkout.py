"""A copy of the workflow, for tests that run or change it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Snakefile", "rules", "scripts", "src", "config", "envs", "profiles", "report", "models")

# Real pictures cost most of a run's time; two of them show all that there is to show.
FEW_PICTURES = """\
mirror: {mirror}
studies:
  graphene:
    datasets: [graphene_flower_defect, soot_scale_bar]
  gold:
    datasets: [gold_on_ceria_dtu]
    movies: {{datasets: []}}
"""


class Workflow:
    """A copy of the workflow in a folder, and Snakemake on it with the tiny config."""

    def __init__(self, folder: Path, mirror: Path | None):
        self.folder = folder
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(source, folder / part, ignore=ignored)
            elif source.exists():
                shutil.copy(source, folder / part)
        (folder / "few.yaml").write_text(FEW_PICTURES.format(mirror=mirror or "null"))

    def command(self, *arguments: str) -> list[str]:
        snakemake = [sys.executable, "-m", "snakemake", "--quiet", "progress", "--cores", "2"]
        if "--configfile" not in arguments:
            # Last, since Snakemake takes every word after it for another config file.
            arguments = (*arguments, "--configfile", "config/tiny.yaml", "few.yaml")
        return [*snakemake, *arguments]

    def environment(self) -> dict[str, str]:
        # The copy's own modules, not those of the checkout that the tests run in.
        return {
            k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "LATTICEWORK_MIRROR")
        }

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Snakemake to its end; its output is in the error if it fails."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
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

    def planned(self, *arguments: str) -> dict[str, int]:
        """Rules that a dry run would execute, with their number of jobs."""
        command = [a for a in self.command("-n", *arguments) if a not in ("--quiet", "progress")]
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        text = done.stdout + done.stderr
        if "Job stats:" not in text:
            return {}
        table = text.split("Job stats:")[1].split("\n\n")[0]
        jobs = {m[1]: int(m[2]) for m in re.finditer(r"^(\w+)\s+(\d+)$", table, re.MULTILINE)}
        return {rule: n for rule, n in jobs.items() if rule not in ("all", "total")}

    def files(self, *suffixes: str) -> dict[str, bytes]:
        """Contents of all results with the given endings, by path."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted((self.folder / "results").rglob("*"))
            if path.suffix in suffixes
        }
