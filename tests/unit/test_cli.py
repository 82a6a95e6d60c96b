"""`latticework predict`: one table, or one line and exit code 2."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
import yaml
from checkout import ROOT
from grown import grow_particle

from latticework import materials
from latticework.cards import read_card
from latticework.cli import published
from latticework.cli.main import main
from latticework.evaluation.matching import match
from latticework.evaluation.real_images import against_outlines
from latticework.hardware import DEVICE_VARIABLE
from latticework.imaging.detector import detect
from latticework.imaging.waves import (
    exit_intensity,
    fixed_microscope,
    series_intensity,
    wave_bank,
)
from latticework.learning import weights
from latticework.seeds import stream
from latticework.shards import write_csv
from latticework.simulation.multislice import exit_wave
from latticework.structures import targets
from latticework.structures.references import reference_crystal


@pytest.fixture(scope="module")
def honeycomb():
    """A simulated image (ny, nx) of pristine graphene at 0.25 Å/px, and its atoms (n, 2) Å."""
    sheet = reference_crystal(materials.load("graphene")).repeat((2, 2, 1))
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
    bank = wave_bank(waves, box, 1.5)
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
    assert set(found["class"]) == {"C"}
    assert "p_C" in found
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
    """Three images (3, ny, nx) of a gold particle at 0.25 Å/px, its columns (n, 2) Å and their
    numbers of atoms."""
    particle = grow_particle(
        stream(3, "series", 0),
        box=32.0,
        radius=(9, 9),
        zone_axes=["110"],
        tilt=(0, 0),
        tallest=9,
        classes="height",
    )
    wave = exit_wave(
        particle,
        energy=300e3,
        sampling=0.1,
        slice_thickness=1.0,
        thermal_sigma=0.087,
        stored_sampling=0.25,
    )
    truth = targets(particle)
    bank = wave_bank(torch.from_numpy(wave)[None], 32.0, 1.5)
    intensity = series_intensity(
        bank.spectra,
        bank.frequencies,
        bank.box,
        128,
        300e3,
        fixed_microscope(0.0, -1.5e5, 28.0, 1),
        (-170.0, -40.0, 90.0),
        foci=5,
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
    assert list(found)[-2:] == ["sigma_angstrom", "frame"]
    assert set(found["frame"]) == {0}
    i, j, _ = match(found[["x_angstrom", "y_angstrom"]].to_numpy(), columns, 0.5)
    assert len(found) == len(i) == len(columns)
    error = np.abs(found["class"].to_numpy()[i] - heights[j])
    assert np.mean(error == 0) > 0.6
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
    assert "found 2 image(s)" in message
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


ZONE_AXIS = materials.load("gold").reflections.zone_axes["110"]


def crystals(widths, pixels):
    """An image (256, sum of widths): side by side, what gold along ⟨110⟩ shows at pixels in Å."""
    parts = []
    for width, pixel in zip(widths, pixels, strict=True):
        y, x = np.mgrid[:256, :width]
        parts.append(sum(np.cos(2 * np.pi * pixel * (gx * x + gy * y)) for gx, gy in ZONE_AXIS))
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
    """The paper's system: of the two crystals in the picture the network knows the gold."""
    picture = str(mirror / "hrtem/gold_on_ceria_dtu.png")
    table = str(tmp_path / "columns.csv")
    arguments = ["predict", picture, "--study", "gold", "--symmetries", "1", "-o", table]
    assert main([*arguments, "--quiet"]) == 0
    said = capsys.readouterr().out
    assert float(said.split(" Å/px by")[0].split()[-1]) == pytest.approx(0.187, rel=0.03)
    found = pd.read_csv(table)
    inside = found["x_px"].between(345, 570) & found["y_px"].between(127, 377)
    assert inside.sum() > 200
    # Both particles to their rims, and little beside them.
    arguments[arguments.index("1")] = "4"
    assert main([*arguments, "--quiet", "--threshold", "0.1", "--planes", "0.7"]) == 0
    places = pd.read_csv(table)[["x_angstrom", "y_angstrom"]].to_numpy()
    entries = yaml.safe_load((ROOT / "config/datasets.yaml").read_text())
    outlines = entries["gold_on_ceria_dtu"]["outlines"]
    values = {
        name: value for name, value, _ in against_outlines(places, outlines, (800, 800), 0.19)
    }
    assert values["edge kept of outline 1"] > 0.95
    assert values["edge kept of outline 2"] > 0.95
    assert values["density outside of the outlines"] < 1.5


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
        ("--overlay", "no/such/folder/atoms.png"),
        ("--device", "abacus"),
        ("--network", "no_such_network"),
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
    paths = list(published.MODELS.glob(f"*/*/{published.WEIGHTS}"))
    assert len(paths) >= 6
    for path in paths:
        assert path.stat().st_size <= 10e6
        assert path.with_name("README.md").is_file()


