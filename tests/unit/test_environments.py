"""The conda environments: exact pins, the tested versions, and every import covered."""

import ast
import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from parsed import parsed_rules
from rattler import MatchSpec

from latticework.names import available
from latticework.sources import source_files

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))

# conda-forge's name → the name on PyPI, and the name that is imported, where they differ.
PYPI = {"pytorch": "torch", "matplotlib-base": "matplotlib"}
IMPORTED = {
    "pytorch": "torch",
    "matplotlib-base": "matplotlib",
    "pyyaml": "yaml",
    "scikit-image": "skimage",
    "rosettasciio": "rsciio",
    "py4dstem": "py4DSTEM",
}
# It needs numpy 1, which nothing else here does: what is pinned there is not what tests run with.
APART = "py4dstem.yaml"
BASELINES = ("py4dstem", "quantem")


def specs(path):
    """What an environment file asks for, as conda reads it; strict: nothing is guessed."""
    return [MatchSpec(s, strict=True) for s in yaml.safe_load(path.read_text())["dependencies"]]


def pins(path):
    """Package → version of an environment file."""
    return {spec.name.normalized: str(spec.version).removeprefix("==") for spec in specs(path)}


def workflow_rules():
    """(rule, script, environment) of every rule that runs a script, as Snakemake parses them."""
    found = []
    for rule in parsed_rules("config/config.yaml"):
        if rule.script is None or rule.name.startswith("_"):
            continue
        # A placeholder stands for every file that fits it.
        scripts = sorted((ROOT / "scripts").glob(re.sub(r"\{.*?\}", "*", rule.script)))
        environments = sorted((ROOT / "envs").glob(re.sub(r"\{.*?\}", "*", rule.environment)))
        if "{method}" in rule.environment:
            environments = [path for path in environments if path.stem in BASELINES]
        found += [
            (rule.name, str(script.relative_to(ROOT / "scripts")), environment.name)
            for script in scripts
            for environment in environments
        ]
    return found


RULES = workflow_rules()


def third_party(path):
    """Top-level modules that a file imports anywhere in it, other than ours and Python's own."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"latticework"}


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda p: p.stem)
def test_an_environment_is_channels_and_exact_pins_alone(path):
    content = yaml.safe_load(path.read_text())
    assert set(content) == {"channels", "dependencies"}
    assert content["channels"] == ["conda-forge", "nodefaults"]
    assert all(isinstance(spec, str) for spec in content["dependencies"])
    assert len(pins(path)) == len(content["dependencies"])
    for spec in specs(path):
        # One version, no pattern, no range; no build, which would tie it to a platform.
        assert re.fullmatch(r"==\d+(\.\d+)+", str(spec.version)), spec
        assert spec.build is None
        assert spec.channel is None


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda p: p.stem)
def test_pins_are_the_tested_versions(path):
    if path.name == APART:
        pytest.skip("an environment of its own")
    for package, pinned in pins(path).items():
        if package == "python":
            assert re.fullmatch(r"3\.\d+\.\d+", pinned)
        else:
            assert pinned == version(PYPI.get(package, package)).split("+")[0], package


def test_every_environment_is_used():
    assert {env for _, _, env in RULES} == {path.name for path in ENVIRONMENTS}


def test_every_rule_has_a_message_a_log_and_a_benchmark():
    rules = [r for r in parsed_rules("config/config.yaml") if r.name not in ("all", "networks")]
    assert [r.name for r in rules if not (r.message and r.logs and r.benchmark)] == []


PACKAGE = ROOT / "src/latticework"
# What a script loads by the name that the configuration gives.
NAMED = {
    "structures/structures.py": [PACKAGE / f"structures/{n}.py" for n in available("structures")],
    "structures/construction.py": [PACKAGE / f"structures/{n}.py" for n in available("structures")],
    "simulation/simulate.py": [
        PACKAGE / "simulation/exit_waves.py",
        PACKAGE / "simulation/diffraction.py",
        PACKAGE / "simulation/stem.py",
        PACKAGE / "simulation/scattering_matrix.py",
    ],
    "analysis/atoms.py": [
        PACKAGE / "analysis/atoms/sheets/refinement.py",
        PACKAGE / "analysis/atoms/gaussian_columns.py",
    ],
    "evaluation/bounds.py": [
        PACKAGE / "limits/images.py",
        PACKAGE / "limits/scanning_images.py",
    ],
    "inference/calibrate.py": [
        PACKAGE / "inference/calibrate.py",
        PACKAGE / "inference/scan_calibration.py",
    ],
}


@pytest.mark.parametrize(("rule", "script", "environment"), RULES)
def test_imports_of_a_rule_are_in_its_environment(rule, script, environment):
    if environment == "py4dstem.yaml":
        named = [PACKAGE / "analysis/diffraction/correlation_py4dstem.py"]
    elif environment == "quantem.yaml":
        named = [PACKAGE / "analysis/diffraction/correlation_quantem.py"]
    else:
        named = NAMED.get(script, [])
    path = ROOT / "scripts" / script
    files = [path, *source_files([path, *named], ROOT / "src")]
    needed = set().union(*map(third_party, files))
    covered = {IMPORTED.get(name, name) for name in pins(ROOT / "envs" / environment)}
    assert needed <= covered


def test_quantem_is_the_same_everywhere():
    """It comes without its list of dependencies, and so stands in no environment file."""
    wanted = f"quantem=={version('quantem')}"
    for name in ("Makefile", "envs/quantem.post-deploy.sh", "docs/dependencies.md"):
        text = (ROOT / name).read_text()
        assert re.findall(r"quantem==[\d.]+\d", text) == [wanted], name
        assert f"--no-deps {wanted}" in text
