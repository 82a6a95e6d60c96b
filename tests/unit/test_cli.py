"""`latticework predict`: one table, or one line and exit code 2."""

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch

from latticework.analysis.bounds import pristine_square
from latticework.cli import MODELS, main
from latticework.imaging.augmentation import exit_intensity, fixed_microscope, wave_bank
from latticework.simulation.exit_waves import exit_wave


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


def test_published_weights_are_small_and_have_a_card():
    for path in MODELS.glob("*.safetensors"):
        assert path.stat().st_size <= 10e6
        assert path.with_suffix(".md").is_file()
