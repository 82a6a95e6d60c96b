"""`latticework inspect`: what is in a file, in words and as JSON."""

import json

import numpy as np
import pytest
import tifffile

from latticework.analysis.inspection import electrons_per_pixel
from latticework.cli.main import in_words, main


def honeycomb(pixel=0.2, size=200, dose=400.0):
    """Counts (size, size) of graphene's first-order waves at a pixel in Å, turned."""
    y, x = np.mgrid[:size, :size] * pixel
    waves = np.zeros((size, size))
    for angle in np.deg2rad([5, 65, 125]):
        waves += np.cos(2 * np.pi / 2.13 * (x * np.cos(angle) + y * np.sin(angle)))
    return np.random.default_rng(0).poisson(dose * (1 + 0.1 * waves))


def test_an_image_in_words(tmp_path, capsys):
    frame = honeycomb()
    frame[-20:] = 0
    path, look = tmp_path / "frame.tif", tmp_path / "look.png"
    pixel = {"resolution": (50, 50), "metadata": {"unit": "nm"}}
    tifffile.imwrite(path, frame.astype(np.uint16), imagej=True, **pixel)
    assert main(["inspect", str(path), "--overlay", str(look)]) == 0
    said = capsys.readouterr().out
    assert "image, 200 × 200 px" in said
    assert "pixel by the metadata: 0.2000 Å" in said
    measured = said.split("pixel by the lattice of graphene: ")[1].split(" Å")[0]
    assert float(measured) == pytest.approx(0.2, rel=0.005)
    assert "a bar or margin of one value, at the bottom, rows 180 to 199" in said
    assert "network graphene: its lattice shows" in said
    assert look.stat().st_size > 10_000


def test_json_says_the_same(tmp_path, capsys):
    tifffile.imwrite(tmp_path / "frame.tif", honeycomb().astype(np.uint16))
    assert main(["inspect", str(tmp_path / "frame.tif"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["size_px"] == [200, 200]
    assert found["pixel_angstrom"]["metadata"] is None
    assert found["pixel_angstrom"]["graphene"] == [pytest.approx(0.2, rel=0.005)]
    assert found["electrons_per_pixel"] == pytest.approx(400, rel=0.15)
    assert found["masked_share"] == 0


@pytest.mark.parametrize("gain", [1.0, 37.0, 1e-6])
@pytest.mark.parametrize("dose", [30.0, 1000.0])
def test_the_dose_of_counts_in_any_units(gain, dose):
    frame = gain * np.random.default_rng(1).poisson(dose, (200, 200))
    assert electrons_per_pixel(frame, None) == pytest.approx(dose, rel=0.06)
    assert electrons_per_pixel(np.full((40, 40), 3.0), None) is None


def test_patterns(tmp_path, capsys):
    y, x = np.mgrid[:64, :64]
    disks = [
        (30 + 12 * i, 33 + 12 * j, 100 / (1 + i**2 + j**2))
        for i in (-2, -1, 0, 1, 2)
        for j in (-2, -1, 0, 1, 2)
    ]
    one = sum(h * (np.hypot(x - u, y - v) < 3.3) for u, v, h in disks) + 1.0
    scan = np.random.default_rng(0).poisson(one, (2, 3, 64, 64)).astype(np.uint16)
    scan[1, 2] = 0
    np.save(tmp_path / "scan.npy", scan)
    assert main(["inspect", str(tmp_path / "scan.npy")]) == 0
    said = capsys.readouterr().out
    assert "scan of 2 × 3 patterns of 64 × 64 px" in said
    assert "direct beam: x = 30." in said
    assert "y = 33." in said or "y = 32.9" in said
    assert "of 6 patterns looked at, 1 cannot be read" in said


# Whatever goes wrong


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "not enough memory"),
        (KeyError("size"), "KeyError: 'size'"),
        (AssertionError(), "AssertionError: no reason given"),
        (StopIteration(), "--debug"),
        (PermissionError(13, "Permission denied", "a.csv"), "a.csv: Permission denied"),
        (ValueError("two\nlines"), "two lines"),
    ],
)
def test_every_error_is_one_line(monkeypatch, capsys, tmp_path, error, said):
    def fail(*arguments):
        raise error

    monkeypatch.setattr("latticework.cli.inspect.check_outputs", fail)
    assert main(["inspect", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert said in message
    assert said in in_words(error)
    assert main(["inspect", str(tmp_path), "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_interruption_is_130(monkeypatch, capsys, tmp_path):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("latticework.cli.inspect.check_outputs", interrupt)
    assert main(["inspect", str(tmp_path)]) == 130
    assert capsys.readouterr().err.count("\n") == 1
