"""`latticework predict --refine`: refined positions and a fit beside the table, or one line."""

import json
import runpy

import numpy as np
import pandas as pd
import pytest
import tifffile
from checkout import ROOT

from latticework import materials
from latticework.cli import published
from latticework.cli.main import main
from latticework.evaluation.response import displaced, image_of, plain_microscope
from latticework.simulation.multislice import exit_wave
from latticework.structures.references import reference_crystal


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    """A file with an image of a small sheet of graphene at 0.25 Å/px."""
    crystal = reference_crystal(materials.load("graphene"))
    made = displaced(crystal, "random", 0.05, np.random.default_rng(0))

    def simulate(atoms):
        return exit_wave(
            atoms, energy=80e3, sampling=0.1, stored_sampling=0.25, slice_thickness=1.0,
            thermal_sigma=0.06,
        )  # fmt: skip

    image, step = image_of(
        made, crystal, simulate, energy=80e3, sampling=0.25, dose=1e5, band_limit=1.5, seed=1,
        microscope=plain_microscope(-60.0, -1.15e5, 28.0, (0.0, 0.49, 2.34)),
    )  # fmt: skip
    path = tmp_path_factory.mktemp("sheet") / "sheet.tif"
    tifffile.imwrite(path, (1000 * image).astype(np.float32))
    return path, step


def predict(*arguments):
    return main(["predict", *map(str, arguments), "--quiet"])


def test_refined_atoms_have_errors_and_keep_the_networks_positions(tmp_path, sheet, capsys):
    path, step = sheet
    table, residual = tmp_path / "atoms.csv", tmp_path / "residual.png"
    options = ("--study", "graphene", "--pixel-size", step, "--refine", "--residual", residual)
    assert predict(path, *options, "-o", table) == 0
    atoms = pd.read_csv(table)
    told = capsys.readouterr().out
    assert "fitted: defocus_angstrom" in told
    assert str(tmp_path / "atoms.fit.json") in told
    away = np.hypot(
        atoms["x_angstrom"] - atoms["x_network_angstrom"],
        atoms["y_angstrom"] - atoms["y_network_angstrom"],
    )
    assert 0.005 < away.median() < 0.2
    inside = atoms["sigma_x_angstrom"].notna()
    assert inside.mean() > 0.9
    np.testing.assert_allclose(atoms["x_px"] * step, atoms["x_angstrom"], atol=1e-6)
    assert residual.read_bytes().startswith(b"\x89PNG")
    fit = json.loads((tmp_path / "atoms.fit.json").read_text(encoding="utf-8"))
    assert fit["posterior"] is False
    assert fit["frames"][0]["defocus_angstrom"]["sigma"] > 0
    assert fit["frames"][0]["dose_per_angstrom2"]["sigma"] is None


@pytest.mark.parametrize("options", [["--posterior"], ["--residual", "r.png"]])
def test_options_of_the_refinement_need_it(tmp_path, sheet, capsys, options):
    assert predict(sheet[0], "--study", "graphene", *options, "-o", tmp_path / "a.csv") == 2
    assert "needs --refine" in capsys.readouterr().err
    assert not (tmp_path / "a.csv").exists()


def test_a_blank_frame_of_a_movie_does_not_stop_the_others(tmp_path, sheet, capsys):
    path, step = sheet
    image = tifffile.imread(path)
    movie = tmp_path / "movie.tif"
    tifffile.imwrite(movie, np.stack([np.full_like(image, 7), image]), photometric="minisblack")
    table = tmp_path / "atoms.csv"
    options = ("--study", "graphene", "--pixel-size", step, "--refine")
    assert predict(movie, *options, "-o", table) == 0
    atoms = pd.read_csv(table)
    assert set(atoms["frame"]) == {1}
    assert atoms["sigma_x_angstrom"].notna().mean() > 0.9
    fit = json.loads((tmp_path / "atoms.fit.json").read_text(encoding="utf-8"))
    assert list(fit["frames"][0]) == ["warnings"]
    assert "fitted: defocus_angstrom" in capsys.readouterr().out


def test_particles_are_refused_in_one_line(tmp_path, sheet, capsys):
    path, step = sheet
    options = ("--study", "gold", "--pixel-size", step, "--refine", "-o", tmp_path / "a.csv")
    assert predict(path, *options) == 2
    assert "gold is no sheet" in capsys.readouterr().err
    assert not (tmp_path / "a.csv").exists()


def test_the_workflow_refines_the_atoms_and_leaves_the_other_candidates(tmp_path, sheet):
    path, step = sheet
    assert predict(path, "--study", "graphene", "--pixel-size", step, "-o", tmp_path / "a.csv") == 0
    found, image = pd.read_csv(tmp_path / "a.csv"), tifffile.imread(path)
    found.loc[found.index[-2:], "probability"] = 0.2
    card = published.card_of(published.weights("graphene"))
    rule = runpy.run_path(str(ROOT / "scripts/analysis/atoms.py"))["fitted"]
    table, microscope, _ = rule(image, found, step, card, 0.5)
    assert "defocus_angstrom" in microscope
    assert len(table) == len(found)
    moved = table.loc[table["probability"] >= 0.5, "sigma_x_angstrom"]
    assert moved.notna().mean() > 0.9
    assert table.loc[table["probability"] < 0.5, "sigma_x_angstrom"].isna().all()
    gold = published.card_of(published.weights("gold"))
    same, nothing, doubts = rule(image, found, step, gold, 0.5)
    assert same is found
    assert not nothing
    assert "gold is no sheet" in doubts[0]
