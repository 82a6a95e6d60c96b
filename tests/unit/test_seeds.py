"""Random streams depend on seed, name and numbers, and no two streams of the package meet."""

import ast
import itertools
import re

import numpy as np
import pytest
from checkout import ROOT

from latticework.config.parse import load
from latticework.seeds import sequence, stream, torch_seed


def test_a_stream_is_the_same_every_time():
    assert (
        stream(1, "graphene", 7).random(3).tolist() == stream(1, "graphene", 7).random(3).tolist()
    )


def test_a_stream_is_the_same_on_every_machine():
    """Written down once: a change of these numbers changes every structure of every run."""
    assert stream(2018, "graphene", 0).integers(0, 1000, 4).tolist() == [359, 982, 806, 709]
    assert torch_seed(2018, "graphene/step", 0) == 1106591709029222694


def state(*key):
    return tuple(sequence(*key).generate_state(4).tolist())


def test_seed_name_and_number_all_matter():
    keys = [(1, "a", 0), (2, "a", 0), (1, "b", 0), (1, "a", 1), (1, "a", 0, 1), (1, "a", 1, 1)]
    assert len({state(*key) for key in keys}) == len(keys)
    grid = itertools.product((1, 2), ("a", "b"), range(5), range(5))
    assert len({state(*key) for key in grid}) == 2 * 2 * 5 * 5
    assert len({torch_seed(1, "a", index) for index in range(1000)}) == 1000


def test_zeros_at_the_end_of_the_indices_do_not_matter():
    """NumPy's padding; published draws depend on it. The tests below see to it that none meet."""
    assert state(1, "a") == state(1, "a", 0) == state(1, "a", 0, 0)
    assert state(1, "a", 3) == state(1, "a", 3, 0) != state(1, "a", 0, 3)


# The streams of the package

SOURCE = ROOT / "src/latticework"
# What stands for any text, and for a number, in a name.
ANY, NUMBER = "{}", "{:g}"
# What the variables in names can be, where it is not whatever a user likes.
VALUES = {"split": ("train", "heldout"), "stream": ("step", "validation", "watched")}
# Names that a function gets from its callers: file, function, and the names that it is given.
GIVEN = {
    ("learning/sources/triplets.py", "_read"): ("{}/draws", "{}/watched draws"),
}
# A simulated movie's own stream; see `test_no_movie_has_the_name_of_another_stream`.
MOVIE = "{}/{}", 0


def patterns(node, local):
    """Names that an expression can give, or None where that is not to be seen."""
    if isinstance(node, ast.Constant):
        return (node.value,)
    if isinstance(node, ast.Name):
        return local.get(node.id)
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append((part.value,))
            continue
        name = part.value.id if isinstance(part.value, ast.Name) else ""
        other = NUMBER if part.format_spec else ANY
        parts.append(VALUES.get(name) or local.get(name) or (other,))
    return tuple("".join(chosen) for chosen in itertools.product(*parts))


def local_names(function):
    """Strings, and the names in tuples (seed, name, …), that a function keeps in variables."""
    found = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            key = isinstance(node.value, ast.Tuple) and len(node.value.elts) > 1
            value = node.value.elts[1] if key else node.value
            if isinstance(value, ast.JoinedStr):
                count = len(node.value.elts) - 2 if key else None
                found[node.targets[0].id] = patterns(value, {}), count
    return found


def streams_of(path):
    """(name, number of indices) of all streams that a file makes."""
    where = path.relative_to(SOURCE).as_posix() if path.is_relative_to(SOURCE) else path.name
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(function, ast.FunctionDef):
            continue
        local = local_names(function)
        known = {name: value for name, (value, _) in local.items()}
        for call in ast.walk(function):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
                continue
            if call.func.id not in ("stream", "torch_seed", "sequence"):
                continue
            first = call.args[0]
            if isinstance(first, ast.Starred):
                found, count = local[first.value.id]
            else:
                found, count = patterns(call.args[1], known), len(call.args) - 2
            found = found or GIVEN.get((where, function.name))
            assert found, f"{where}:{call.lineno}: which streams? Say it in GIVEN"
            yield from ((name, count) for name in found)


def test_streams_are_called_by_their_names():
    """Under another one the walk would not see them."""
    for path in [*SOURCE.rglob("*.py"), *(ROOT / "scripts").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "latticework":
                assert "seeds" not in {alias.name for alias in node.names}, path
            if isinstance(node, ast.ImportFrom) and node.module == "latticework.seeds":
                assert not any(alias.asname for alias in node.names), path


def all_streams():
    files = [*SOURCE.rglob("*.py"), *(ROOT / "scripts").rglob("*.py")]
    return {s for path in files if path != SOURCE / "seeds.py" for s in streams_of(path)}


def meet(first, second):
    """Whether two names can be the same."""
    parts = [name.split("/") for name in (first, second)]
    if len(parts[0]) != len(parts[1]):
        return False
    for a, b in zip(*parts, strict=True):
        numeric = [p == NUMBER or re.fullmatch(r"-?[\d.e+]+", p) for p in (a, b)]
        if a != b and ANY not in (a, b) and not all(numeric):
            return False
    return True


def test_streams_of_one_name_have_the_same_number_of_indices():
    streams = all_streams()
    # The walk sees names without an index, with one, and with two.
    assert {count for _, count in streams} == {0, 1, 2}
    assert {MOVIE, ("{}/step", 1), ("{}/train", 1), ("{}/weights", 0)} <= streams
    for first, second in itertools.combinations(sorted(streams - {MOVIE}), 2):
        if meet(first[0], second[0]):
            assert first[1] == second[1], (first, second)


@pytest.mark.parametrize("names", [("config",), ("config", "laptop"), ("config", "tiny")])
def test_no_movie_has_the_name_of_another_stream(names):
    taken = {name.removeprefix("{}/") for name, _ in all_streams() - {MOVIE}}
    assert {"movie", "train", "step"} <= taken
    for study in load(*(ROOT / f"config/{name}.yaml" for name in names)).studies.values():
        assert not taken & set(study.movies.simulated)


def test_neighbouring_streams_are_unrelated():
    draws = np.array([stream(1, "graphene", index).normal(size=2000) for index in range(8)])
    correlation = np.corrcoef(draws) - np.eye(8)
    assert np.abs(correlation).max() < 0.12


def test_a_torch_seed_has_63_bits():
    seeds = [torch_seed(0, "x", index) for index in range(200)]
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**61
