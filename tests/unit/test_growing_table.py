"""Tables that are written as they are found: what an interruption leaves, and what follows."""

import os
from itertools import count

import numpy as np
import pandas as pd
import pytest

from latticework.cli import peaks
from latticework.cli.growing_table import growing, identity
from latticework.cli.main import main


def rows(number):
    return pd.DataFrame({"item": [number] * (number % 3), "value": number / 3})


def fill(path, run, stop=None, error=KeyboardInterrupt):
    """Write ten items, each kept; raise an error instead of the item `stop`."""
    with growing(path, run, {"seen": 0}, "item") as table:
        started = table.done
        for number in range(started, 10):
            if number == stop:
                raise error
            table.append(rows(number))
            table.state["seen"] += 1
            if number % 2:
                table.reached(number + 1)
    return started, table.state


def test_an_interrupted_table_goes_on_and_is_the_same_in_the_end(tmp_path):
    whole, resumed = tmp_path / "whole.csv", tmp_path / "resumed.csv"
    assert fill(whole, "a") == (0, {"seen": 10})
    with pytest.raises(KeyboardInterrupt, match="after the 4 items"):
        fill(resumed, "a", stop=5)
    assert not resumed.exists()
    assert fill(resumed, "a") == (4, {"seen": 10})
    assert resumed.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["resumed.csv", "whole.csv"]


def test_another_run_begins_anew(tmp_path):
    path = tmp_path / "table.csv"
    with pytest.raises(KeyboardInterrupt):
        fill(path, "a", stop=5)
    assert fill(path, "b") == (0, {"seen": 10})
    assert pd.read_csv(path)["item"].tolist() == [1, 2, 2, 4, 5, 5, 7, 8, 8]


def test_an_older_table_stays_until_the_new_one_is_there_and_errors_leave_nothing(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("precious")
    for error in (KeyboardInterrupt, ValueError):
        with pytest.raises(error):
            fill(path, "a", stop=1, error=error)
        assert path.read_text() == "precious"
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("damage", ["cut", "gone", "garbled"])
def test_what_an_interruption_left_may_be_damaged(tmp_path, damage):
    path = tmp_path / "table.csv"
    with pytest.raises(KeyboardInterrupt):
        fill(path, "a", stop=5)
    left, note = tmp_path / ".table.csv.unfinished", tmp_path / ".table.csv.unfinished.json"
    if damage == "cut":
        left.write_bytes(left.read_bytes()[:10])
    elif damage == "gone":
        left.unlink()
    else:
        note.write_text("{")
    assert fill(path, "a") == (0, {"seen": 10})


def test_a_run_is_known_by_its_files_and_options(tmp_path):
    file = tmp_path / "scan.h5"
    file.write_bytes(b"1")
    known = identity([file], {"threshold": 0.1})
    assert known == identity([file], {"threshold": 0.1})
    assert known != identity([file], {"threshold": 0.2})
    os.utime(file, ns=(1, 1))
    assert known != identity([file], {"threshold": 0.1})


@pytest.fixture
def scan(tmp_path):
    y, x = np.mgrid[:64, :64] - 32.0
    pattern = sum(
        np.exp(-0.02 * np.hypot(a, b)) * (np.hypot(x - a, y - b) < 3)
        for a in range(-24, 25, 12)
        for b in range(-24, 25, 12)
    )
    counts = np.random.default_rng(0).poisson(800 * pattern, (20, 64, 64))
    np.save(tmp_path / "scan.npy", counts.reshape(4, 5, 64, 64).astype(np.float32))
    return tmp_path / "scan.npy"


def test_peaks_of_an_interrupted_scan_are_those_of_an_undisturbed_one(scan, monkeypatch, capsys):
    def run(output):
        words = ["peaks", scan, "--semiangle", 2, "--reciprocal-pixel", 0.05, "--samples", 2]
        return main([str(word) for word in (*words, "--quiet", "-o", output)])

    whole, output = scan.with_name("whole.csv"), scan.with_name("peaks.csv")
    assert run(whole) == 0
    kept, calls = peaks.rows_of, count()

    def stopped(number, found):
        if next(calls) == 18:
            raise KeyboardInterrupt
        return kept(number, found)

    monkeypatch.setattr(peaks, "rows_of", stopped)
    assert run(output) == 130
    assert "goes on after the 16 patterns" in capsys.readouterr().err
    assert not output.exists()
    assert run(output) == 0
    assert "going on after 16 of 20 patterns" in capsys.readouterr().out
    assert output.read_bytes() == whole.read_bytes()
