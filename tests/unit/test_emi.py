"""TIA's .emi files without the .ser file beside them."""

import struct
from pathlib import Path

import numpy as np
import pytest

from latticework.datasets.read import PictureError, read_picture

REAL = Path(__file__).parents[3] / "shared/data/stem/si110_dumbbells_200kV.emi"


def emi(image, code, length=None):
    """The bytes of a file as TIA writes it, as far as the image is found by them."""
    ny, nx = image.shape
    length = image.nbytes + 8 if length is None else length
    head = b"JK\x02\x00" + b"AcquireObject".ljust(200, b"\x00")
    data = bytes([code]) + struct.pack("<iii", length, nx, ny) + image[::-1].tobytes()
    return head + data + b"<ObjectInfo><AcceleratingVoltage>200000</AcceleratingVoltage>"


@pytest.mark.parametrize(("code", "kind"), [(2, "<u2"), (6, "<i4"), (7, "<f4")])
def test_the_image_is_found_by_its_length(tmp_path, code, kind):
    image = np.random.default_rng(0).poisson(300, (40, 56)).astype(kind)
    (tmp_path / "frame.emi").write_bytes(emi(image, code))
    found = read_picture(tmp_path / "frame.emi")
    np.testing.assert_array_equal(found.image[0], image)
    assert found.metadata["beam_energy"] == 200
    assert found.sampling is None


def test_a_file_without_an_image_says_what_is_missing(tmp_path):
    image = np.ones((40, 56), dtype="<u2")
    for content in (emi(image, 2, length=17), emi(image, 2)[:900]):
        (tmp_path / "frame.emi").write_bytes(content)
        with pytest.raises(PictureError, match=r"no \.ser file beside it"):
            read_picture(tmp_path / "frame.emi")


@pytest.mark.skipif(not REAL.is_file(), reason=f"{REAL} is not there")
def test_a_real_file():
    found = read_picture(REAL)
    assert found.image.shape == (1, 1024, 1024)
    assert (found.image.min(), found.image.max()) == (2349, 54832)
