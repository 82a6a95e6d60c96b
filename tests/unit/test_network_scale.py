"""The pixel size of a field that is too small for a spectrum, by the network's own answers."""

import numpy as np
import pandas as pd
import pytest
import tifffile

from latticework import materials
from latticework.analysis.atoms.network_scale import neighbours_of, network_sampling
from latticework.cli import published
from latticework.cli.main import main
from latticework.config.inference import Images
from latticework.inference.haze import without_haze
from latticework.learning import weights

STUDY = "stem_graphene"


@pytest.fixture(scope="module")
def network():
    path, _ = published.chosen(STUDY, None, None, patterns=False)
    return weights.load(path)


def find(network, field):
    card = network[1]
    material = materials.load(card["material"])
    return network_sampling(
        *network, field[None].astype(np.float32), material, epsilon=Images().epsilon
    )


def honeycomb(side, sampling, degrees=11):
    """Gaussian atoms of 0.4 Å on graphene's places, with noise."""
    y, x = np.mgrid[:side, :side] * sampling
    turn = np.deg2rad(degrees)
    x, y = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    image = np.zeros((side, side))
    for shift_x, shift_y in ((0, 0), (1.23, 0.71), (1.23, 2.13), (0, 2.84)):
        dx = (x - shift_x + 1.23) % 2.46 - 1.23
        dy = (y - shift_y + 2.13) % 4.26 - 2.13
        image += np.exp(-(dx**2 + dy**2) / (2 * 0.4**2))
    return np.random.default_rng(0).poisson(8 + 12 * image).astype(float)


@pytest.mark.parametrize("sampling", [0.07, 0.11])
def test_a_field_of_few_cells(network, sampling):
    found = find(network, honeycomb(256, sampling))
    assert found.sampling == pytest.approx(sampling, rel=0.02)


@pytest.mark.parametrize("smooth", [0, 2, 8])
def test_noise_has_no_scale(network, smooth):
    from scipy import ndimage

    noise = np.random.default_rng(1).normal(100, 10, (256, 256))
    assert find(network, ndimage.gaussian_filter(noise, smooth)) is None


def test_neighbours_of_a_crystal_without_bonds():
    mean = (4 * np.hypot(2.885 / 2, 2.04) + 2 * 2.885) / 6
    assert neighbours_of(materials.load("gold")) == (6, pytest.approx(mean, abs=0.001))


def test_an_even_image_is_left_alone_and_haze_is_taken_out():
    image = honeycomb(200, 0.12)
    assert without_haze(image, 0.12) is not image
    assert np.array_equal(without_haze(image, 0.12), image)
    x = np.arange(200) * 0.12
    hazy = image + 400 / (1 + np.exp(-(x - 16) / 1.5))
    even = without_haze(hazy, 0.12)
    assert np.isfinite(even).all()
    levels = np.percentile(even, 20, axis=0)
    assert np.ptp(levels) < 0.05 * np.ptp(np.percentile(hazy, 20, axis=0))


def test_pictures_of_the_library_without_a_pixel_size(mirror, tmp_path, capsys):
    folder = mirror / "stem"
    if not (folder / "graphene_si_defect_library.npz").exists():
        pytest.skip("no defect library there")
    pictures = np.load(folder / "graphene_si_defect_library.npz")
    images = pd.read_csv(folder / "graphene_si_defect_library.images.csv").set_index("image")
    for name in ("img_009", "img_140"):
        picture, table, atoms = (tmp_path / f"{name}{end}" for end in (".tif", ".csv", "_a.csv"))
        tifffile.imwrite(picture, pictures[name])
        arguments = ["defects", picture, "--study", STUDY, "-o", table, "--atoms", atoms, "--quiet"]
        assert main([str(a) for a in arguments]) == 0
        assert "the network finds its crystal at" in capsys.readouterr().out
        assert images.loc[name, "class_dir"] in pd.read_csv(table)["name"].tolist()
        found = pd.read_csv(atoms)
        assert set(found["class"]) == {"C", "Si"}
        assert found["probability"].min() >= 0.5


def test_the_authors_names_end_to_end(mirror, tmp_path, capsys):
    """Every third picture of the library."""
    folder = mirror / "stem"
    if not (folder / "graphene_si_defect_library.npz").exists():
        pytest.skip("no defect library there")
    pictures = np.load(folder / "graphene_si_defect_library.npz")
    images = pd.read_csv(folder / "graphene_si_defect_library.images.csv").iloc[::3]
    right = 0
    for row in images.itertuples():
        picture, table = tmp_path / "picture.tif", tmp_path / "defects.csv"
        tifffile.imwrite(picture, pictures[row.image])
        pixel = ["--pixel-size", row.px_pm_nominal / 100, "--quiet"]
        arguments = ["defects", picture, "--study", STUDY, "-o", table, *pixel]
        assert main([str(a) for a in arguments]) == 0
        right += row.class_dir in pd.read_csv(table)["name"].tolist()
    assert right >= 0.85 * len(images)
