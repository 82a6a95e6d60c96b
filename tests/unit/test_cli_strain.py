"""`latticework strain` on a scan of drawn patterns: what it measures, masks, refuses and writes."""

import h5py
import numpy as np
import pandas as pd
import pytest
from rsciio import hspy
from test_atoms_scripts import script
from test_datasets import write_hspy

from latticework import shards
from latticework.cli import published
from latticework.cli.main import main
from latticework.datasets.registry import Dataset
from latticework.inference.rings import round_again
from latticework.inference.scan_calibration import calibrate

SIZE, RADIUS, STEP = 128, 4.5, 0.0217
MIDDLE = SIZE // 2
# u and v in px, and how the columns of the scan are strained.
VECTORS = np.array([[16.2, 2.1], [-3.0, 18.4]])
STRAINED = np.array([[1.01, 0.002], [0.002, 0.995]])
ROWS, COLUMNS = 3, 6


def disk(x, y, radius=RADIUS):
    offset = np.arange(SIZE)
    distance = np.hypot(offset - x, offset[:, None] - y)
    return 1 / (1 + np.exp(-(radius - distance) / 0.3))


def pattern(vectors, rng):
    found = np.full((SIZE, SIZE), 2e-5)
    for h in range(-3, 4):
        for k in range(-3, 4):
            x, y = MIDDLE + np.array([h, k]) @ vectors
            slope = 1 + 0.4 * (rng.random() - 0.5) * (np.arange(SIZE) - x) / RADIUS
            strength = np.exp(-0.25 * (h * h + k * k)) * rng.uniform(0.3, 1)
            found += strength * disk(x, y) * slope
    return rng.poisson(found / found.sum() * 3e6).astype(np.float32)


