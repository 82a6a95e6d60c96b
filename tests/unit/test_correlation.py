"""Both correlations find drawn disks where they are; py4DSTEM in the interpreter that has it."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from latticework.analysis.diffraction import correlation_quantem
from latticework.analysis.diffraction.correlation import without_hot_pixels

ROOT = Path(__file__).resolve().parents[2]
APART = ROOT / ".venv-py4dstem/bin/python"
SIZE, STEP, RADIUS = 96, 0.04, 5.0
# Fractions of a pixel, x and y apart, no two alike; intensities from 1 to 1/100.
CENTRES = np.array([[48.0, 48.0], [70.3, 45.6], [25.7, 50.4], [52.2, 74.5], [43.8, 21.5]])
INTENSITIES = np.array([1.0, 0.5, 0.1, 0.04, 0.01])
PLAIN = {"threshold": 3e-3, "spacing": 1.0, "edge": 0.5, "corr_power": 1.0, "smoothing": 0.0}
THERE = """
import json, sys, numpy as np
from latticework.analysis.diffraction.correlation_py4dstem import detect
given = np.load(sys.argv[1])
found = detect(given["pattern"], given["probe"], float(given["step"]), json.loads(sys.argv[2]))
print(json.dumps(found.tolist()))
"""


def disk(x: float, y: float) -> np.ndarray:
    """A disk with an edge of a pixel."""
    rows, columns = np.indices((SIZE, SIZE))
    return np.clip(RADIUS + 0.5 - np.hypot(columns - x, rows - y), 0, 1).astype(np.float32)


def drawn() -> tuple[np.ndarray, np.ndarray]:
    """A pattern of disks of different intensities, and the probe in the middle."""
    pattern = sum(height * disk(*c) for c, height in zip(CENTRES, INTENSITIES, strict=True))
    return pattern.astype(np.float32), disk(SIZE // 2, SIZE // 2)


def by_quantem(pattern, probe, parameters, _):
    parameters = {"background": 0.0, "subtract_mean": False} | parameters
    return correlation_quantem.detect(pattern, probe, STEP, parameters)


def by_py4dstem(pattern, probe, parameters, folder):
    if not APART.exists():
        pytest.skip("no .venv-py4dstem: make py4dstem")
    np.savez(folder / "given.npz", pattern=pattern, probe=probe, step=STEP)
    command = [APART, "-c", THERE, folder / "given.npz", json.dumps(parameters)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return np.array(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("detect", "own", "tolerance"),
    [
        (by_quantem, {"subpixel": "upsample"}, 0.1),
        (by_quantem, {"subpixel": "parabolic"}, 0.25),
        (by_py4dstem, {"subpixel": "multicorr", "kernel": "flat"}, 0.1),
        (by_py4dstem, {"subpixel": "poly", "kernel": "sigmoid"}, 0.25),
    ],
)
def test_disks_are_found_where_they_are_with_the_root_of_their_intensity(
    tmp_path, detect, own, tolerance
):
    found = detect(*drawn(), PLAIN | own, tmp_path)
    assert len(found) == len(CENTRES)
    found = found[np.argsort(-found[:, 2])]
    offsets = found[:, :2] / STEP + SIZE // 2 - CENTRES
    assert np.abs(offsets).max() < tolerance
    np.testing.assert_allclose(found[:, 2] / found[0, 2], np.sqrt(INTENSITIES), rtol=0.05)


def test_hot_pixels_are_removed_and_disks_are_not():
    pattern, _ = drawn()
    spoilt = pattern.copy()
    spoilt[10, 80] = spoilt[48, 46] = 50.0
    np.testing.assert_array_equal(without_hot_pixels(spoilt, 4.0), pattern)
    assert without_hot_pixels(spoilt, 0.0) is spoilt
