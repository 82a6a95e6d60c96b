"""The sites of a cell, one by one: a surface whose missing adatoms are known, and real ones."""

import numpy as np
import pandas as pd
import pytest
from adatoms import BOX, MATERIAL, scan_of
from scipy.spatial import cKDTree

from latticework import materials
from latticework.analysis.surfaces.motif import read_cells
from latticework.analysis.surfaces.reading import read_lattice
from latticework.cli.main import main
from latticework.datasets.read import read_picture
from latticework.structures import surfaces


def judged(seed, noise):
    """Sites with `there`: whether the surface has them."""
    image, adatoms, in_angstrom = scan_of(seed, noise)
    reading = read_lattice(image)
    found = read_cells(reading.levelled, reading.lattice.vectors, materials.load(MATERIAL).motif)
    places = in_angstrom(found.sites[["x_px", "y_px"]].to_numpy()) % BOX
    distance, _ = cKDTree(adatoms % BOX, boxsize=BOX).query(places)
    return found, found.sites.assign(there=distance < 3.0)


def test_the_material_has_the_motif_of_the_model():
    motif = materials.load(MATERIAL).motif
    np.testing.assert_allclose(np.array(motif.sites), surfaces.adatoms() % 1, atol=1e-8)
    np.testing.assert_allclose(motif.cell, surfaces.HEXAGON, atol=1e-8)
    cells = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), -1).reshape(-1, 1, 2)
    everywhere = (cells + np.array(motif.sites)).reshape(-1, 2) @ surfaces.HEXAGON
    apart = cKDTree(everywhere).query(np.array(motif.empty) @ surfaces.HEXAGON)[0]
    # Half of the distance of two adatoms, 2/7 of the cell, or more.
    assert apart.min() > 1 / 7 - 1e-6


@pytest.mark.parametrize("noise", [0.2, 0.4])
def test_adatoms_that_are_there_are_found_and_others_are_missing(noise):
    found, sites = judged(3, noise)
    there, gone = sites[sites["there"]], sites[~sites["there"]]
    assert len(there) > 200
    assert len(gone) > 8
    assert (there["state"] == "found").mean() > 0.97
    assert (gone["state"] == "found").mean() < 0.1
    assert found.false_alarms < 0.02
    assert found.controls > 500
    whole = found.cells
    assert (whole[["found", "doubtful", "missing"]].sum(axis=1) == 12).all()


# Real images


def test_the_adatoms_of_real_cells_are_found_and_their_vacancies_marked(mirror, tmp_path, capsys):
    tables = {name: tmp_path / f"{name}.csv" for name in ("cells", "sites")}
    options = [part for name, path in tables.items() for part in (f"--{name}", str(path))]
    picture = tmp_path / "cells.png"
    image = str(mirror / "stm/si111_7x7_vacancies.dat")
    code = main(["lattice", image, "--motif", MATERIAL, *options, "--overlay", str(picture)])
    assert code == 0
    assert "whole cells: of" in capsys.readouterr().out
    cells, sites = (pd.read_csv(path) for path in tables.values())
    assert len(cells) > 20
    assert (cells["found"] == 12).sum() >= 13
    # The large hole in the upper left, where three adatoms are gone, and one by itself.
    for place in ((100, 68), (73, 96), (121, 237)):
        off = np.hypot(sites["x_px"] - place[0], sites["y_px"] - place[1])
        assert sites.loc[off.idxmin(), "state"] == "missing"
    assert picture.stat().st_size > 10_000


def test_adatoms_are_found_in_a_sheared_scan_in_both_directions(mirror):
    states = []
    for way in ("forward", "backward"):
        picture = read_picture(mirror / "stm/si111_7x7_20nm.sxm", image=way)
        reading = read_lattice(picture.image[0])
        found = read_cells(
            reading.levelled, reading.lattice.vectors, materials.load(MATERIAL).motif
        )
        assert found.false_alarms < 0.02
        assert found.share() > 0.9
        states.append(found.sites[["x_px", "y_px", "state"]])
    first, second = (one[["x_px", "y_px"]].to_numpy() for one in states)
    # The lines of both directions are shifted against each other.
    distance, nearest = cKDTree(second + np.array([2.3, 0.5])).query(first)
    same = distance < 4
    agree = states[0]["state"].to_numpy()[same] == states[1]["state"].to_numpy()[nearest[same]]
    assert same.mean() > 0.9
    assert agree.mean() > 0.9


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--motif", "gold"], "are known of"),
        (["--cells", "cells.csv"], "Name a material"),
    ],
)
def test_cells_of_nothing_are_refused(tmp_path, options, word, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("scan.npy", np.zeros((64, 64), np.float32))
    assert main(["lattice", "scan.npy", *options]) != 0
    assert word in capsys.readouterr().err
