"""What is not an image of the study's material: refused in one line, or read with a warning."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy import ndimage

from latticework.cli.main import main

UNFAMILIAR = "does not look like what the network was trained on"
STUDIES = ("stem_graphene", "stem_tmd", "stem_silicon", "stem_perovskite", "stem_metal")


def run(capsys, command, path, study, table, *options):
    """Exit status, and what is said of a picture."""
    words = [command, path, "--study", study, "--quiet", "-o", table, *options]
    code = main([str(word) for word in words])
    return code, capsys.readouterr().err


def warned_or_refused(code, said, table):
    """Whether nothing is told as if it were sure: a refusal and no table, or a warning."""
    if code == 0:
        assert table.exists()
        return f"warning: this {UNFAMILIAR}" in said
    assert code == 2
    assert not table.exists()
    return len(said.strip().splitlines()) == 1 and "Traceback" not in said


def shared(mirror, name):
    path = mirror / name
    if not path.exists():
        pytest.skip(f"no picture at {path}")
    return path


@pytest.mark.parametrize(
    ("name", "study", "options"),
    [
        ("hrtem/graphene_dtu_hole.tif", "stem_graphene", ()),
        ("hrtem/graphene_flower_defect.tif", "stem_graphene", ()),
        ("hrtem/gold_on_ceria_dtu.png", "stem_metal", ("--pixel-size", 0.187)),
        ("hrtem/gold_on_ceria_dtu.png", "stem_tmd", ("--pixel-size", 0.187)),
    ],
)
def test_a_picture_of_high_resolution_tem(mirror, tmp_path, capsys, name, study, options):
    table = tmp_path / "atoms.csv"
    code, said = run(capsys, "predict", shared(mirror, name), study, table, *options)
    assert warned_or_refused(code, said, table), said


@pytest.mark.parametrize(
    ("name", "study", "options"),
    [
        ("mose2_monolayer.tif", "stem_graphene", ()),
        ("mose2_monolayer.tif", "stem_perovskite", ()),
        ("graphene_si_2nm.hdf5", "stem_tmd", ()),
        ("graphene_si_2nm.hdf5", "stem_silicon", ("--pixel-size", 0.08)),
        ("silicon_110_dumbbells.png", "stem_tmd", ()),
        ("dysco3.png", "stem_tmd", ()),
        ("si110_dumbbells_200kV.emi", "stem_graphene", ()),
    ],
)
def test_a_picture_of_another_material(mirror, tmp_path, capsys, name, study, options):
    table = tmp_path / "atoms.csv"
    code, said = run(capsys, "predict", shared(mirror, f"stem/{name}"), study, table, *options)
    assert warned_or_refused(code, said, table), said


def without_atoms(kind):
    """A picture that shows no atom: shot noise, nearly no electrons, haze, an amorphous film."""
    rng = np.random.default_rng(0)
    if kind == "noise":
        return rng.poisson(20, (200, 200)).astype(np.float32)
    if kind == "vacuum":
        return rng.poisson(1, (200, 200)).astype(np.float32)
    if kind == "haze":
        return ndimage.gaussian_filter(rng.normal(0, 1, (200, 200)), 3).astype(np.float32)
    specks = (rng.random((200, 200)) > 0.985).astype(np.float32)
    return ndimage.gaussian_filter(specks, 1.5)


@pytest.mark.parametrize("kind", ["noise", "vacuum", "haze", "film"])
@pytest.mark.parametrize("study", STUDIES)
def test_a_picture_without_atoms(tmp_path, capsys, study, kind):
    picture, table = tmp_path / "picture.tif", tmp_path / "atoms.csv"
    tifffile.imwrite(picture, without_atoms(kind))
    code, said = run(capsys, "predict", picture, study, table, "--pixel-size", 0.2)
    assert warned_or_refused(code, said, table), said


@pytest.mark.parametrize("study", ["stem_graphene", "stem_tmd"])
def test_noise_has_no_scale(tmp_path, capsys, study):
    picture, table = tmp_path / "picture.tif", tmp_path / "atoms.csv"
    tifffile.imwrite(picture, without_atoms("noise"))
    code, said = run(capsys, "predict", picture, study, table)
    assert code == 2
    assert "the pixel size is unknown" in said
    assert not table.exists()


@pytest.mark.parametrize("what", ["zeros", "no values", "noise"])
def test_a_movie_with_a_blank_frame(mirror, tmp_path, capsys, what):
    frames = tifffile.imread(shared(mirror, "stem/wse2_movie_5_frames.tif"))
    rng = np.random.default_rng(0)
    blank = {"zeros": 0, "no values": np.nan}.get(what, rng.normal(0.05, 0.01, frames[2].shape))
    frames[2] = blank
    movie, table = tmp_path / "movie.tif", tmp_path / "defects.csv"
    tifffile.imwrite(movie, frames, photometric="minisblack")
    tables = {name: tmp_path / f"{name}.csv" for name in ("atoms", "states", "transitions")}
    options = [word for name, path in tables.items() for word in (f"--{name}", path)]
    code, said = run(capsys, "defects", movie, "stem_tmd", table, "--pixel-size", 0.36, *options)
    assert code == 0
    assert "warning: frame 2: " in said
    assert "warning: not the crystal of the others, left out: frame 2" in said
    atoms = pd.read_csv(tables["atoms"]).groupby("frame").size()
    assert atoms.drop(2, errors="ignore").between(450, 550).all()
    if what != "noise":
        assert 2 not in atoms.index
    # The frame says nothing of any site: no site loses its atoms in it.
    states = pd.read_csv(tables["states"])
    assert states.loc[states["frame"] == 2, "seen"].isna().all()
    assert states["site"].nunique() < 540
    changes = pd.read_csv(tables["transitions"])
    assert not (changes["to"] == "nothing").any()
