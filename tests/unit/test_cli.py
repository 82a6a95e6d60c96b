"""`latticework predict`: one table, or one line and exit code 2."""

import re

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch

from latticework.analysis.bounds import pristine_square
from latticework.analysis.matching import match
from latticework.cli import MODELS, main
from latticework.imaging.augmentation import (
    exit_intensity,
    fixed_microscope,
    series_intensity,
    wave_bank,
)
from latticework.imaging.detector import detect
from latticework.materials import FCC_110
from latticework.seeds import stream
from latticework.simulation.exit_waves import exit_wave
from latticework.structures import targets
from latticework.structures.nanoparticles import nanoparticle


@pytest.fixture(scope="module")
def honeycomb():
    """A simulated picture (ny, nx) of pristine graphene at 0.25 Å/px, and its atoms (n, 2) Å."""
    sheet = pristine_square(17.0).repeat((2, 2, 1))
    box = sheet.cell.lengths()[0]
    size = round(box / 0.25)
    wave = exit_wave(
        sheet,
        energy=80e3,
        sampling=0.15,
        slice_thickness=2.0,
        thermal_sigma=0.06,
        stored_sampling=0.24,
    )
    atoms = sheet.positions[:, :2]
    waves = torch.from_numpy(wave)[None]
    bank = wave_bank(waves, [torch.from_numpy(atoms)], [torch.ones(len(atoms))], box, 1.5)
    microscope = fixed_microscope(30.0, 1e5, 28.0, 1)
    intensity = exit_intensity(bank.spectra, bank.frequencies, box, size, 80e3, microscope)
    dose = 3e4 * (box / size) ** 2
    counts = np.random.default_rng(0).poisson(dose * intensity[0].numpy()).astype(np.float32)
    # The sheet's pixel is not quite 0.25 Å.
    atoms = atoms * 0.25 / (box / size)
    inside = ((atoms > 3) & (atoms < size * 0.25 - 3)).all(axis=1)
    return counts, atoms[inside]


def predict(*arguments):
    return main(["predict", *map(str, arguments), "--study", "graphene", "--quiet"])


def test_atoms_of_a_picture(tmp_path, honeycomb, capsys):
    picture, atoms = honeycomb
    tifffile.imwrite(tmp_path / "a.tif", picture)
    table, overlay = tmp_path / "atoms.csv", tmp_path / "atoms.png"
    assert predict(tmp_path / "a.tif", "-o", table, "--overlay", overlay) == 0
    found = pd.read_csv(table)
    assert {"x_angstrom", "y_angstrom", "x_px", "y_px", "probability", "class", "frame"} < set(
        found
    )
    positions = found[["x_angstrom", "y_angstrom"]].to_numpy()
    distance = np.linalg.norm(positions[:, None] - atoms[None], axis=-1).min(axis=0)
    assert np.mean(distance < 0.5) > 0.95
    assert overlay.stat().st_size > 1000
    assert "atoms in 1 frame" in capsys.readouterr().out


def test_every_frame_of_a_movie(tmp_path, honeycomb):
    picture, _ = honeycomb
    tifffile.imwrite(tmp_path / "movie.tif", np.stack([picture, picture[::-1]]))
    table = tmp_path / "atoms.csv"
    assert predict(tmp_path / "movie.tif", "--pixel-size", 0.25, "-o", table) == 0
    assert set(pd.read_csv(table)["frame"]) == {0, 1}


def test_picture_without_atoms_gives_a_table_and_a_warning(tmp_path, capsys):
    noise = np.random.default_rng(1).normal(100, 10, (256, 256)).astype(np.float32)
    tifffile.imwrite(tmp_path / "noise.tif", noise)
    table = tmp_path / "atoms.csv"
    assert predict(tmp_path / "noise.tif", "--pixel-size", 0.25, "-o", table) == 0
    # A full field of 64 Å × 64 Å would hold 1,560 atoms.
    assert len(pd.read_csv(table)) < 80
    assert "warning" in capsys.readouterr().err


@pytest.fixture(scope="module")
def focal_series():
    """Three pictures (3, ny, nx) of a gold particle at 0.25 Å/px, its columns (n, 2) Å and their
    numbers of atoms."""
    particle = nanoparticle(
        stream(3, "series", 0),
        box=32.0,
        radius=(9, 9),
        zone_axes=("110",),
        tilt=(0, 0),
        tallest=9,
        classes="height",
    )
    wave = exit_wave(
        particle,
        energy=300e3,
        sampling=0.2,
        slice_thickness=1.5,
        thermal_sigma=0.087,
        stored_sampling=0.25,
    )
    truth = targets(particle)
    nothing = [torch.zeros(1, 2)], [torch.ones(1)]
    bank = wave_bank(torch.from_numpy(wave)[None], *nothing, 32.0, 1.5)
    intensity = series_intensity(
        bank.spectra,
        bank.frequencies,
        bank.box,
        128,
        300e3,
        fixed_microscope(0.0, -1.5e5, 28.0, 1),
        (-170.0, -40.0, 90.0),
    )
    # 3·10⁴ e/Å² in all, and a camera as in the evaluation.
    camera = {"c1": 0.0, "c2": 0.49, "c3": 2.34, "nyquist_ratio": 1.0}
    counts = detect(
        intensity,
        torch.tensor([1e4 * 0.25**2]),
        **{name: torch.tensor([value]) for name, value in camera.items()},
        generator=torch.Generator().manual_seed(0),
    )[0].numpy()
    return counts, truth.positions[:, :2], truth.classes


