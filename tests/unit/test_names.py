"""A name in the configuration is a file, and nothing else in the code knows which there are."""

import ast
import re
from dataclasses import asdict

import pytest
import yaml
from checkout import ROOT

from latticework import names
from latticework.config.base import Section
from latticework.structures.thinning import hard_core

SOURCE = ROOT / "src/latticework"
# Rooms of which a study names a file by what it is made of or learns with.
CHOSEN = ("materials", "structures", "networks")
# "diffraction" is a study, and also a modality, a room in analysis and the format of a shard.
EXCLUDED = {"diffraction"}
# These generators are called by the plain word for what they grow, which is free to stand in
# titles, in descriptions, and in the names of random streams.
PLAIN_WORDS = {"metals", "molecules", "prototypes", "surfaces"}


# Finding and loading


def test_names_are_those_of_files_that_define_parameters():
    for room in ("structures", "networks"):
        for path in (SOURCE / room).glob("*.py"):
            text = path.read_text(encoding="utf-8")
            defines = "\nclass Parameters(" in text or "\nParameters =" in text
            assert (path.stem in names.available(room)) == defines, path
    assert names.available("materials") == tuple(
        sorted(path.stem for path in (SOURCE / "materials").glob("*.yaml"))
    )
    assert len(names.available("modalities")) > 1
    assert "__init__" not in names.available("modalities")
    assert names.available("no_such_room") == ()


@pytest.mark.parametrize("room", ["structures", "networks"])
def test_what_a_study_chooses_has_what_the_workflow_asks_of_it(room):
    functions = {"structures": ("make_shard", "classes"), "networks": ("build", "multiple")}
    for name in names.available(room):
        module = names.load(room, name)
        assert issubclass(module.Parameters, Section)
        assert all(callable(getattr(module, function)) for function in functions[room])


@pytest.mark.parametrize("name", names.available("modalities"))
def test_all_that_a_modality_names_is_there(name):
    module = names.load("modalities", name)
    assert callable(module.problems)
    for section in module.MODALITY.sections.values():
        assert issubclass(names.resolve(section), Section)
    roles = {k: value for k, value in asdict(module.MODALITY).items() if isinstance(value, str)}
    optional = {"bounds", "cross_domain", "drawn", "order", "refine", "refined", "simulate"}
    assert set(roles) - optional == {"source", "calibrate", "predict", "evaluate"}
    assert all(callable(names.resolve(reference)) for reference in roles.values())


def test_an_unknown_name_is_an_error_that_says_which_there_are():
    with pytest.raises(names.UnknownNameError, match="networks: there is no 'mynet'") as raised:
        names.load("networks", "mynet")
    for name in names.available("networks"):
        assert name in str(raised.value)
    # A module that no configuration may name is no better than one that is not there.
    assert (SOURCE / "structures/thinning.py").exists()
    with pytest.raises(names.UnknownNameError, match="thinning"):
        names.load("structures", "thinning")
    with pytest.raises(names.UnknownNameError, match="os"):
        names.load("structures", "../os")


def test_references_are_resolved():
    assert names.resolve("structures.thinning:hard_core") is hard_core
    with pytest.raises(AttributeError, match="no_such_function"):
        names.resolve("structures.thinning:no_such_function")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        names.resolve("structures.no_such_module:function")
    with pytest.raises(ValueError, match="unpack"):
        names.resolve("structures.thinning")


# Who knows which there are


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {}


def all_names():
    """Names of data sets, studies, materials, generators and architectures."""
    found = {name for room in CHOSEN for name in names.available(room)}
    found |= set(read(ROOT / "config/datasets.yaml"))
    for path in ROOT.glob("config/*.yaml"):
        if path.name != "datasets.yaml":
            found |= set(read(path).get("studies") or {})
    return found - EXCLUDED


def words(wanted):
    """A pattern for some names as whole words."""
    return re.compile(rf"(?<!\w)({'|'.join(sorted(map(re.escape, wanted)))})(?!\w)")


def own_files(name):
    return {SOURCE / room / f"{name}.py" for room in CHOSEN if name in names.available(room)}


def strings(tree):
    """(line, value) of all string constants but docstrings."""
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


def imported(tree):
    """(line, dotted name) of all that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
            yield node.lineno, node.module


def test_there_are_names_to_look_for():
    assert len(all_names()) > 15


def test_rules_know_no_name():
    pattern, wrong = words(all_names()), []
    for path in (ROOT / "Snakefile", *ROOT.glob("rules/**/*.smk")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            wrong += [f"{path.name}:{number}: {name}" for name in pattern.findall(line)]
    assert not wrong, "\n".join(wrong)


def test_modules_know_no_name_but_their_own():
    pattern, wrong = words(all_names() - PLAIN_WORDS), []
    for path in sorted(SOURCE.rglob("*.py")):
        for line, text in strings(ast.parse(path.read_text(encoding="utf-8"))):
            found = pattern.findall(text) + [text] * (text in PLAIN_WORDS)
            where = f"{path.relative_to(SOURCE)}:{line}"
            wrong += [f"{where}: {name}" for name in found if path not in own_files(name)]
    assert not wrong, "\n".join(sorted(set(wrong)))


def test_modules_import_what_a_study_chooses_by_its_name_only():
    files = {f"latticework.{room}.{name}" for room in CHOSEN for name in names.available(room)}
    wrong = []
    for path in sorted(SOURCE.rglob("*.py")):
        for line, name in imported(ast.parse(path.read_text(encoding="utf-8"))):
            if name in files:
                wrong.append(f"{path.relative_to(SOURCE)}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)
