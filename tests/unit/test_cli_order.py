"""`latticework order`, from a simulated surface to the table, and on real images."""

import numpy as np
import pandas as pd
import pytest

from latticework import materials
from latticework.cli.main import main
from latticework.config.stm import Simulation
from latticework.simulation.stm import image_of
from latticework.structures import surfaces

PIXEL = 0.4


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A charge-ordered manganite with a tilt, offsets of lines, and noise."""
    material = materials.load("manganite_001")
    given = {
        "kind": "perovskite_001",
        "order": [0.25, 0.25],
        "ordered": 1.0,
        "orbital": [0.0, 0.0],
        "adsorbates": [0, 0],
    }
    atoms = surfaces.make_shard(given, material, 1, "scan", "test", range(1))[0]
    height = image_of(atoms, Simulation(sampling=PIXEL, height=2.5))[0]
    rng = np.random.default_rng(0)
    ny, nx = height.shape
    height = height + 0.1 * height.std() * rng.normal(size=height.shape)
    height = height + 0.3 * height.std() * rng.normal(size=(ny, 1))
    height = height + height.std() * np.linspace(-2, 2, nx)
    path = tmp_path_factory.mktemp("order") / "scan.npy"
    np.save(path, height.astype(np.float32))
    return path


def test_charge_order_is_told_written_and_drawn(scan, tmp_path, capsys):
    table, picture = tmp_path / "order.csv", tmp_path / "order.png"
    outputs = ["-o", str(table), "--overlay", str(picture)]
    study = ["--study", "stm_manganite", "--pixel-size", str(PIXEL)]
    code = main(["order", str(scan), *study, *outputs, "--quiet"])
    said = capsys.readouterr().out
    assert code == 0
    assert "order at (0.5, 0.5): order parameter" in said
    sites = pd.read_csv(table)
    there = sites[sites["class"] != "missing"]
    assert {"h", "k", "domain", "state", "local_order", "brightness"} <= set(sites)
    bright = there["state"] > 0
    assert there["brightness"][bright].mean() > there["brightness"][~bright].mean() + 0.5
    assert picture.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "word"),
    [(["--vector", "0", "0"], "not both 0"), (["--vector", "7", "0"], "from -1 to 1")],
)
def test_vectors_that_mean_nothing_are_refused(scan, tmp_path, options, word, capsys):
    code = main(["order", str(scan), "--study", "generic", "-o", str(tmp_path / "o.csv"), *options])
    assert code == 2
    assert word in capsys.readouterr().err


# Real images


def test_a_charge_density_wave_is_found_on_the_sites(mirror, tmp_path, capsys):
    table = tmp_path / "order.csv"
    path = mirror / "stm/nbs2_cdw_2e.txt"
    assert main(["order", str(path), "--study", "generic", "-o", str(table), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "order at 3 × 3" in said
    assert "no order at √3 × √3" in said
    assert pd.read_csv(table)["domain"].ge(0).mean() > 0.9


def test_a_manganite_s_sites_order_in_one_state(mirror, tmp_path, capsys):
    path = mirror / "stm/lsmo110_manganite.png"
    table = tmp_path / "order.csv"
    assert main(["order", str(path), "--study", "generic", "-o", str(table), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "\norder at c(2 × 2)" in said
    assert "no order at 2 × 1" in said
    assert "no order at 1 × 2" in said


def test_a_wrong_pixel_size_is_caught(mirror, capsys):
    path = mirror / "stm/nbs2_cdw_2g_wrong_scale.txt"
    assert main(["lattice", str(path), "--constant", "3.33"]) == 0
    assert "the pixel size is given as" in capsys.readouterr().err