def count(*arguments):
    return main(["predict", *map(str, arguments), "--study", "gold_heights", "--quiet"])


@pytest.mark.parametrize("files", [1, 3])
def test_atoms_are_counted_in_a_focal_series(tmp_path, focal_series, files):
    pictures, columns, heights = focal_series
    paths = [tmp_path / f"{number}.tif" for number in range(files)]
    for path, frames in zip(paths, np.split(pictures, files), strict=True):
        tifffile.imwrite(path, frames, photometric="minisblack")
    table = tmp_path / "heights.csv"
    assert count(*paths, "--pixel-size", 0.25, "-o", table) == 0
    found = pd.read_csv(table)
    assert {"class", "p_1", "p_9"} <= set(found)
    assert set(found["frame"]) == {0}
    i, j, _ = match(found[["x_angstrom", "y_angstrom"]].to_numpy(), columns, 0.5)
    assert len(found) == len(i) == len(columns)
    error = np.abs(found["class"].to_numpy()[i] - heights[j])
    assert np.mean(error == 0) > 0.9
    assert error.max() <= 1


def test_pictures_in_another_order_are_counted_wrong(tmp_path, focal_series):
    pictures, _, heights = focal_series
    tifffile.imwrite(tmp_path / "series.tif", pictures[::-1], photometric="minisblack")
    table = tmp_path / "heights.csv"
    assert count(tmp_path / "series.tif", "--pixel-size", 0.25, "-o", table) == 0
    assert abs(pd.read_csv(table)["class"].sum() - heights.sum()) > 0.05 * heights.sum()


def test_a_series_of_other_length_says_what_is_needed(tmp_path, focal_series, capsys):
    pictures, _, _ = focal_series
    tifffile.imwrite(tmp_path / "two.tif", pictures[:2])
    tifffile.imwrite(tmp_path / "one.tif", pictures[2, :, :100])
    output = ("--pixel-size", 0.25, "-o", tmp_path / "heights.csv")
    assert count(tmp_path / "two.tif", *output) == 2
    message = capsys.readouterr().err
    assert "-170 + Δ, -40 + Δ, 90 + Δ Å" in message
    assert "found 2 picture(s)" in message
    # Three planes are a colour to TIFF, unless it is told otherwise.
    tifffile.imwrite(tmp_path / "colour.tif", pictures, photometric="rgb")
    assert count(tmp_path / "colour.tif", *output) == 2
    assert "minisblack" in capsys.readouterr().err
    # Three, but not of one size.
    assert count(tmp_path / "two.tif", tmp_path / "one.tif", *output) == 2
    assert "100 × 128 px, 128 × 128 px" in capsys.readouterr().err
    assert predict(tmp_path / "two.tif", tmp_path / "two.tif", *output) == 2
    assert "graphene reads one file" in capsys.readouterr().err
    assert not (tmp_path / "heights.csv").exists()


def crystals(widths, pixels):
    """A picture (256, sum of widths): side by side, what gold along ⟨110⟩ shows at pixels in Å."""
    parts = []
    for width, pixel in zip(widths, pixels, strict=True):
        y, x = np.mgrid[:256, :width]
        parts.append(sum(np.cos(2 * np.pi * pixel * (gx * x + gy * y)) for gx, gy in FCC_110))
    noise = np.random.default_rng(0).normal(0, 1, (256, sum(widths)))
    return (100 + 10 * np.hstack(parts) + noise).astype(np.float32)


def test_the_lattice_is_measured_where_the_user_says(tmp_path, capsys):
    tifffile.imwrite(tmp_path / "two.tif", crystals((640, 256), (0.24, 0.19)))
    arguments = [str(tmp_path / "two.tif"), "--study", "gold", "--symmetries", "1", "--quiet"]
    arguments = ["predict", *arguments, "-o", str(tmp_path / "columns.csv")]
    region = ["--scale-region", "640", "0", "896", "256"]
    assert main(arguments) == 0
    assert "0.240" in capsys.readouterr().out
    assert main([*arguments, *region]) == 0
    assert re.search(r"0\.1(89|90)\d Å/px by the lattice", capsys.readouterr().out)
    # The user's pixel is not that of the larger crystal.
    assert main([*arguments, "--pixel-size", "0.19"]) == 0
    said = capsys.readouterr()
    assert "lattice 0.240" in said.err
    assert "--scale-region" in said.err
    assert "0.1900 Å/px by the user" in said.out
    assert main([*arguments, *region, "--pixel-size", "0.19"]) == 0
    assert "disagree" not in capsys.readouterr().err


