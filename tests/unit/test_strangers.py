"""Files as strangers have them: each is read as it should be, or refused in plain words."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree

from latticework.cli.main import main
from latticework.datasets.read import read_picture

TRUE_ATOMS = 897


@pytest.fixture
def strangers(mirror):
    folder = mirror / "strangers"
    if not folder.is_dir():
        pytest.skip(f"no strangers' files at {folder}")
    return folder


def predict(path, table, *options):
    words = [str(path), "--study", "graphene", "--symmetries", "1", "--quiet", "-o", str(table)]
    return main(["predict", *words, *map(str, options)])


def found_of(table, strangers, shift=(0, 0)):
    """Atoms found, and the shares of the true ones that are found and of the found that are true,
    away from the borders, with positions within 2 px."""
    atoms = pd.read_csv(table)
    truth = np.loadtxt(strangers / "graphene_truth_px.txt") + shift
    positions = atoms[["x_px", "y_px"]].to_numpy()
    recall = np.mean(cKDTree(positions).query(truth)[0] < 2)
    precision = np.mean(cKDTree(truth).query(positions)[0] < 2)
    return len(atoms), recall, precision


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("00_reference.tif", ""),
        ("01_data_bar.png", "a bar or margin of one value, at the bottom, rows 200 to 239"),
        ("02_one_xray_hit.tif", "a hit or dead pixel, column 120 and row 60"),
        ("03_nan_border_after_alignment.tif", "pixels without a value"),
        ("04_velox_fft_beside_picture.emd", "image 2 of 2: 'BM-Ceta', 256 × 200 px"),
        ("05_jeol_8bit_with_scale_bar_then_16bit.tif", "image 2 of 2: 256 × 200 px, uint16"),
        ("07_imagej_unit_angstrom.tif", ""),
        ("08_gray_with_alpha.png", ""),
    ],
)
def test_a_picture_gives_its_atoms_whatever_is_in_it(strangers, tmp_path, capsys, name, said):
    assert predict(strangers / name, tmp_path / "atoms.csv") == 0
    captured = capsys.readouterr()
    count, recall, precision = found_of(tmp_path / "atoms.csv", strangers)
    print(name, count, recall, precision)
    share = 0.9 if name.startswith("03") else 1
    assert abs(count - share * TRUE_ATOMS) < 0.03 * TRUE_ATOMS
    assert recall > 0.97 * share
    assert precision > 0.97
    assert said in captured.out + captured.err
    assert ("warning" in captured.err) == ("image" not in said and said != "")
    sampling = float(captured.out.split(" Å/px")[0].split()[-1])
    assert sampling == pytest.approx(0.218, rel=0.005)


def test_the_smaller_picture_with_its_scale_bar(strangers, tmp_path, capsys):
    """Chosen by its number, the bar in it is masked."""
    path = strangers / "05_jeol_8bit_with_scale_bar_then_16bit.tif"
    mask = tmp_path / "mask.png"
    assert predict(path, tmp_path / "atoms.csv", "--image", "1", "--mask", mask) == 0
    assert "a scale bar or label" in capsys.readouterr().err
    atoms = pd.read_csv(tmp_path / "atoms.csv")
    assert not (atoms["x_px"].between(3, 25) & atoms["y_px"].between(89, 92)).any()
    drawn = read_picture(mask, whole=True).image[0] > 0
    assert drawn[91, 15]
    assert drawn.mean() < 0.03
    assert predict(path, tmp_path / "atoms.csv", "--image", "3") == 2
    assert "1: 128 × 100 px, colour; 2: 256 × 200 px, uint16" in capsys.readouterr().err


def test_a_pixel_in_which_no_atom_can_show_is_refused_at_once(strangers, tmp_path, capsys):
    assert predict(strangers / "06_low_magnification_3A_px.tif", tmp_path / "atoms.csv") == 2
    assert "a pixel of 3 Å cannot show" in capsys.readouterr().err
    assert not (tmp_path / "atoms.csv").exists()


def test_a_unit_as_imagej_escapes_it(strangers):
    picture = read_picture(strangers / "07_imagej_unit_angstrom.tif")
    assert picture.sampling == pytest.approx(0.218, rel=1e-4)


def peaks(path, table, *options):
    return main(["peaks", str(path), "-o", str(table), "--quiet", "--samples", "2", *options])


def beam_of(table):
    """Where (x, y) in px the peak is that the table puts at the origin."""
    found = pd.read_csv(table)
    nearest = found.loc[np.hypot(found["qx"], found["qy"]).idxmin()]
    assert np.hypot(nearest["qx"], nearest["qy"]) < 0.03
    return nearest["x_px"], nearest["y_px"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("20_pattern_reference.hspy", ""),
        ("21_direct_beam_is_not_brightest.hspy", "centre of symmetry, x = 63.0, y = 66.0"),
        ("22_beam_stop.hspy", "behind a beam stop"),
        ("24_pyxem_unit_k_nm.hspy", ""),
    ],
)
def test_the_origin_is_the_direct_beam(strangers, tmp_path, capsys, name, said):
    assert peaks(strangers / name, tmp_path / "p.csv", "--semiangle", "2") == 0
    captured = capsys.readouterr()
    assert ("warning" in captured.err) == bool(said)
    assert said in captured.err
    middle = (63, 66) if said else (64, 64)
    assert f"direct beam at x = {middle[0]}.0, y = {middle[1]}.0 px" in captured.out
    assert "pixel 0.0434 1/Å by the metadata" in captured.out
    found = pd.read_csv(tmp_path / "p.csv")
    assert found["x_px"].between(-0.5, 127.5).all()
    assert found["y_px"].between(-0.5, 127.5).all()
    if "stop" not in said:
        assert beam_of(tmp_path / "p.csv") == pytest.approx(middle, abs=0.5)


def test_the_user_says_where_the_origin_is(strangers, tmp_path, capsys):
    path, table = strangers / "22_beam_stop.hspy", tmp_path / "p.csv"
    assert peaks(path, table, "--semiangle", "2", "--origin", "63", "66") == 0
    assert "direct beam at x = 63.0, y = 66.0 px" in capsys.readouterr().out
    assert peaks(path, table, "--semiangle", "2", "--origin", "630", "66") == 2
    assert "outside of the patterns of 128 × 128 px" in capsys.readouterr().err


def test_a_blank_pattern_does_not_lose_the_scan(strangers, tmp_path, capsys):
    probe = ("--probe", str(strangers / "probe_300kV_2mrad.hspy"))
    path = strangers / "23_scan_with_one_blank_pattern.hspy"
    assert peaks(path, tmp_path / "p.csv", *probe) == 0
    assert "1 of 12 patterns were left out" in capsys.readouterr().err
    found = pd.read_csv(tmp_path / "p.csv")
    assert set(found["pattern"]) == set(range(12)) - {6}


@pytest.mark.parametrize("name", ["25_py4DSTEM_datacube.h5", "26_scan.zspy"])
def test_scans_of_other_programs(strangers, tmp_path, name):
    options = ["--semiangle", "2", "--reciprocal-pixel", "0.0434"]
    assert peaks(strangers / name, tmp_path / "p.csv", *options) == 0
    assert set(pd.read_csv(tmp_path / "p.csv")["pattern"]) == set(range(6))
