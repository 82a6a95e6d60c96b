"""Tools are no part of the workflow, which would not notice that they broke."""

import importlib.util

import pytest
from checkout import ROOT

TOOLS = sorted(ROOT.glob("scripts/tools/*.py"))


@pytest.mark.parametrize("path", TOOLS, ids=lambda path: path.stem)
def test_a_tool_finds_what_it_imports_and_says_what_it_does(path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(path.parent)  # as for a script that is run
    spec = importlib.util.spec_from_file_location(path.stem, path)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr("sys.argv", [str(path), "--help"])
    with pytest.raises(SystemExit) as stopped:
        tool.main()
    assert stopped.value.code == 0
    said = " ".join(capsys.readouterr().out.split())  # argparse wraps lines
    assert tool.__doc__.splitlines()[0] in said


def test_there_are_tools():
    assert len(TOOLS) >= 8