def test_gold_beside_ceria(tmp_path, mirror, capsys):
    """The paper's system: by the whole picture the pixel is the ceria's, a fifth too large."""
    picture = str(mirror / "hrtem/gold_on_ceria_dtu.png")
    table = str(tmp_path / "columns.csv")
    arguments = ["predict", picture, "--study", "gold", "--symmetries", "1", "-o", table]
    assert main([*arguments, "--quiet", "--scale-region", "340", "120", "580", "380"]) == 0
    assert "0.190" in capsys.readouterr().out
    found = pd.read_csv(table)
    inside = found["x_px"].between(345, 570) & found["y_px"].between(127, 377)
    assert inside.sum() > 200


def bad_pictures(folder, picture):
    """What is wrong → (file, a word of the message)."""
    files = {name: folder / f"{name}.tif" for name in ("nan", "constant", "line", "truncated")}
    tifffile.imwrite(files["nan"], np.full((64, 64), np.nan, dtype=np.float32))
    tifffile.imwrite(files["constant"], np.ones((64, 64), dtype=np.float32))
    tifffile.imwrite(files["line"], picture[0])
    tifffile.imwrite(files["truncated"], picture)
    files["truncated"].write_bytes(files["truncated"].read_bytes()[:30_000])
    files["missing"] = folder / "missing.tif"
    files["text"] = folder / "text.dm4"
    files["text"].write_text("not a micrograph")
    return files


@pytest.mark.parametrize("what", ["nan", "constant", "line", "truncated", "missing", "text"])
def test_bad_picture_is_one_line_and_no_table(tmp_path, honeycomb, capsys, what):
    path = bad_pictures(tmp_path, honeycomb[0])[what]
    assert predict(path, "--pixel-size", 0.25, "-o", tmp_path / "atoms.csv") == 2
    message = capsys.readouterr().err.strip()
    assert path.name in message
    assert "\n" not in message
    assert not (tmp_path / "atoms.csv").exists()


def test_unknown_pixel_size_says_what_to_do(tmp_path, capsys):
    noise = np.random.default_rng(1).normal(100, 10, (128, 128)).astype(np.float32)
    tifffile.imwrite(tmp_path / "noise.tif", noise)
    assert predict(tmp_path / "noise.tif", "-o", tmp_path / "atoms.csv") == 2
    assert "--pixel-size" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        ("--pixel-size", "120"),
        ("--threshold", "1.5"),
        ("--tile", "100"),
        ("--scale-region", "10", "0", "20", "60"),
        ("--scale-region", "-10", "0", "90", "90"),
        ("--weights", "no_such_file.safetensors"),
        ("-o", "no/such/folder/atoms.csv"),
    ],
)
def test_wrong_option_is_one_line(tmp_path, honeycomb, capsys, wrong):
    tifffile.imwrite(tmp_path / "a.tif", honeycomb[0])
    assert predict(tmp_path / "a.tif", "-o", tmp_path / "atoms.csv", *wrong) == 2
    message = capsys.readouterr().err.strip()
    assert wrong[1].split("/")[0] in message
    assert "\n" not in message


def test_weights_that_are_a_pickle_are_refused(tmp_path, honeycomb, capsys):
    tifffile.imwrite(tmp_path / "a.tif", honeycomb[0])
    torch.save({"a": torch.ones(2)}, tmp_path / "w.safetensors")
    weights = ("--weights", tmp_path / "w.safetensors")
    assert predict(tmp_path / "a.tif", *weights, "-o", tmp_path / "atoms.csv") == 2
    assert "safetensors" in capsys.readouterr().err


def test_unknown_study_names_those_there_are(tmp_path, honeycomb, capsys):
    tifffile.imwrite(tmp_path / "a.tif", honeycomb[0])
    arguments = ["predict", str(tmp_path / "a.tif"), "--study", "diamond", "-o", "a.csv"]
    assert main(arguments) == 2
    assert "graphene" in capsys.readouterr().err


def test_weights_for_patterns_do_not_read_micrographs(tmp_path, honeycomb, capsys):
    tifffile.imwrite(tmp_path / "a.tif", honeycomb[0])
    arguments = ["predict", str(tmp_path / "a.tif"), "--study", "diffraction", "-o", "a.csv"]
    assert main(arguments) == 2
    assert "latticework peaks" in capsys.readouterr().err


def test_published_weights_are_small_and_have_a_card():
    for path in MODELS.glob("*.safetensors"):
        assert path.stat().st_size <= 10e6
        assert path.with_suffix(".md").is_file()
