"""What is not specimen is found in simulated frames, and nothing else is."""

import numpy as np
import pytest
import tifffile

from latticework.datasets import not_specimen
from latticework.datasets.read import PictureError, read_picture

RNG = np.random.default_rng(3)
NY, NX = 160, 192


def lattice(dose=400.0, blur=1.0):
    """Counts (NY, NX) of a hexagonal lattice, turned against the rows."""
    y, x = np.mgrid[:NY, :NX]
    angles = np.deg2rad([7, 67, 127])
    waves = sum(np.cos(0.9 * (x * np.cos(t) + y * np.sin(t))) for t in angles)
    return np.random.default_rng(5).poisson(dose * (1 + 0.25 * blur * waves)).astype(float)


def kinds(frame):
    return [region.kind for region in not_specimen.find(frame)]


@pytest.mark.parametrize("dose", [0.02, 0.5, 20.0, 400.0])
@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e9])
def test_nothing_is_found_in_a_sound_frame(dose, scale):
    assert kinds(lattice(dose) * scale) == []


def test_clipped_specimen_is_specimen():
    frame = lattice()
    low, high = np.percentile(frame, (2, 97))
    assert kinds(np.round(255 * (frame.clip(low, high) - low) / (high - low))) == []


def spoilt(kind):
    """A frame with a fault, and the mask of the fault."""
    frame, mask = lattice(), np.zeros((NY, NX), dtype=bool)
    high = frame.max() + 50
    if kind == "bar":
        mask[-24:] = True
        frame[mask] = 0
        frame[-14:-11, 100:150] = high
        frame[-16:-6, 20:60:3] = high
    elif kind == "margin":
        mask[:9] = mask[:, -13:] = True
        frame[mask] = 0
    elif kind == "wedge":
        y, x = np.indices(mask.shape)
        mask[:] = x < 0.2 * (NY - y)
        frame[mask] = 0
    elif kind == "scale bar":
        mask[140:144, 12:52] = True
        frame[mask] = high
    elif kind == "hit":
        mask[40:42, 70:72] = True
        frame[mask] = 60_000
    elif kind == "dead pixel":
        mask[40, 70] = True
        frame[mask] = -5000
    elif kind == "dead row":
        mask[55] = True
        frame[mask] = 0
    elif kind == "bright column":
        mask[:, 90:92] = True
        frame[mask] += 500
    elif kind == "half a row":
        mask[70, : NX // 2] = True
        frame[mask] = 0
    elif kind == "repeated rows":
        mask[121:150] = True
        frame[121:150] = frame[120]
    elif kind == "missing":
        mask[:5] = True
        frame[mask] = np.nan
    return frame, mask


KINDS = {
    "bar": "a bar or margin",
    "margin": "a bar or margin",
    "wedge": "a bar or margin",
    "scale bar": "a scale bar or label",
    "hit": "a hit or dead pixel",
    "dead pixel": "a hit or dead pixel",
    "dead row": "a dead or bright row",
    "bright column": "a dead or bright column",
    "half a row": "a dead or bright row",
    "repeated rows": "rows that repeat",
    "missing": "pixels without a value",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1.0, 1e-9])
def test_a_fault_is_found_and_hardly_anything_else(kind, scale):
    frame, mask = spoilt(kind)
    regions = not_specimen.find(frame * scale)
    found = not_specimen.union(regions, mask.shape)
    assert KINDS[kind] in regions[0].kind
    assert np.mean(found[mask]) > 0.95
    assert np.sum(found & ~mask) <= max(0.008 * mask.size, 0.5 * mask.sum())


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_filled_looks_like_the_specimen(kind):
    frame, mask = spoilt(kind)
    sound = lattice()
    found = not_specimen.union(not_specimen.find(frame), mask.shape)
    filled = not_specimen.filled(frame, found, np.random.default_rng(0))
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[~found], frame[~found])
    assert (
        abs(filled[mask].mean() - sound.mean()) < (0.5 if mask.sum() > 100 else 1.5) * sound.std()
    )
    assert filled[mask].std() < 1.3 * sound.std()


def test_a_narrow_gap_is_bridged_and_a_wide_one_is_not():
    mask = np.zeros((64, 64), dtype=bool)
    mask[20:23], mask[40:60, 10:30] = True, True
    wide = not_specimen.wide(mask)
    assert not wide[20:23].any()
    assert wide[40:60, 10:30].all()


def test_a_seam_is_found():
    frame = lattice()
    frame[90:] = frame[90:, ::-1] * 1.6
    regions = not_specimen.find(frame)
    assert [r.kind for r in regions] == ["a seam between rows that do not fit"]
    assert regions[0].mask[89].all()


def test_frames_of_a_movie_are_looked_at_one_by_one(tmp_path):
    movie = np.stack([lattice(), spoilt("bar")[0], np.full((NY, NX), 7.0)]).astype(np.float32)
    tifffile.imwrite(tmp_path / "movie.tif", movie, photometric="minisblack")
    picture = read_picture(tmp_path / "movie.tif")
    np.testing.assert_array_equal(picture.image[0], movie[0])
    assert [mask.any() for mask in picture.mask] == [False, True, True]
    assert picture.mask[2].all()
    said = " | ".join(picture.warnings)
    assert "frame 1: not specimen: a bar or margin of one value, at the bottom" in said
    assert "frame 2: not specimen: nothing but one value" in said


def test_a_picture_without_specimen_is_refused(tmp_path):
    frame = np.zeros((NY, NX), np.float32)
    frame[:3] = RNG.normal(5, 1, (3, NX))
    tifffile.imwrite(tmp_path / "a.tif", frame)
    with pytest.raises(PictureError, match="shows no specimen"):
        read_picture(tmp_path / "a.tif")