def save(path, data):
    return write_hspy(path, data, "1/Å", STEP, navigated=data.ndim - 2)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A scan whose right half is strained, with four positions that cannot be measured."""
    folder, rng = tmp_path_factory.mktemp("scan"), np.random.default_rng(4)
    scan = np.zeros((ROWS, COLUMNS, SIZE, SIZE), np.float32)
    for y, x in np.ndindex(ROWS, COLUMNS):
        strained = VECTORS @ np.linalg.inv(STRAINED)
        scan[y, x] = pattern(VECTORS if x < COLUMNS // 2 else strained, rng)
    scan[0, 0] = 0
    scan[1, 4] = np.nan
    scan[2, 1] = rng.poisson(50 * np.exp(-np.hypot(*np.mgrid[-64:64, -64:64]) / 25))
    scan[0, 5] = np.minimum(scan[0, 5], 150)
    return save(folder / "scan.hspy", scan), save(folder / "vacuum.hspy", disk(MIDDLE, MIDDLE))


def command(files, folder, *more):
    scan, probe = files
    arguments = ["strain", scan, "--probe", probe, "-o", folder / "strain.h5", "--quiet", *more]
    return main([str(a) for a in arguments])


@pytest.fixture(scope="module")
def measured(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    more = ("--csv", folder / "strain.csv", "--overlay", folder / "strain.png")
    assert command(files, folder, "--reference", 0, 0, 3, 3, *more) == 0
    return folder


def test_strain_is_measured_with_its_sign_axes_and_error(measured):
    arrays, attributes = shards.read(measured / "strain.h5", "strain")
    right = arrays["mask"][:, 3:]
    for name, true in (("exx", 0.01), ("eyy", -0.005), ("exy", 0.002), ("rotation", 0.0)):
        values = arrays[name][:, 3:][right]
        assert np.median(values) == pytest.approx(true, abs=6e-4), name
        assert (np.abs(values - true) < 4 * arrays[f"sigma_{name}"][:, 3:][right] + 1e-4).all()
    np.testing.assert_allclose(arrays["dilation"], arrays["exx"] + arrays["eyy"])
    found = np.sort(np.linalg.norm(arrays["reference"], axis=1))
    np.testing.assert_allclose(found, np.sort(np.linalg.norm(VECTORS, axis=1)) * STEP, rtol=2e-3)
    assert attributes["reference_region"] == [0, 0, 3, 3]


def test_every_position_without_strain_says_why(measured):
    table = pd.read_csv(measured / "strain.csv").set_index(["scan_y", "scan_x"])
    reasons = table.loc[[(0, 0), (1, 4), (0, 5)], "reason"].tolist()
    assert reasons == ["pattern without signal", "pattern not finite", "pattern saturated"]
    # An amorphous region has no lattice, or none that fits.
    assert table.loc[(2, 1), "reason"] != "measured"
    rest = table.drop(index=[(0, 0), (1, 4), (0, 5), (2, 1)])
    assert set(rest["reason"]) == {"measured"}
    masked = table[table["reason"] != "measured"]
    assert masked[["exx", "eyy", "exy", "rotation_deg", "sigma_exx"]].isna().all(axis=None)
    assert (measured / "strain.png").stat().st_size > 20_000


def test_axes_are_turned_by_what_the_user_says(files, measured, tmp_path):
    assert command(files, tmp_path, "--reference", 0, 0, 3, 3, "--rotation", 90) == 0
    turned, plain = (
        shards.read(folder / "strain.h5", "strain")[0] for folder in (tmp_path, measured)
    )
    np.testing.assert_allclose(turned["exx"], plain["eyy"])
    np.testing.assert_allclose(turned["exy"], -plain["exy"])


def test_the_network_alone_is_less_exact(files, measured, tmp_path):
    assert command(files, tmp_path, "--reference", 0, 0, 3, 3, "--no-refine") == 0
    network, refined = (
        shards.read(folder / "strain.h5", "strain")[0] for folder in (tmp_path, measured)
    )
    errors = [np.nanmean((a["exx"][:, 3:] - 0.01) ** 2) for a in (network, refined)]
    assert errors[1] < errors[0]


def test_a_line_of_positions_is_a_map_of_one_row(files, tmp_path):
    scan, probe = files
    with h5py.File(scan) as file:
        (data,) = [file[f"Experiments/{name}/data"][1, :4] for name in file["Experiments"]]
    line = save(tmp_path / "line.hspy", data)
    assert command((line, probe), tmp_path, "--overlay", tmp_path / "line.png") == 0
    arrays, _ = shards.read(tmp_path / "strain.h5", "strain")
    assert arrays["exx"].shape == (1, 4)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--reference", 0, 0, 9), "four whole numbers"),
        (("--reference", 3, 0, 3, 3), "X0 < X1"),
        (("--reference", 40, 0, 50, 3), "6 × 3 positions"),
        (("--lattice", 3, 3, 6, 6), "--lattice"),
        (("--threshold", 2), "--threshold 2"),
        (("--energy", 200e3), "--energy"),
        (("--crystal", "Zz"), "--crystal Zz"),
    ],
)
def test_what_cannot_be_used_is_one_line(files, tmp_path, capsys, more, said):
    assert command(files, tmp_path, *more) == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1
    assert not (tmp_path / "strain.h5").exists()


def test_a_scan_without_a_lattice_is_refused(files, tmp_path, capsys):
    rng = np.random.default_rng(1)
    noise = save(tmp_path / "noise.hspy", rng.poisson(5.0, (2, 3, SIZE, SIZE)).astype("f4"))
    assert command((noise, files[1]), tmp_path) == 2
    assert "latticework:" in capsys.readouterr().err


def test_peaks_go_to_py4dstem_and_hyperspy(files, tmp_path):
    scan, probe = files
    with h5py.File(scan) as file:
        (data,) = [file[f"Experiments/{name}/data"][1:, 2:4] for name in file["Experiments"]]
    part = save(tmp_path / "part.hspy", data)
    written = tmp_path / "vectors.h5"
    table = tmp_path / "peaks.csv"
    for_hyperspy = tmp_path / "vectors.hspy"
    arguments = ["peaks", part, "--probe", probe, "-o", table, "--bragg-vectors", written]
    arguments += ["--hyperspy", for_hyperspy]
    assert main([str(a) for a in [*arguments, "--samples", 2, "--quiet"]]) == 0
    peaks = pd.read_csv(table)
    with h5py.File(written) as file:
        found = file["braggvectors_root/braggvectors/_v_uncal/data"][()]
    assert found.shape == (2, 2)
    of_last = peaks[peaks["pattern"] == 3]
    np.testing.assert_allclose(found[1, 1]["qy"], of_last["x_px"])
    np.testing.assert_allclose(found[1, 1]["qx"], of_last["y_px"])
    (signal,) = hspy.file_reader(for_hyperspy)
    assert signal["metadata"]["Signal"]["signal_type"] == "diffraction_vectors"
    assert signal["data"].shape == (2, 2)
    columns = of_last[["qx", "qy", "intensity"]].to_numpy()
    np.testing.assert_allclose(np.reshape(signal["data"][1, 1], (-1, 3)), columns)


def test_a_hot_pixel_and_an_ellipse_change_nothing(files, measured, tmp_path):
    scan, probe = files
    with h5py.File(scan) as file:
        (data,) = [file[f"Experiments/{name}/data"][()] for name in file["Experiments"]]
    bad = data.copy()
    # Beside the direct beam's edge, the same in all patterns.
    bad[:, :, MIDDLE + 5, MIDDLE + 3] = 40 * np.nanmax(data[1, 1])
    hot = save(tmp_path / "hot.hspy", bad)
    reference = ("--reference", 0, 0, 3, 3)
    assert command((hot, probe), tmp_path, *reference) == 0
    arrays, plain = (
        shards.read(folder / "strain.h5", "strain")[0] for folder in (tmp_path, measured)
    )
    both = arrays["mask"] & plain["mask"]
    assert both.sum() >= plain["mask"].sum() - 1
    np.testing.assert_allclose(arrays["exx"][both], plain["exx"][both], atol=5e-4)


def test_an_elliptic_camera_is_made_round(files, tmp_path):
    assert command(files, tmp_path, "--ellipse", 1.04, 30) == 0
    arrays, _ = shards.read(tmp_path / "strain.h5", "strain")
    straight = round_again(1.04, np.radians(30))
    vectors = np.nanmedian(arrays["lattice"][..., 1:, :], axis=(0, 1)) @ straight
    np.testing.assert_allclose(arrays["reference"] / STEP, vectors, rtol=2e-3)
    # Along the longest diameter lengths shrink, across it they grow, and the area stays.
    along = np.array([np.cos(np.radians(30)), np.sin(np.radians(30))])
    np.testing.assert_allclose(along @ straight, along / np.sqrt(1.04))
    assert np.linalg.det(straight) == pytest.approx(1)


def test_the_probe_may_be_in_the_scan(files, measured, tmp_path):
    scan, _ = files
    with h5py.File(scan) as file:
        (data,) = [file[f"Experiments/{name}/data"][()] for name in file["Experiments"]]
    vacuum = np.broadcast_to(1e4 * disk(MIDDLE, MIDDLE), (ROWS, 1, SIZE, SIZE))
    both = save(tmp_path / "both.hspy", np.concatenate([data, vacuum.astype("f4")], axis=1))
    arguments = ["strain", both, "--vacuum-region", COLUMNS, 0, COLUMNS + 1, ROWS, "--quiet"]
    arguments += ["--reference", 0, 0, 3, 3, "-o", tmp_path / "strain.h5"]
    assert main([str(a) for a in arguments]) == 0
    arrays, plain = (
        shards.read(folder / "strain.h5", "strain")[0] for folder in (tmp_path, measured)
    )
    assert not arrays["mask"][:, COLUMNS].any()
    np.testing.assert_allclose(arrays["exx"][:, 3:COLUMNS], plain["exx"][:, 3:], atol=5e-4)


def test_a_crystal_of_another_lattice_is_a_warning(files, tmp_path, capsys):
    assert command(files, tmp_path, "--crystal", "Si") == 0
    assert "another crystal" in capsys.readouterr().err


def test_a_probe_of_another_camera_length_is_a_warning(files, tmp_path, capsys):
    other = save(tmp_path / "other.hspy", disk(MIDDLE, MIDDLE, 1.4 * RADIUS))
    command((files[0], other), tmp_path)
    assert "camera length" in capsys.readouterr().err


def test_the_workflow_measures_what_the_command_does(files, measured, tmp_path):
    scan, probe = files
    entry = Dataset(
        title="a scan",
        study="diffraction",
        kind="scan",
        path=scan,
        probe={"path": probe},
        reference_region=(0, 0, 3, 3),
        composition={"path": tmp_path / "composition.csv"},
    )
    layers = pd.DataFrame({"x": np.arange(COLUMNS), "share": [0, 0, 0, 0.2, 0.2, 0.2]})
    layers.to_csv(tmp_path / "composition.csv", index=False)
    shards.write(tmp_path / "dataset.h5", "dataset", *calibrate(entry, tmp_path, None))
    weights, _ = published.chosen(None, None, None, patterns=True)
    maps, rows = tmp_path / "maps.h5", tmp_path / "maps.csv"
    script("analysis/strain_maps.py").main(tmp_path / "dataset.h5", tmp_path, weights, maps, rows)
    ours, theirs = (shards.read(path, "strain")[0] for path in (maps, measured / "strain.h5"))
    for name in ("exx", "eyy", "exy", "rotation", "sigma_exx", "reason"):
        np.testing.assert_array_equal(ours[name], theirs[name])
    _, profile = script("figures/strain_profile.py").main(maps)
    # By eq. 6, less its mean in the reference.
    assert np.ptp(profile["expected_exx"]) == pytest.approx(0.2 * 0.0418 * 1.55, rel=0.01)
    assert profile["exx"][3:].mean() == pytest.approx(0.01, abs=1e-3)
    figure, drawn = script("figures/strain_maps.py").main(maps)
    assert len(drawn) == ROWS * COLUMNS
    assert len(figure.subfigs) == 2
