"""The workflow's rules as Snakemake itself parses them."""

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# In a process of its own: parsing changes the search path and the environment.
PARSE = """\
import json, sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, OutputSettings, ResourceSettings

root, *configs = map(Path, sys.argv[1:])
with SnakemakeApi(OutputSettings(quiet={"all"})) as api:
    workflow = api.workflow(
        resource_settings=ResourceSettings(),
        config_settings=ConfigSettings(configfiles=configs),
        snakefile=root / "Snakefile",
        workdir=root,
    )._workflow
    found = []
    for rule in workflow.rules:
        name = rule.params.get("name")
        found.append({
            "name": rule.name,
            "script": rule.script and str(rule.script),
            "called": name if isinstance(name, str) else None,
            "environment": rule.conda_env and Path(str(rule.conda_env)).name,
            "gpu": "gpu" in rule.resources,
            "benchmark": rule.benchmark is not None,
            "message": rule.message,
            "logs": len(rule.log),
        })
print("RULES " + json.dumps(found))
"""


@dataclass(frozen=True)
class Rule:
    """What the tests ask about a rule. `script` is a path below scripts/, or None."""

    name: str
    script: str | None
    environment: str | None
    gpu: bool
    benchmark: bool
    message: str | None
    logs: int


@cache
def parsed_rules(*configs: str) -> tuple[Rule, ...]:
    """All rules of the workflow under some config files of this checkout, in their order."""
    command = [sys.executable, "-c", PARSE, str(ROOT), *(str(ROOT / c) for c in configs)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(done.stderr[-3000:])
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("RULES "))
    rules = []
    for row in json.loads(line.removeprefix("RULES ")):
        called = row.pop("called")
        if row["script"]:
            script = row["script"].split("scripts/")[-1]
            row["script"] = script.replace("{params.name}", called or "{params.name}")
        rules.append(Rule(**row))
    return tuple(rules)