def test_weights_without_what_is_needed_are_refused(tmp_path, honeycomb, capsys):
    """Such as those of a version whose cards had no material."""
    tifffile.imwrite(tmp_path / "a.tif", honeycomb[0])
    network, card = weights.load(published.weights("graphene"))
    for number, wrong in enumerate(({"material": ...}, {"network": ...})):
        path = tmp_path / f"{number}.safetensors"
        weights.save(path, network, {k: v for k, v in card.items() if k not in wrong})
        arguments = ("--weights", path, "-o", tmp_path / "atoms.csv")
        assert predict(tmp_path / "a.tif", *arguments) == 2
        message = capsys.readouterr().err
        assert str(path) in message
        assert next(iter(wrong)) in message
        assert message.count("\n") == 1


def test_the_device_is_the_user_s_choice(tmp_path, honeycomb, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", honeycomb[0][:96, :96])
    arguments = ("--pixel-size", 0.25, "--symmetries", 1, "-o", tmp_path / "atoms.csv")
    # Whatever the option sets is undone after the test.
    monkeypatch.setenv(DEVICE_VARIABLE, "nonsense")
    assert predict(tmp_path / "a.tif", *arguments) == 2
    assert predict(tmp_path / "a.tif", *arguments, "--device", "cpu") == 0


# Published weights


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder of published weights: one study of patterns with two networks, one of images."""
    folder = tmp_path / "models"
    for name in ("diffraction/fcunet", "diffraction/compressed_unet", "graphene/residual_unet"):
        (folder / name).mkdir(parents=True)
        content = (published.MODELS / name / published.WEIGHTS).read_bytes()
        (folder / name / published.WEIGHTS).write_bytes(content)
    monkeypatch.setattr(published, "MODELS", folder)
    return folder


def test_a_study_of_several_networks_names_the_one_to_take(models):
    with pytest.raises(published.InputError, match="--network is one of: compressed_unet, fcunet"):
        published.weights("diffraction")
    (models / "diffraction/default").write_text("fcunet\n")
    assert published.weights("diffraction").parent.name == "fcunet"
    assert published.weights("diffraction", "compressed_unet").parent.name == "compressed_unet"
    with pytest.raises(published.InputError, match="no published network 'vgg'"):
        published.weights("diffraction", "vgg")
    assert published.weights("graphene").parent.name == "residual_unet"


def test_studies_are_told_apart_by_their_cards(models):
    (models / "diffraction/default").write_text("fcunet\n")
    (models / "README.md").write_text("not a study")
    (models / "broken/net").mkdir(parents=True)
    (models / "broken/net" / published.WEIGHTS).write_bytes(b"damaged")
    assert list(published.studies(patterns=True)) == ["diffraction"]
    assert list(published.studies(patterns=False)) == ["graphene"]
    path, card = published.chosen(None, None, None, patterns=True)
    assert path == models / "diffraction/fcunet" / published.WEIGHTS
    assert card == read_card(path)


def test_the_study_must_be_said_where_there_is_more_than_one(models):
    (models / "diffraction/default").write_text("fcunet\n")
    (models / "diffraction").rename(models / "one")
    shutil.copytree(models / "one", models / "two")
    with pytest.raises(published.InputError, match=r"pass --study .*one, two"):
        published.chosen(None, None, None, patterns=True)
    assert published.chosen("two", None, None, patterns=True)[0].parents[1].name == "two"


def test_a_network_s_name_and_a_file_contradict_each_other(models):
    path = published.weights("graphene")
    with pytest.raises(published.InputError, match="--network fcunet"):
        published.chosen("graphene", "fcunet", path, patterns=False)


def test_help_lists_what_is_published(models, capsys):
    (models / "graphene").rename(models / "carbon")
    (models / "diffraction/default").write_text("fcunet\n")
    for command, study in (("predict", "carbon"), ("peaks", "diffraction")):
        with pytest.raises(SystemExit) as stopped:
            main([command, "--help"])
        assert stopped.value.code == 0
        said = capsys.readouterr().out
        assert study in said
        assert "graphene" not in said


@pytest.mark.parametrize("command", [[], ["predict"], ["peaks"], ["verify"]])
def test_help_loads_nothing_heavy(command):
    code = (
        "import sys; from latticework.cli.main import main\n"
        f"try: main({[*command, '--help']})\n"
        "except SystemExit: pass\n"
        "print('LOADED', sorted({'torch', 'numpy', 'pandas', 'h5py', 'pydantic'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("LOADED []\n"), done.stdout + done.stderr


# Files that an output must not damage


@pytest.fixture
def places(tmp_path):
    """Files to read, and places where nothing may be written, by what they are."""
    read = tmp_path / "read.tif"
    read.write_bytes(b"an image")
    found = {"input": read, "folder": tmp_path / "folder", "pipe": tmp_path / "pipe"}
    found["folder"].mkdir()
    os.mkfifo(found["pipe"])
    for name, target in (
        ("link to the input", read),
        ("link to a file", tmp_path / "other"),
        ("link to nothing", tmp_path / "nothing"),
        ("link to itself", tmp_path / "link_to_itself"),
    ):
        found[name] = tmp_path / name.replace(" ", "_")
        found[name].symlink_to(target)
    (tmp_path / "other").write_text("precious")
    found["hard link to the input"] = tmp_path / "hard"
    os.link(read, found["hard link to the input"])
    (tmp_path / "linked_folder").symlink_to(tmp_path)
    found["input through a linked folder"] = tmp_path / "linked_folder/read.tif"
    found["device"] = Path("/dev/null")
    found["input by another path"] = tmp_path / "folder/../read.tif"
    found["below a file"] = read / "table.csv"
    return found


PLACES = (
    *("input", "link to the input", "hard link to the input", "input through a linked folder"),
    *("input by another path", "folder", "pipe", "device", "link to a file", "link to nothing"),
    *("link to itself", "below a file"),
)


@pytest.mark.parametrize("option", ["-o", "--overlay"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("command", ["predict", "peaks"])
def test_no_output_does_damage(tmp_path, places, capsys, monkeypatch, command, place, option):
    def computed(*arguments, **keywords):
        raise AssertionError("nothing is to be computed")

    monkeypatch.setattr(weights, "load", computed)
    outputs = {"-o": str(tmp_path / "table.csv"), option: str(places[place])}
    own = {"predict": ["--study", "graphene"], "peaks": ["--semiangle", "1"]}[command]
    words = [word for pair in outputs.items() for word in pair]
    before = {p: p.read_bytes() for p in (places["input"], tmp_path / "other")}
    links = {p: p.readlink() for p in places.values() if p.is_symlink()}
    assert main([command, str(places["input"]), *own, *words]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert str(places[place]) in message
    assert {p: p.read_bytes() for p in before} == before
    assert {p: p.readlink() for p in links} == links
    assert not (tmp_path / "table.csv").exists()
    assert places["folder"].is_dir()


@pytest.mark.parametrize(
    ("option", "name", "said"),
    [
        ("--overlay", "atoms.jpg", "give it the ending .png"),
        ("--mask", "mask.tif", "give it the ending .png"),
        ("-o", "atoms.xlsx", "give it the ending .csv"),
        ("-o", "kept.csv", "may not be written to"),
    ],
)
def test_an_output_is_what_its_name_says(tmp_path, places, capsys, monkeypatch, option, name, said):
    (tmp_path / "kept.csv").write_text("precious")
    allowed = os.access
    # Who is root may write everything.
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path).name != "kept.csv" and allowed(path, mode)
    )
    outputs = {"-o": str(tmp_path / "table.csv"), option: str(tmp_path / name)}
    words = [word for pair in outputs.items() for word in pair]
    assert main(["predict", str(places["input"]), "--study", "graphene", *words]) == 2
    assert said in capsys.readouterr().err
    assert (tmp_path / "kept.csv").read_text() == "precious"


def test_a_name_as_long_as_it_may_be(tmp_path):
    path = tmp_path / ("a" * 251 + ".csv")
    write_csv(path, pd.DataFrame({"x": [1]}))
    assert pd.read_csv(path)["x"].tolist() == [1]


@pytest.mark.parametrize("same", ["table.csv", "folder/../table.csv"])
def test_table_and_overlay_are_two_files(tmp_path, places, capsys, same):
    outputs = ["-o", str(tmp_path / "table.csv"), "--overlay", str(tmp_path / same)]
    assert main(["predict", str(places["input"]), "--study", "graphene", *outputs]) == 2
    assert "the file of -o as well" in capsys.readouterr().err


def test_the_probe_and_the_weights_are_inputs_as_well(tmp_path, places, capsys):
    probe = tmp_path / "other"
    command = ["peaks", str(places["input"]), "--probe", str(probe), "-o"]
    assert main([*command, str(probe)]) == 2
    assert "is an input file" in capsys.readouterr().err
    own = tmp_path / "own.safetensors"
    shutil.copy(published.weights("diffraction"), own)
    assert main([*command, str(own), "--weights", str(own)]) == 2
    assert "is an input file" in capsys.readouterr().err
    assert own.read_bytes() == published.weights("diffraction").read_bytes()


def test_an_older_table_is_replaced(tmp_path, honeycomb):
    tifffile.imwrite(tmp_path / "a.tif", honeycomb[0][:96, :96])
    table = tmp_path / "atoms.csv"
    table.write_text("old")
    arguments = ("--pixel-size", 0.25, "--symmetries", 1, "-o", table)
    assert predict(tmp_path / "a.tif", *arguments) == 0
    assert table.read_text().startswith("x_angstrom")
