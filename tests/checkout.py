"""A copy of the workflow, for tests that run or change it."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
PARTS = (
    *("Snakefile", "rules", "scripts", "src", "config", "envs", "profiles", "slurm"),
    *("report", "models"),
)

# What a run is judged by; figures are drawn from these.
TABLES = (".csv", ".h5", ".extxyz", ".safetensors")

# The studies of a run, by name, with what of them is smaller than in the tiny configuration: these
# data sets show all that there is to show, and real data cost most of a run's time.
GRAPHENE = {"graphene": {"datasets": ["graphene_flower_defect", "soot_scale_bar"]}}
BOTH = {**GRAPHENE, "diffraction": {}}
GOLD = {"gold": {"datasets": ["gold_on_ceria_dtu"], "movies": {"datasets": []}}}

# Plans a run in a process of its own, and writes a line of JSON for each job.
PLAN = """\
import json, logging, sys
from snakemake.cli import main

class Jobs(logging.Filter):
    def filter(self, record):
        if getattr(record, "rule_name", None) and getattr(record, "jobid", None) is not None:
            row = {key: getattr(record, key, None) for key in ("rule_name", "wildcards", "reason")}
            row["input"], row["output"] = list(record.input or ()), list(record.output or ())
            row["threads"] = record.threads
            row["resources"] = {k: v for k, v in dict(record.resources.items()).items()}
            print("JOB " + json.dumps(row, default=str), flush=True)
        return True

# Snakemake takes off all handlers that it finds; a filter stays.
logging.getLogger("snakemake.logging").addFilter(Jobs())
main(sys.argv[1:])
"""


@dataclass(frozen=True)
class Job:
    """A job that a dry run would execute."""

    rule: str
    wildcards: dict[str, str]
    input: list[str]
    output: list[str]
    threads: int
    resources: dict[str, Any]
    reason: str

    @property
    def study(self) -> str:
        """The study that the job is for; "" for none."""
        return self.wildcards.get("study", "")


class Workflow:
    """A copy of the workflow in a folder, and Snakemake on it with the tiny config.

    `studies` are those that it has; few.yaml, which comes after the tiny config, says so.
    """

    def __init__(self, folder: Path, mirror: Path | None, studies: Mapping[str, Any] = BOTH):
        self.folder, self.studies = folder, frozenset(studies)
        for part in PARTS:
            source = ROOT / part
            if source.is_symlink():
                (folder / part).symlink_to(source.readlink())
            elif source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "site.yaml")
                shutil.copytree(source, folder / part, ignore=ignored)
            elif source.exists():
                shutil.copy(source, folder / part)
        known = yaml.safe_load((folder / "config/config.yaml").read_text())["studies"]
        few = {"studies": dict.fromkeys(known) | dict(studies)}
        few["mirror"] = mirror and str(mirror)
        (folder / "few.yaml").write_text(yaml.safe_dump(few))

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

    def jobs(self, *arguments: str) -> list[Job]:
        """Jobs that a dry run would execute, but for the target rules."""
        words = self.command("-n", *arguments)
        snakemake = words[words.index("snakemake") + 1 :]
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                PLAN,
                *(w for w in snakemake if w not in ("--quiet", "progress")),
            ],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"dry run failed:\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}")
        rows = [json.loads(line[4:]) for line in done.stdout.splitlines() if line[:4] == "JOB "]
        found = [Job(row.pop("rule_name"), row.pop("wildcards") or {}, **row) for row in rows]
        return [job for job in found if job.rule not in ("all", "networks")]

    def planned(self, *arguments: str) -> Counter[str]:
        """Rules that a dry run would execute, with their number of jobs."""
        return Counter(job.rule for job in self.jobs(*arguments))

    def scripts(self) -> list[int]:
        """Processes that run a script of one of the workflow's rules."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if f"{self.folder}/.snakemake/scripts/" in path.read_text(errors="replace"):
                    found.append(int(path.parent.name))
        return sorted(found)

    def differing(self, other: "Workflow", *suffixes: str) -> list[str]:
        """Results with the given endings that are not the same bytes in both, or in one only.

        `other` may have more: those of studies that this workflow does not have, and data.
        """
        mine, others = self.files(*suffixes), other.files(*suffixes)
        if absent := other.studies - self.studies:
            more = absent | {"shared"}
            others = {
                name: content
                for name, content in others.items()
                if name in mine or more.isdisjoint(Path(name).with_suffix("").parts)
            }
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
