"""Files of scanning tunnelling microscopes: real ones, and what a damaged one is answered with."""

import struct

import numpy as np
import pytest

from latticework.analysis.inspection import contents, holds_patterns
from latticework.datasets import stm
from latticework.datasets.read import PictureError, open_lazily, read_picture


@pytest.mark.parametrize(
    ("name", "shape", "sampling"),
    [
        ("dca3cu2_mof_ag111_5nm.sxm", (256, 256), 50 / 256),
        ("dca_molecules_20nm.sxm", (256, 256), 200 / 256),
        ("febr2_on_au111_4nm.sxm", (256, 256), 40 / 256),
        ("si111_7x7_20nm.sxm", (256, 256), 200 / 256),
        ("nbs2_cdw_2e.txt", (299, 299), 87.4755 / 299),
        ("si111_7x7_vacancies.dat", (256, 256), None),
        ("hopg_a.png", (512, 512), None),
    ],
)
def test_real_files_are_read_with_their_pixel_size(mirror, name, shape, sampling):
    read = read_picture(mirror / "stm" / name)
    assert read.image.shape == (1, *shape)
    assert read.sampling == (sampling and pytest.approx(sampling, rel=1e-6))


@pytest.mark.parametrize("name", ["dca3cu2_mof_ag111_5nm", "febr2_on_au111_4nm", "si111_7x7_20nm"])
def test_forward_and_backward_scans_show_the_same_surface(mirror, name):
    path = mirror / "stm" / f"{name}.sxm"
    forward, backward = (read_picture(path, image=way).image[0] for way in ("forward", "backward"))

    def agreement(first, second):
        """Highest correlation of two images over shifts along the lines, each line levelled."""
        flat = [image - np.median(image, 1, keepdims=True) for image in (first, second)]
        spectra = [np.fft.fft(image / np.linalg.norm(image), axis=1) for image in flat]
        return np.fft.ifft((spectra[0] * spectra[1].conj()).sum(0)).real.max()

    # They agree once the lines of the way back are turned round, and not before.
    assert agreement(forward, backward) > 0.9
    assert agreement(forward, backward[:, ::-1]) < 0.7


def test_what_was_recorded_is_told(mirror):
    read = read_picture(mirror / "stm/febr2_on_au111_4nm.sxm")
    assert read.metadata["channel"] == "Z"
    assert read.metadata["bias_V"] == pytest.approx(0.05)
    assert read.metadata["setpoint"] == "5.000E-10 A"
    current = read_picture(mirror / "stm/febr2_on_au111_4nm.sxm", image="current backward")
    assert (current.metadata["channel"], current.metadata["unit"]) == ("Current", "A")
    assert np.median(current.image) == pytest.approx(5e-10, rel=0.1)
    with pytest.raises(PictureError, match="it has Z forward, Z backward"):
        read_picture(mirror / "stm/febr2_on_au111_4nm.sxm", image="phase")


HEADER = """\
:NANONIS_VERSION:
2
:SCAN_PIXELS:
       40       36
:SCAN_RANGE:
           4.0E-9           3.6E-9
:SCAN_DIR:
{way}
:BIAS:
            1.000E-1
:Z-CONTROLLER:
	Name	on	Setpoint
	log Current	{on}	1.000E-10 A
:DATA_INFO:
	Channel	Name	Unit	Direction	Calibration	Offset
	14	Z	m	both	1.0E-8	0.0E+0
	0	Current	A	both	1.0E-8	0.0E+0

:SCANIT_END:


"""
SURFACE = np.random.default_rng(0).normal(size=(36, 40)).astype(np.float32)


def nanonis(path, surface=SURFACE, way="down", on=1):
    """Write a scan of a surface as the instrument does."""
    lines = surface[::-1] if way == "up" else surface
    planes = [lines, lines[:, ::-1], 2 * lines, 2 * lines[:, ::-1]]
    header = HEADER.format(way=way, on=on).encode("latin-1")
    data = b"".join(plane.astype(">f4").tobytes() for plane in planes)
    path.write_bytes(header + stm.NANONIS_END + data)
    return path


