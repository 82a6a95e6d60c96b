"""`latticework lattice`: what it prints and writes, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
import tifffile

from latticework.cli.main import main


@pytest.fixture
def image(tmp_path):
    """A hexagonal lattice of 14 px in a file without a pixel size."""
    y, x = np.mgrid[:160, :160]
    size = 2 / np.sqrt(3) / 14
    angles = 0.2 + np.arange(3) * np.pi / 3
    waves = sum(
        np.cos(2 * np.pi * size * (np.cos(t) * x + np.sin(t) * y)) for t in angles
    ) + np.random.default_rng(0).normal(0, 0.4, x.shape)
    path = tmp_path / "lattice.tif"
    tifffile.imwrite(path, (1000 + 100 * waves).astype(np.float32))
    return path


def test_it_prints_and_writes_what_it_found(image, tmp_path, capsys):
    table, drawing = tmp_path / "out.csv", tmp_path / "out.png"
    assert (
        main(
            [
                "lattice",
                str(image),
                "--constant",
                "2.8",
                "-o",
                str(table),
                "--overlay",
                str(drawing),
            ]
        )
        == 0
    )
    said = capsys.readouterr().out
    assert "hexagonal" in said
    assert "certain" in said
    assert "pixel 0.200" in said
    found = pd.read_csv(table)
    assert {"x_per_px", "h", "k", "significance", "amplitude"} <= set(found)
    assert found["h"].notna().sum() >= 3
    assert drawing.stat().st_size > 1000


def test_a_pixel_size_that_the_lattice_contradicts_is_warned_of(image, capsys):
    main(["lattice", str(image), "--constant", "2.8", "--pixel-size", "0.13"])
    assert "by the lattice, 54% off" in capsys.readouterr().err
    # Twice as large is what a 2 × 2 superlattice would have.
    main(["lattice", str(image), "--constant", "2.8", "--pixel-size", "0.4"])
    read = capsys.readouterr()
    assert "2 × 2" in read.out
    assert "off" not in read.err


def test_noise_has_no_confident_lattice(tmp_path, capsys):
    path = tmp_path / "noise.tif"
    tifffile.imwrite(path, np.random.default_rng(0).normal(size=(96, 96)).astype(np.float32))
    assert main(["lattice", str(path)]) == 0
    read = capsys.readouterr()
    assert "no lattice" in read.out
    assert "no lattice was found" in read.err


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--constant", "0"], "--constant"),
        (["--pixel-size", "9"], "--pixel-size"),
        (["-o", "/nowhere/at/all.csv"], "folder"),
        (["--image", "Z backward"], "Z backward"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(image, options, word, capsys):
    assert main(["lattice", str(image), *options]) == 2
    said = capsys.readouterr().err
    assert word in said
    assert said.count("\n") == 1
