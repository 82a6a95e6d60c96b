"""The order of the rooms: a module imports from rooms that stand before its own, and its own."""

import ast
import json
import subprocess
import sys

import pytest
from checkout import ROOT

SOURCE = ROOT / "src/latticework"
# Modules that belong to no room stand before all of them.
OUTSIDE = {
    "cards",
    "electrons",
    "fingerprint",
    "hardware",
    "logs",
    "names",
    "provenance",
    "seeds",
    "shards",
    "sources",
    "yaml_files",
}
ROOMS = [
    "config",
    "modalities",
    "materials",
    "structures",
    "specimens",
    "simulation",
    "imaging",
    "networks",
    "learning",
    "datasets",
    "inference",
    "analysis",
    "limits",
    "evaluation",
    "figures",
    "cli",
]
# Reading a configuration must not wait for these.
HEAVY = ["abtem", "lightning", "optuna", "pymatgen", "torch"]
MOST_LINES, MOST_LINES_OF_RULES, MOST_LINES_OF_COMMON = 350, 1500, 120

MODULES = sorted(SOURCE.rglob("*.py"))


def room_of(path):
    """The room of a module; "" for one that belongs to none."""
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else ""


def rank(room):
    return ROOMS.index(room) if room else -1


def imports(path):
    """(line, dotted name) of all imports of a file, in functions, too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: a relative import"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def named_rooms(path):
    """(line, room) of all rooms that names.load, available and resolve are told in plain text."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "names"
            and isinstance(node.args[0], ast.Constant)
        ):
            yield node.lineno, node.args[0].value.split(".")[0]


def lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def test_every_module_has_its_place_in_the_order():
    folders = {path.name for path in SOURCE.iterdir() if path.is_dir()} - {"__pycache__"}
    assert folders == set(ROOMS)
    assert {path.stem for path in SOURCE.glob("*.py")} == OUTSIDE | {"__init__"}


def test_modules_import_from_earlier_rooms_only():
    wrong = []
    for path in MODULES:
        for line, name in imports(path):
            package, _, rest = name.partition(".")
            room = rest.split(".")[0]
            if package == "latticework" and room in ROOMS and rank(room) > rank(room_of(path)):
                wrong.append(f"{path.relative_to(SOURCE)}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_only_what_describes_studies_names_later_rooms():
    """A configuration and a modality name files of later rooms, which are loaded by that name."""
    wrong = []
    for path in MODULES:
        for line, room in named_rooms(path):
            if rank(room) > rank(room_of(path)) and room_of(path) not in ("config", "modalities"):
                wrong.append(f"{path.relative_to(SOURCE)}:{line} names {room}")
    assert not wrong, "\n".join(wrong)


def test_the_package_knows_nothing_of_snakemake():
    users = [p for p in MODULES for _, name in imports(p) if name.split(".")[0] == "snakemake"]
    assert not users


@pytest.mark.parametrize("scale", [[], ["laptop"], ["tiny"], ["laptop", "published"]])
def test_reading_a_configuration_loads_nothing_heavy(scale):
    files = [str(ROOT / f"config/{name}.yaml") for name in ("config", *scale)]
    code = (
        "import json, sys\n"
        "from latticework.config.parse import load\n"
        "assert load(*sys.argv[1:]).studies\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *files], capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert "latticework" in loaded
    assert not loaded & {*HEAVY, "snakemake"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_modules_are_short(path):
    assert lines(path) <= MOST_LINES


def test_rules_are_short():
    files = [*ROOT.glob("rules/*.smk"), *ROOT.glob("rules/*/*.smk")]
    assert set(files) == set(ROOT.glob("rules/**/*.smk"))
    assert sum(map(lines, files)) <= MOST_LINES_OF_RULES
    assert lines(ROOT / "rules/common.smk") <= MOST_LINES_OF_COMMON