@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_rows_and_columns_are_those_of_the_sample(tmp_path, way, direction):
    path = nanonis(tmp_path / "scan.sxm", way=way)
    np.testing.assert_array_equal(read_picture(path, image=direction).image[0], SURFACE)
    assert read_picture(path).sampling == pytest.approx(1.0)


def test_at_constant_height_the_current_is_read(tmp_path):
    read = read_picture(nanonis(tmp_path / "scan.sxm", on=0))
    np.testing.assert_array_equal(read.image[0], 2 * SURFACE)


def test_a_scan_that_was_stopped_has_the_lines_it_recorded(tmp_path):
    stopped = SURFACE.copy()
    stopped[33:] = np.nan
    read = read_picture(nanonis(tmp_path / "scan.sxm", stopped))
    np.testing.assert_array_equal(read.image[0], SURFACE[:33])
    assert (read.metadata["lines_recorded"], read.metadata["lines"]) == (33, 36)
    assert read.sampling == pytest.approx(1.0)


def gwyddion(path, unit="m"):
    """Write a height field as Gwyddion does."""

    def component(name, kind, value):
        return name.encode() + b"\0" + kind.encode() + value

    def thing(name, *components):
        body = b"".join(components)
        return name.encode() + b"\0" + struct.pack("<I", len(body)) + body

    units = thing("GwySIUnit", component("unitstr", "s", unit.encode() + b"\0"))
    field = thing(
        "GwyDataField",
        component("xres", "i", struct.pack("<i", 40)),
        component("yres", "i", struct.pack("<i", 36)),
        component("xreal", "d", struct.pack("<d", 4e-9)),
        component("yreal", "d", struct.pack("<d", 3.6e-9)),
        component("si_unit_xy", "o", units),
        component("data", "D", struct.pack("<I", SURFACE.size) + SURFACE.astype("<f8").tobytes()),
    )
    root = thing(
        "GwyContainer",
        component("/0/base/visible", "b", b"\1"),
        component("/0/data/title", "s", b"Z (Forward)\0"),
        component("/0/data", "o", field),
    )
    path.write_bytes(b"GWYP" + root)
    return path


def test_gwyddion_files_are_read(tmp_path):
    read = read_picture(gwyddion(tmp_path / "scan.gwy"))
    np.testing.assert_allclose(read.image[0], SURFACE)
    assert read.sampling == pytest.approx(1.0)
    assert read_picture(gwyddion(tmp_path / "scan.gwy"), image="z (for").metadata["channel"]
    with pytest.raises(PictureError, match=r"no channel 'Current'; it has Z \(Forward\)"):
        read_picture(gwyddion(tmp_path / "scan.gwy"), image="Current")


@pytest.mark.parametrize("write", [nanonis, gwyddion])
@pytest.mark.parametrize("kept", [0.99, 0.5, 0.02])
def test_a_truncated_file_is_refused_in_one_line(tmp_path, write, kept):
    path = write(tmp_path / f"scan.{'sxm' if write is nanonis else 'gwy'}")
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    if write is nanonis and kept == 0.99:
        # The last channel is cut, and nothing that is read.
        with pytest.raises(PictureError, match="cut off"):
            read_picture(path, image="Current backward")
        return
    with pytest.raises(PictureError, match=r"scan\.") as raised:
        read_picture(path)
    assert "\n" not in str(raised.value)


def test_a_spectrum_is_no_picture(tmp_path):
    (tmp_path / "bias.dat").write_text("Experiment\tbias spectroscopy\t\n[DATA]\n1\t2\n")
    with pytest.raises(PictureError, match="spectrum"):
        read_picture(tmp_path / "bias.dat")


def test_a_scan_is_inspected_and_opened_lazily_as_any_other_file(tmp_path):
    path = nanonis(tmp_path / "scan.sxm")
    assert len(contents(path)) == 1
    assert not holds_patterns(path, "Z backward")
    assert np.shape(open_lazily(path)["data"]) == SURFACE.shape
