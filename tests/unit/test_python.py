"""The commands as functions: three lines, and nothing loaded before they are asked for."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import tifffile

import latticework
from latticework.cli.main import main
from latticework.datasets.read import PictureError


def test_importing_the_package_loads_nothing():
    code = "import sys, latticework; print(any(m in sys.modules for m in ('torch', 'numpy')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_functions_are_there_by_name():
    assert set(latticework.FUNCTIONS) <= set(dir(latticework))
    for name in latticework.FUNCTIONS:
        assert callable(getattr(latticework, name))
    with pytest.raises(AttributeError, match="predikt"):
        latticework.predikt  # noqa: B018


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).poisson(100, (128, 128)).astype(np.float32)


def test_an_array_a_file_and_the_command_give_the_same(noise, tmp_path):
    from latticework import export, predict

    path = tmp_path / "noise.tif"
    tifffile.imwrite(path, noise)
    how = {"pixel_size": 0.25, "threshold": 0.05}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        of_array = predict(noise, "graphene", **how)
    assert {str(w.message) for w in told} >= set(of_array.warnings) != set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        of_file = predict(path, "graphene", **how)
    assert of_array.atoms.equals(of_file.atoms)
    export(of_file, tmp_path / "here.csv")
    arguments = ["predict", str(path), "--study", "graphene", "--pixel-size", "0.25", "--quiet"]
    assert main([*arguments, "--threshold", "0.05", "-o", str(tmp_path / "there.csv")]) == 0
    assert (tmp_path / "here.csv").read_bytes() == (tmp_path / "there.csv").read_bytes()


def test_what_cannot_be_read_says_so(noise):
    from latticework import predict

    with pytest.raises(PictureError, match="complex"):
        predict(noise * 1j, "graphene")
    with pytest.raises(ValueError, match="grafene"):
        predict(noise, "grafene")


def test_peaks_of_a_pattern(tmp_path):
    from latticework import peaks

    # A round probe and its Bragg disks on a square lattice of 24 px, weaker outwards.
    y, x = np.mgrid[:128, :128] - 64.0
    pattern = sum(
        np.exp(-0.02 * np.hypot(a, b)) * (np.hypot(x - a, y - b) < 5)
        for a in range(-48, 49, 24)
        for b in range(-48, 49, 24)
    )
    counts = np.random.default_rng(0).poisson(500 * pattern).astype(np.float32)
    tifffile.imwrite(tmp_path / "pattern.tif", counts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = peaks(tmp_path / "pattern.tif", reciprocal_pixel=0.02, semiangle=2, samples=2)
    places = found.table[["x_px", "y_px"]].to_numpy() - 64
    off = np.abs(places - 24 * np.rint(places / 24)).max(axis=1)
    assert len(places) >= 9
    assert np.mean(off < 2) > 0.9
