"""Diffraction patterns of users: read, calibrated, brought onto a network's grid, doubted, and
answered, by the command line and by the workflow alike."""

import shutil

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from test_datasets import write_hspy

from latticework import networks, shards
from latticework.analysis.diffraction.bragg import bragg_peaks
from latticework.analysis.diffraction.peak_table import UNITS, peak_table
from latticework.analysis.diffraction.scan_peaks import EXCERPT, predict
from latticework.cli import published
from latticework.cli.main import main
from latticework.datasets.fetch import ChecksumError
from latticework.datasets.pattern_faults import repaired
from latticework.datasets.read import PictureError
from latticework.datasets.registry import Dataset
from latticework.datasets.scans import read_patterns, reciprocal_angstrom, saturated_share
from latticework.electrons import wavelength
from latticework.inference.network_grid import (
    NetworkGrid,
    network_grid,
    normalised,
    pattern_warnings,
)
from latticework.inference.scan_calibration import (
    calibrate,
    calibrated,
    disk,
    probe_of,
    synthetic_probe,
)
from latticework.learning.weights import save

SIZE, STEP = 128, 2 / 46.1
SIMULATION = {
    "size": SIZE,
    "binning": 2,
    "box": 46.1,
    "energy": 300e3,
    "semiangles": [1, 2, 4],
}
CARD = {"simulation": SIMULATION}
ENERGY = SIMULATION["energy"]


