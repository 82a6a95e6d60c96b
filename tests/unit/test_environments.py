"""The conda environments: exact pins, the tested versions, and every import covered."""

import ast
import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from rattler import MatchSpec

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


def specs(path):
    """What an environment file asks for, as conda reads it; strict: nothing is guessed."""
    return [MatchSpec(s, strict=True) for s in yaml.safe_load(path.read_text())["dependencies"]]


def pins(path):
    """Package → version of an environment file."""
    return {spec.name.normalized: str(spec.version).removeprefix("==") for spec in specs(path)}


def rules():
    """(rule, script, environment) of every rule that runs a script."""
    found = []
    for path in sorted((ROOT / "rules").glob("*.smk")):
        for block in re.split(r"^(?=rule )", path.read_text(), flags=re.MULTILINE)[1:]:
            name = re.match(r"rule (\w+)", block)[1]
            script = re.search(r'script:\s+"\.\./scripts/([\w.]+)"', block)
            conda = re.search(r'conda:\s+"\.\./envs/([\w.]+)"', block)
            if script:
                found.append((name, script[1], conda and conda[1]))
    return found


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


def test_every_rule_with_a_script_has_an_environment_and_each_is_used():
    assert {env for _, _, env in rules()} == {path.name for path in ENVIRONMENTS}


@pytest.mark.parametrize(("rule", "script", "environment"), rules())
def test_imports_of_a_rule_are_in_its_environment(rule, script, environment):
    path = ROOT / "scripts" / script
    needed = set().union(*map(third_party, [path, *source_files(path, ROOT / "src")]))
    covered = {IMPORTED.get(name, name) for name in pins(ROOT / "envs" / environment)}
    assert needed <= covered


def test_quantem_is_the_same_everywhere():
    """It comes without its list of dependencies, and so stands in no environment file."""
    wanted = f"quantem=={version('quantem')}"
    for name in ("Makefile", "envs/correlation.post-deploy.sh", "docs/dependencies.md"):
        text = (ROOT / name).read_text()
        assert re.findall(r"quantem==[\d.]+\d", text) == [wanted], name
        assert f"--no-deps {wanted}" in text
