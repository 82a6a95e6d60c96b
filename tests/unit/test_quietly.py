"""One line of progress for a run of Snakemake; what goes wrong is seen."""

import subprocess
import sys

from checkout import ROOT

QUIETLY = ROOT / "scripts/tools/quietly.py"
GOOD = "rule train:\n    output: x\n1 of 2 steps (50%) done\nrule dose:\n2 of 2 steps (100%) done\n"
BAD = "rule train:\n\nError in rule train:\n    output: x\n    log: y\n\nrule dose:\n    input: z\n"


def quietly(tmp_path, said, code):
    child = f"import sys; print({said!r}, end='', file=sys.stderr); sys.exit({code})"
    command = [sys.executable, QUIETLY, "--label", "demo", "--log", tmp_path / "run.log", "--"]
    return subprocess.run(
        [*command, sys.executable, "-c", child], capture_output=True, text=True, check=False
    )


def test_a_good_run_is_one_line(tmp_path):
    done = quietly(tmp_path, GOOD, 0)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("demo ")
    assert "2/2" in line
    assert (tmp_path / "run.log").read_text() == GOOD


def test_what_goes_wrong_is_told_to_its_end_and_nothing_else(tmp_path):
    done = quietly(tmp_path, BAD, 1)
    assert done.returncode == 1
    assert "Error in rule train:\n    output: x\n    log: y\n" in done.stderr
    assert "rule dose" not in done.stderr
    assert str(tmp_path / "run.log") in done.stderr


def test_a_run_that_dies_without_a_word_shows_its_last_lines(tmp_path):
    done = quietly(tmp_path, "rule train:\n    output: x\n", 3)
    assert done.returncode == 3
    assert "output: x" in done.stderr