def pattern_of(peaks, shape, step, beam, radius=0.1):
    """Disks (ky, kx) of a radius in 1/Å at peaks (qx, qy, height) about the beam (x, y) in px."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    picture = np.zeros(shape)
    for qx, qy, height in peaks:
        distance = np.hypot(x - beam[0] - qx / step, y - beam[1] - qy / step)
        picture += height * np.clip(radius / step - distance + 0.5, 0, 1)
    return picture


PEAKS = [(0, 0, 1.0), (0.8, 0.2, 0.3), (-0.2, 0.8, 0.2), (-0.8, -0.2, 0.1)]


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (0.01261, "$A^{-1}$", 0.01261),
        (0.2, "1/nm", 0.02),
        (0.02, "1/Å", 0.02),
        (0.5, "nm^-1", 0.05),
        (1.0, "nm", None),
        (1.0, "px", None),
        (0.016, "cm", None),
    ],
)
def test_reciprocal_units(value, unit, expected):
    found = reciprocal_angstrom(value, unit)
    assert found is None if expected is None else found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "scan", "shape", "step"),
    [
        ("gphase_austenite_2x2.hspy", (2, 2), (256, 256), 0.01261),
        ("nanobeam_disks_off_zone.dm3", (), (256, 256), None),
        ("nanomegas_3x2.blo", (3, 2), (144, 144), None),
    ],
)
def test_real_files_are_read(mirror, name, scan, shape, step):
    patterns = read_patterns(mirror / "diffraction" / name)
    assert (patterns.scan, patterns.shape) == (scan, shape)
    assert patterns.step is None if step is None else patterns.step == pytest.approx(step)
    places, first = next(patterns.batches(2))
    assert len(places) == len(first) == min(2, len(patterns))
    assert first.dtype == np.float32


def test_a_disk_is_measured_below_a_pixel():
    beam, radius = (61.3, 70.8), 9.4
    probe = pattern_of([(0, 0, 500.0)], (128, 140), 1.0, beam, radius)
    probe[3, 3] = 5000  # a hot pixel
    centre, found = disk(probe)
    assert centre == pytest.approx(beam, abs=0.3)
    assert found == pytest.approx(radius, abs=0.2)
    with pytest.raises(PictureError, match="expected a bright disk on a dark field"):
        disk(np.random.default_rng(0).uniform(0.6, 1, (64, 64)))


@pytest.mark.parametrize("user_step", [STEP / 3.3, STEP / 2, STEP, 1.5 * STEP])
def test_peaks_are_where_they_were_on_another_grid(user_step):
    side = int(1.3 * SIZE * STEP / user_step)
    beam = (side / 2 + 3.3, side / 2 - 2.6)
    picture = pattern_of(PEAKS, (side, side + 8), user_step, beam)
    grid = NetworkGrid(SIZE, STEP, user_step, beam)
    brought = grid.resample(picture[None])
    assert brought.shape == (1, SIZE, SIZE)
    expected = pattern_of(PEAKS, (SIZE, SIZE), STEP, (SIZE // 2, SIZE // 2))
    assert float(brought.sum()) == pytest.approx(expected.sum(), rel=0.05)
    # Disks are flat: their middles are found in a smoothed picture.
    smooth = torch.nn.functional.avg_pool2d(brought[None], 5, 1, 2)[0]
    found = bragg_peaks(smooth, STEP, threshold=0.05, separation=3)
    assert len(found) == len(PEAKS)
    for qx, qy, _ in PEAKS:
        distance = np.hypot(found["qx"] - qx, found["qy"] - qy).min()
        assert distance < 0.5 * max(STEP, user_step)
    x, y = grid.to_user(np.array([0.8]), np.array([0.2]))
    assert (x[0], y[0]) == pytest.approx((beam[0] + 0.8 / user_step, beam[1] + 0.2 / user_step))


def test_exposure_does_not_matter():
    beam = (100.0, 101.0)
    picture = pattern_of(PEAKS, (200, 200), STEP / 2, beam)
    probe = pattern_of(PEAKS[:1], (200, 200), STEP / 2, beam)
    grid = network_grid(probe, picture.shape, STEP / 2, CARD)
    one = normalised(picture[None], probe, grid)
    other = normalised(700 * picture[None], 3 * probe, grid)
    for first, second in zip(one, other, strict=True):
        torch.testing.assert_close(first, second)
    pattern, vacuum = one
    assert float(vacuum.max()) == 1
    assert float(pattern.sum()) == pytest.approx(float(vacuum.sum()), rel=1e-5)


@pytest.mark.parametrize(
    ("semiangle", "expected"), [(0.3, 1), (0.9, 0), (2, 0), (4, 0), (12, 1), (30, 1)]
)
def test_a_probe_far_from_the_training_s_is_a_warning(semiangle, expected):
    step = STEP / 4
    probe = synthetic_probe((512, 512), step, semiangle, ENERGY, (256, 256))
    grid = network_grid(probe, probe.shape, step, CARD)
    notes = pattern_warnings(probe, grid, probe.shape, CARD)
    assert sum("out of distribution" in note for note in notes) == expected


def test_a_synthetic_probe_has_the_radius_of_its_semiangle():
    probe = synthetic_probe((128, 128), 0.01, 4.0, ENERGY, (64, 64))
    expected = 4e-3 / wavelength(ENERGY) / 0.01
    assert disk(probe)[1] == pytest.approx(expected, rel=0.02)


def test_a_plateau_at_the_top_is_saturation():
    rng = np.random.default_rng(0)
    pattern = rng.poisson(1e4 * np.exp(-(np.hypot(*np.mgrid[-64:64, -64:64]) ** 2) / 200))
    assert saturated_share(pattern) == 0
    assert saturated_share(np.minimum(pattern, 4095)) > 1e-3
    # Few electrons: many pixels have the same few counts.
    assert saturated_share(rng.poisson(0.05, (128, 128))) == 0


# The command


@pytest.fixture
def weights(tmp_path):
    """An untrained network: what is tested is the way to it and from it."""
    torch.manual_seed(0)
    arguments = {"features": 4, "levels": 2, "depth": 1, "dropout": 0.1}
    description = {"name": "unet", **arguments}
    path = tmp_path / "weights.safetensors"
    save(path, networks.build(description), CARD | {"network": description})
    return path


def run(tmp_path, weights, patterns, *options):
    path = tmp_path / "patterns.tif"
    tifffile.imwrite(path, patterns.astype(np.float32), photometric="minisblack")
    output = tmp_path / "peaks.csv"
    return main(
        ["peaks", str(path), "-o", str(output), "--weights", str(weights), "--quiet", *options]
    ), output


def stack(count=3):
    rng = np.random.default_rng(0)
    one = pattern_of(PEAKS, (160, 160), STEP, (80, 81)) * 1e4
    return rng.poisson(np.stack([one] * count)).astype(np.float32)


def test_the_command_writes_a_table_and_a_picture(tmp_path, weights, capsys):
    overlay = tmp_path / "peaks.png"
    options = ("--reciprocal-pixel", str(STEP), "--semiangle", "2", "--overlay", str(overlay))
    code, output = run(tmp_path, weights, stack(), *options)
    assert code == 0
    lines = output.read_text().splitlines()
    assert lines[0].startswith("pattern,scan_0,qx,qy,intensity,sigma")
    assert overlay.stat().st_size > 1000
    assert "pattern(s)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spoil", "options", "expected"),
    [
        (lambda p: p, (), "pass --reciprocal-pixel"),
        (
            lambda p: np.where(p > np.median(p), np.nan, p),
            ("--reciprocal-pixel", "0.04"),
            "none of its patterns can be read",
        ),
        (lambda p: np.ones_like(p), ("--reciprocal-pixel", "0.04"), "is constant"),
        (lambda p: p[:, :20, :20], ("--reciprocal-pixel", "0.04"), "expected at least 32"),
        (lambda p: p, ("--reciprocal-pixel", "4"), "expected 0.0001 to 0.5 1/Å"),
    ],
)
def test_bad_input_is_one_line_and_no_table(tmp_path, weights, capsys, spoil, options, expected):
    code, output = run(tmp_path, weights, spoil(stack()), *options, "--semiangle", "2")
    message = capsys.readouterr().err
    assert code == 2
    assert expected in message
    assert message.count("\n") == 1
    assert not output.exists()


def test_a_probe_of_another_size_is_refused(tmp_path, weights, capsys):
    probe = tmp_path / "probe.tif"
    tifffile.imwrite(probe, pattern_of(PEAKS[:1], (128, 128), STEP, (64, 64)).astype(np.float32))
    code, output = run(
        tmp_path, weights, stack(), "--reciprocal-pixel", str(STEP), "--probe", str(probe)
    )
    assert code == 2
    assert "128 × 128 px, the patterns 160 × 160" in capsys.readouterr().err
    assert not output.exists()


def test_saturated_patterns_and_a_strange_probe_are_warned_of(tmp_path, weights, capsys):
    cut = np.minimum(stack(), 3000)
    code, _ = run(tmp_path, weights, cut, "--reciprocal-pixel", str(STEP), "--semiangle", "12")
    assert code == 0
    message = capsys.readouterr().err
    assert "3 of 3 patterns look saturated" in message
    assert "out of distribution" in message


def test_a_scan_has_its_places_in_the_table(tmp_path, weights):
    scan = stack(6).reshape(2, 3, 160, 160)
    path = write_hspy(tmp_path / "scan.hspy", scan, "1/Å", STEP, navigated=2)
    output = tmp_path / "peaks.csv"
    command = ["peaks", str(path), "-o", str(output), "--weights", str(weights), "--quiet"]
    assert main([*command, "--semiangle", "2"]) == 0
    table = np.genfromtxt(output, delimiter=",", names=True)
    assert set(zip(table["scan_0"], table["scan_1"], strict=True)) <= set(np.ndindex(2, 3))
    assert table["pattern"].max() <= 5


def test_the_table_has_rows_of_every_pattern(tmp_path, weights):
    options = ("--reciprocal-pixel", str(STEP), "--semiangle", "2", "--samples", "2")
    code, output = run(tmp_path, weights, stack(20), *options)
    assert code == 0
    table = pd.read_csv(output)
    assert set(table["pattern"]) == set(range(20))
    assert list(table) == ["pattern", "scan_0", *UNITS]
    # Intensities are relative to the strongest peak of each pattern.
    assert table.groupby("pattern")["intensity"].max().to_numpy() == pytest.approx(np.ones(20))


@pytest.mark.parametrize("spoilt", [7, np.nan, -3])
def test_a_bad_pattern_in_the_middle_is_left_out_and_counted(tmp_path, weights, capsys, spoilt):
    patterns = stack(20).astype(float)
    patterns[17] = spoilt
    options = ("--reciprocal-pixel", str(STEP), "--semiangle", "2", "--samples", "2")
    code, output = run(tmp_path, weights, patterns, *options)
    assert code == 0
    message = capsys.readouterr().err
    assert "1 of 20 patterns were left out" in message
    assert "(17)" in message
    assert set(pd.read_csv(output)["pattern"]) == set(range(20)) - {17}


def test_weights_for_images_do_not_read_patterns(tmp_path, capsys):
    options = ("--reciprocal-pixel", str(STEP), "--semiangle", "2")
    code, output = run(tmp_path, published.weights("graphene"), stack(), *options)
    message = capsys.readouterr().err
    assert code == 2
    assert "reads images: use latticework predict" in message
    assert message.count("\n") == 1
    assert not output.exists()


def test_the_published_network_is_taken_by_default(tmp_path, monkeypatch, capsys):
    def chosen(weights_path, *arguments, **settings):
        raise ValueError(f"TAKEN {weights_path}")

    monkeypatch.setattr("latticework.analysis.diffraction.scan_peaks.make_reader", chosen)
    path = write_hspy(tmp_path / "one.hspy", stack(1)[0], "1/Å", STEP)
    (study,) = published.studies(patterns=True)
    for options, network in (
        ((), None),
        (("--study", study), None),
        *((("--network", name), name) for name in published.networks(study)),
    ):
        command = ["peaks", str(path), "-o", str(tmp_path / "a.csv"), "--semiangle", "2", *options]
        assert main(command) == 2
        assert f"TAKEN {published.weights(study, network)}" in capsys.readouterr().err


# The workflow's calibration and reading


def entry_of(path=None, **changes):
    """A scan of the registry."""
    fields = {
        "title": "a scan",
        "study": "diffraction",
        "kind": "scan",
        "path": path,
        "semiangle_mrad": 2.0,
        "energy_kev": ENERGY / 1e3,
    }
    return Dataset(**{k: v for k, v in (fields | changes).items() if v is not None})


@pytest.fixture
def scan(tmp_path):
    """A file of 2 × 3 patterns whose pixel its metadata say."""
    patterns = stack(6).reshape(2, 3, 160, 160)
    return write_hspy(tmp_path / "scan.hspy", patterns, "1/Å", STEP, navigated=2)


@pytest.fixture
def vacuum(tmp_path):
    """A file of two exposures of the vacuum probe, and their mean."""
    disks = pattern_of(PEAKS[:1], (160, 160), STEP, (78, 82)) * 1e4
    exposures = np.random.default_rng(1).poisson(np.stack([disks] * 2)).astype(np.float32)
    path = tmp_path / "vacuum.tif"
    tifffile.imwrite(path, exposures, photometric="minisblack")
    return path, exposures.mean(axis=0)


def calibrated_file(dataset, folder):
    """A calibrated scan, in a file as the rule writes it."""
    path = folder / "dataset.h5"
    shards.write(path, "dataset", *calibrate(dataset, folder, None))
    return path


def read_scan(dataset, folder, weights):
    """The file of peaks of a scan, as the rules calibrate and read it."""
    output = folder / "peaks.h5"
    settings = {"threshold": 0.1, "samples": 2}
    path = calibrated_file(dataset, folder)
    predict(path, folder, weights, output, settings=settings, attributes={"study": "diffraction"})
    return output


def test_a_scan_is_calibrated_with_its_vacuum_probe(tmp_path, scan, vacuum):
    probe, mean = vacuum
    dataset = entry_of(scan, probe={"path": probe}, semiangle_mrad=None, energy_kev=None)
    arrays, attributes = calibrate(dataset, tmp_path, None)
    np.testing.assert_allclose(arrays["probe"].data, mean)
    assert float(arrays["reciprocal_sampling"].data) == pytest.approx(STEP)
    assert attributes["sampling_source"] == ["metadata"]
    assert (attributes["scan"], attributes["shape"]) == ([2, 3], [160, 160])
    assert attributes["names"] == ["scan.hspy"]
    assert attributes["skipped"] == ""
    assert attributes["entry"]["kind"] == "scan"
    # Patterns stay where they are.
    assert set(arrays) == {"probe", "reciprocal_sampling"}


def test_a_scan_is_calibrated_with_its_semiangle(tmp_path, scan):
    arrays, _ = calibrate(entry_of(scan), tmp_path, None)
    centre, radius = disk(arrays["probe"].data)
    # The direct beam is the brightest disk of the first pattern.
    assert centre == pytest.approx((80, 81), abs=0.5)
    assert radius == pytest.approx(2e-3 / wavelength(ENERGY) / STEP, abs=0.3)  # px


def test_the_user_s_pixel_outranks_the_metadata(tmp_path, scan):
    arrays, attributes = calibrate(entry_of(scan, reciprocal_pixel=0.03), tmp_path, None)
    assert float(arrays["reciprocal_sampling"].data) == 0.03
    assert attributes["sampling_source"] == ["user"]


def test_a_scan_without_a_pixel_is_refused(tmp_path):
    path = write_hspy(tmp_path / "scan.hspy", stack(2), "px", 1.0, navigated=1)
    with pytest.raises(PictureError, match=r"reciprocal_pixel in config/datasets\.yaml") as raised:
        calibrate(entry_of(path), tmp_path, None)
    assert str(path) in str(raised.value)


def test_a_probe_or_its_semiangle_is_needed(scan):
    patterns = read_patterns(scan)
    with pytest.raises(PictureError, match="needs a vacuum probe or its semiangle"):
        probe_of(patterns, STEP, None, None, ENERGY)
    found = calibrated(patterns, probe=None, semiangle=2.0, energy=ENERGY, sampling=None)
    assert (found.sampling, found.source) == (pytest.approx(STEP), "metadata")


def test_a_damaged_probe_is_refused(tmp_path, scan, vacuum):
    probe = {"path": vacuum[0], "sha256": "0" * 64}
    with pytest.raises(ChecksumError):
        calibrate(entry_of(scan, probe=probe, semiangle_mrad=None), tmp_path, None)


def test_data_that_were_skipped_have_no_peaks(tmp_path, weights):
    (tmp_path / "SKIPPED").write_text("no network\n")
    output = read_scan(entry_of(tmp_path / "none.hspy"), tmp_path, weights)
    _, attributes = shards.read(output, "bragg_peaks")
    assert attributes["skipped"] == "no network"
    table = peak_table(output)
    assert table.empty
    assert list(table) == ["pattern", *UNITS]


def test_a_scan_with_a_probe_of_another_size_leaves_no_file(tmp_path, scan, weights):
    probe = tmp_path / "probe.tif"
    tifffile.imwrite(probe, pattern_of(PEAKS[:1], (128, 128), STEP, (64, 64)).astype(np.float32))
    dataset = entry_of(scan, probe={"path": probe}, semiangle_mrad=None)
    with pytest.raises(PictureError, match="128 × 128 px, the patterns 160 × 160"):
        read_scan(dataset, tmp_path, weights)
    assert list(tmp_path.glob("*peaks*")) == []


@pytest.mark.parametrize("spoilt", [np.nan, 3.0])
def test_a_bad_pattern_of_a_scan_has_no_peaks_and_a_warning(tmp_path, weights, spoilt):
    patterns = stack(6).reshape(2, 3, 160, 160)
    patterns[1, 2] = spoilt
    path = write_hspy(tmp_path / "scan.hspy", patterns, "1/Å", STEP, navigated=2)
    output = read_scan(entry_of(path), tmp_path, weights)
    arrays, attributes = shards.read(output, "bragg_peaks")
    assert [len(row) > 0 for row in arrays["qx"]] == [True] * 5 + [False]
    assert "1 of 6 patterns were left out" in attributes["warnings"][0]


def test_missing_and_hot_pixels_are_replaced():
    pattern = pattern_of(PEAKS, (160, 160), STEP, (80, 81)).astype(np.float32)
    spoilt = pattern.copy()
    spoilt[20, 30], spoilt[90, 100] = np.nan, 100 * pattern.max()
    mended, count = repaired(spoilt)
    assert count == 2
    assert np.isfinite(mended).all()
    assert mended.max() <= pattern.max()
    # Disks of three pixels across are none.
    assert repaired(pattern)[1] == 0
    big, _ = repaired(pattern.astype(float) * 1e300)
    assert np.isfinite(big).all()


def test_what_is_known_of_a_scan_stands_with_its_peaks(tmp_path, weights, capsys):
    path = write_hspy(tmp_path / "scan.hspy", np.minimum(stack(20), 3000), "1/Å", STEP, navigated=1)
    output = read_scan(entry_of(path, semiangle_mrad=12.0), tmp_path, weights)
    arrays, attributes = shards.read(output, "bragg_peaks")
    assert attributes["study"] == "diffraction"
    assert attributes["title"] == "a scan"
    assert attributes["scan"] == [20]
    assert attributes["skipped"] == ""
    assert attributes["card"]["network"]["name"] == "unet"
    strange, saturated = attributes["warnings"]
    assert "out of distribution" in strange
    assert saturated.startswith("20 of 20 patterns look saturated")
    assert capsys.readouterr().out.count("WARNING a scan: ") == 2
    assert arrays["beam"] == pytest.approx((80, 81), abs=0.5)
    # A few patterns are kept, from the first to the last.
    assert len(arrays["excerpt"]) == len(arrays["excerpt_position"]) == EXCERPT
    assert arrays["excerpt_position"][[0, -1]].tolist() == [0, 19]
    np.testing.assert_array_equal(arrays["excerpt"][-1], np.minimum(stack(20), 3000)[19])


def same_table(path, folder, weights, *options, **changes):
    """Whether the workflow and the command line give the same table of a scan, to the last digit.

    Returns the table.
    """
    folder.mkdir(exist_ok=True)
    shards.write_csv(
        folder / "rule.csv", peak_table(read_scan(entry_of(path, **changes), folder, weights))
    )
    output = folder / "command.csv"
    command = ["peaks", str(path), "-o", str(output), "--weights", str(weights), "--quiet"]
    assert main([*command, "--samples", "2", *options]) == 0
    assert output.read_bytes() == (folder / "rule.csv").read_bytes()
    return pd.read_csv(output)


@pytest.mark.parametrize("shape", [(), (5,), (2, 3)])
def test_workflow_and_command_line_agree(tmp_path, weights, vacuum, shape):
    patterns = stack(max(1, int(np.prod(shape)))).reshape(*shape, 160, 160)
    path = write_hspy(tmp_path / "scan.hspy", patterns, "1/Å", STEP, navigated=len(shape))
    table = same_table(path, tmp_path / "semiangle", weights, "--semiangle", "2")
    assert [name for name in table if name.startswith("scan_")] == [
        f"scan_{axis}" for axis in range(len(shape))
    ]
    probe, _ = vacuum
    changes = {"probe": {"path": probe}, "semiangle_mrad": None, "reciprocal_pixel": 0.04}
    options = ("--probe", str(probe), "--reciprocal-pixel", "0.04")
    other = same_table(path, tmp_path / "probe", weights, *options, **changes)
    assert not other.equals(table)


def test_a_real_scan(mirror, tmp_path):
    path = mirror / "diffraction/gphase_austenite_2x2.hspy"
    weights = published.weights(*published.studies(patterns=True))
    table = same_table(path, tmp_path, weights, "--semiangle", "1.3", semiangle_mrad=1.3)
    assert set(zip(table["scan_0"], table["scan_1"], strict=True)) == set(np.ndindex(2, 2))
    # The direct beam is the strongest peak of a thin sample.
    strongest = table[table["intensity"] == 1]
    assert np.hypot(strongest["qx"], strongest["qy"]).median() < 0.05
    assert table["sigma"].between(0, 0.1).mean() > 0.9


def test_a_real_scan_that_is_saturated(mirror, tmp_path, weights, capsys):
    path = mirror / "diffraction/nanomegas_3x2.blo"
    options = ("--semiangle", "1.3", "--reciprocal-pixel", "0.02")
    changes = {"semiangle_mrad": 1.3, "reciprocal_pixel": 0.02}
    table = same_table(path, tmp_path, weights, *options, **changes)
    assert set(zip(table["scan_0"], table["scan_1"], strict=True)) == set(np.ndindex(3, 2))
    said = capsys.readouterr()
    for stream in (said.out, said.err):
        assert "6 of 6 patterns look saturated" in stream


def test_a_real_scan_needs_a_pixel_that_its_file_does_not_say(mirror, tmp_path):
    path = mirror / "diffraction/nanomegas_3x2.blo"
    with pytest.raises(PictureError, match="reciprocal pixel"):
        calibrate(entry_of(path), tmp_path, None)


def test_a_real_scan_is_read_from_the_folder_it_was_fetched_to(mirror, tmp_path, weights):
    source = mirror / "diffraction/gphase_austenite_2x2.hspy"
    shutil.copy(source, tmp_path / source.name)
    fetched = {
        "url": f"https://example.org/{source.name}",
        "sha256": shards.sha256_of(source),
    }
    output = read_scan(entry_of(**fetched), tmp_path, weights)
    assert set(peak_table(output)["pattern"]) == {0, 1, 2, 3}
