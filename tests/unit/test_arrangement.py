"""Arrays whose axes no file names, and parts of images."""

import numpy as np
import pytest
import tifffile

from latticework.datasets.arrangement import Arrangement
from latticework.datasets.read import PictureError, read_picture


@pytest.fixture
def movie():
    """Three frames that differ, (t, y, x)."""
    counts = np.random.default_rng(0).poisson(50, (3, 40, 56)).astype(np.float32)
    return counts + 100 * np.arange(3, dtype=np.float32)[:, None, None]


def read(array, tmp_path, **given):
    np.save(tmp_path / "array.npy", array)
    return read_picture(tmp_path / "array.npy", arrangement=Arrangement(**given))


@pytest.mark.parametrize("axes", ["tyx", "yxt", "ytx", "xyt"])
def test_letters_say_which_axis_is_which(movie, axes, tmp_path):
    given = movie.transpose(["tyx".index(letter) for letter in axes])
    found = read(given, tmp_path, axes=axes)
    np.testing.assert_array_equal(found.image, movie)
    assert f"axes {' '.join(axes)} by the user" in found.notes


def test_colours_of_a_movie_become_luminance(movie, tmp_path):
    colours = np.repeat(movie[..., None], 3, axis=-1)
    for axes, given in (("tyxc", colours), ("ctyx", np.moveaxis(colours, -1, 0))):
        np.testing.assert_allclose(read(given, tmp_path, axes=axes).image, movie, rtol=1e-6)


@pytest.mark.parametrize("axes", ["tx", "yy", "tyx ", "zyx", "yx", "tyxc", ""])
def test_letters_that_do_not_fit_are_refused(movie, axes, tmp_path):
    with pytest.raises(PictureError, match="--axes"):
        read(movie, tmp_path, axes=axes)


def test_a_part_is_what_the_file_would_have_been(movie, tmp_path):
    found = read(movie, tmp_path, crop=(4, 3, 44, 38))
    np.testing.assert_array_equal(found.image, movie[:, 3:38, 4:44])
    assert "columns 4 to 43 and rows 3 to 37 are read" in found.notes[0]
    colours = np.repeat(movie[0, ..., None], 3, axis=-1)
    part = read(colours, tmp_path, crop=(4, 3, 44, 38))
    np.testing.assert_allclose(part.image[0], movie[0, 3:38, 4:44], rtol=1e-6)


def test_a_part_keeps_the_pixel_of_the_file(movie, tmp_path):
    path = tmp_path / "frame.tif"
    tifffile.imwrite(path, movie[0], imagej=True, resolution=(4, 4), metadata={"unit": "nm"})
    whole = read_picture(path)
    part = read_picture(path, arrangement=Arrangement(crop=(0, 0, 40, 40)))
    assert part.sampling == whole.sampling == pytest.approx(2.5)


@pytest.mark.parametrize("crop", [(-1, 0, 40, 40), (0, 0, 57, 40), (40, 0, 40, 40), (0, 9, 40, 3)])
def test_a_part_that_is_not_there_is_refused(movie, crop, tmp_path):
    with pytest.raises(PictureError, match="inside the image of 56 × 40 px"):
        read(movie, tmp_path, crop=crop)
