"""Diffraction patterns of users: read, brought into a network's frame, doubted, and answered."""

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from test_datasets import write_hspy

from latticework.analysis.bragg import bragg_peaks
from latticework.cli import main
from latticework.config import load as load_config
from latticework.datasets.patterns import read_patterns, reciprocal_angstrom, saturated_share
from latticework.datasets.read import PictureError
from latticework.imaging.aberrations import wavelength
from latticework.inference.patterns import (
    Frame,
    disk,
    made_up_probe,
    network_frame,
    normalised,
    pattern_warnings,
)
from latticework.learning.weights import save
from latticework.networks.maps import MAP_NETWORKS

DATA = Path(os.environ.get("LATTICEWORK_MIRROR", "../shared/data"))
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
def test_real_files_are_read(name, scan, shape, step):
    path = DATA / "diffraction" / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    patterns = read_patterns(path)
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
def test_peaks_are_where_they_were_in_another_frame(user_step):
    side = int(1.3 * SIZE * STEP / user_step)
    beam = (side / 2 + 3.3, side / 2 - 2.6)
    picture = pattern_of(PEAKS, (side, side + 8), user_step, beam)
    frame = Frame(SIZE, STEP, user_step, beam)
    brought = frame.resample(picture[None])
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
    x, y = frame.to_user(np.array([0.8]), np.array([0.2]))
    assert (x[0], y[0]) == pytest.approx((beam[0] + 0.8 / user_step, beam[1] + 0.2 / user_step))


def test_exposure_does_not_matter():
    beam = (100.0, 101.0)
    picture = pattern_of(PEAKS, (200, 200), STEP / 2, beam)
    probe = pattern_of(PEAKS[:1], (200, 200), STEP / 2, beam)
    frame = network_frame(probe, picture.shape, STEP / 2, CARD)
    one = normalised(picture[None], probe, frame)
    other = normalised(700 * picture[None], 3 * probe, frame)
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
    probe = made_up_probe((512, 512), step, semiangle, ENERGY, (256, 256))
    frame = network_frame(probe, probe.shape, step, CARD)
    notes = pattern_warnings(probe, frame, probe.shape, CARD)
    assert sum("out of distribution" in note for note in notes) == expected


def test_a_made_up_probe_has_the_radius_of_its_semiangle():
    probe = made_up_probe((128, 128), 0.01, 4.0, ENERGY, (64, 64))
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
    study = load_config("config/config.yaml", "config/laptop.yaml").studies["diffraction"]
    card = {
        "network": {"name": "unet", **arguments},
        "simulation": study.simulation.model_dump(mode="json"),
    }
    path = tmp_path / "weights.safetensors"
    save(path, MAP_NETWORKS["unet"](**arguments), card)
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
    options = ("--step", str(STEP), "--semiangle", "2", "--overlay", str(overlay))
    code, output = run(tmp_path, weights, stack(), *options)
    assert code == 0
    lines = output.read_text().splitlines()
    assert lines[0].startswith("pattern,scan_0,qx,qy,intensity,sigma")
    assert overlay.stat().st_size > 1000
    assert "pattern(s)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spoil", "options", "expected"),
    [
        (lambda p: p, (), "give --step"),
        (lambda p: np.where(p == p.max(), np.nan, p), ("--step", "0.04"), "NaN or infinite"),
        (lambda p: np.ones_like(p), ("--step", "0.04"), "is constant"),
        (lambda p: p[:, :20, :20], ("--step", "0.04"), "expected at least 32"),
        (lambda p: p, ("--step", "4"), "in 1/Å a pixel"),
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
    code, output = run(tmp_path, weights, stack(), "--step", str(STEP), "--probe", str(probe))
    assert code == 2
    assert "128 × 128 px, the patterns 160 × 160" in capsys.readouterr().err
    assert not output.exists()


def test_saturated_patterns_and_a_strange_probe_are_warned_of(tmp_path, weights, capsys):
    cut = np.minimum(stack(), 3000)
    code, _ = run(tmp_path, weights, cut, "--step", str(STEP), "--semiangle", "12")
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
