import numpy as np
import pytest
import tifffile

from latticework import materials
from latticework.datasets.read import PictureError
from latticework.datasets.registry import Dataset
from latticework.inference.calibrate import images

GRAPHENE = materials.load("graphene")


def lattice(sampling, size=256, seed=0):
    """First-order reflections of graphene as plane waves, with noise, as 16-bit counts."""
    y, x = np.indices((size, size)) * sampling
    waves = [
        np.cos(2 * np.pi * (x * np.cos(a) + y * np.sin(a)) / 2.13) for a in np.deg2rad([7, 67, 127])
    ]
    noise = np.random.default_rng(seed).normal(size=(size, size))
    return (1000 + 50 * (sum(waves) + noise)).astype(np.uint16)


def dataset(path, **entry):
    given = {"title": "test", "study": "graphene", "kind": "image", "path": path} | entry
    known = Dataset.model_fields
    return Dataset.model_validate({k: v for k, v in given.items() if k in known})


def test_an_image_gets_its_pixel_from_its_lattice(tmp_path):
    tifffile.imwrite(tmp_path / "sheet.tif", lattice(0.2))
    arrays, attributes = images(dataset(tmp_path / "sheet.tif"), tmp_path, GRAPHENE)
    assert arrays["sampling"].data[0] == pytest.approx(0.2, rel=0.005)
    assert attributes["sampling_source"] == ["lattice"]
    assert attributes["names"] == ["sheet.tif"]
    assert attributes["warnings"] == [[]]
    assert attributes["entry"]["title"] == "test"
    assert attributes["skipped"] == ""
    np.testing.assert_array_equal(arrays["image_0000"].data, lattice(0.2))


def test_the_user_s_word_counts_more_and_a_disagreement_is_said(tmp_path):
    tifffile.imwrite(tmp_path / "sheet.tif", lattice(0.2))
    known = dataset(tmp_path / "sheet.tif", pixel_size_angstrom=0.25)
    arrays, attributes = images(known, tmp_path, GRAPHENE)
    assert arrays["sampling"].data.tolist() == [0.25]
    assert attributes["sampling_source"] == ["user"]
    assert "disagree" in attributes["warnings"][0][0]


def test_without_a_lattice_the_pixel_is_unknown(tmp_path):
    noise = np.random.default_rng(0).normal(1000, 30, (128, 128)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "noise.tif", noise)
    arrays, attributes = images(dataset(tmp_path / "noise.tif"), tmp_path, GRAPHENE)
    assert np.isnan(arrays["sampling"].data).all()
    assert attributes["sampling_source"] == ["unknown"]
    assert "unknown" in attributes["warnings"][0][0]


def test_the_lattice_is_looked_for_in_the_scale_region(tmp_path):
    both = np.concatenate([lattice(0.3), lattice(0.2, seed=1)], axis=1)
    tifffile.imwrite(tmp_path / "two.tif", both)
    entry = dataset(tmp_path / "two.tif", scale_region=(256, 0, 512, 256))
    arrays, _ = images(entry, tmp_path, GRAPHENE)
    assert arrays["sampling"].data[0] == pytest.approx(0.2, rel=0.005)


def test_a_set_has_its_masks(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    mask = np.zeros((256, 256), np.uint8)
    mask[:, :100] = 255
    for name in ("a", "b"):
        tifffile.imwrite(folder / f"{name}.tif", lattice(0.2))
    tifffile.imwrite(folder / "a_mask.tif", mask)
    arrays, attributes = images(dataset(folder, kind="set", masks="_mask"), folder, GRAPHENE)
    assert attributes["names"] == ["a.tif", "b.tif"]
    np.testing.assert_array_equal(arrays["mask_0000"].data, mask > 0)
    assert "mask_0001" not in arrays


def test_a_mask_of_another_shape_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", lattice(0.2))
    tifffile.imwrite(tmp_path / "a_mask.tif", np.eye(64, dtype=np.uint8))
    with pytest.raises(PictureError, match="expected a mask of"):
        images(dataset(tmp_path, kind="set", masks="_mask"), tmp_path, GRAPHENE)


def test_a_reference_comes_along(tmp_path):
    tifffile.imwrite(tmp_path / "sheet.tif", lattice(0.2))
    np.savetxt(tmp_path / "points.txt", [[1.0, 2.0], [3.0, 4.0]])
    reference = {"kind": "atoms", "path": tmp_path / "points.txt"}
    arrays, attributes = images(
        dataset(tmp_path / "sheet.tif", reference=reference), tmp_path, GRAPHENE
    )
    assert arrays["reference"].data.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert attributes["entry"]["reference"]["kind"] == "atoms"


def test_a_skipped_dataset_says_why(tmp_path):
    (tmp_path / "SKIPPED").write_text("no network\n")
    arrays, attributes = images(dataset(tmp_path / "sheet.tif"), tmp_path, GRAPHENE)
    assert len(arrays["sampling"].data) == 0
    assert attributes["skipped"] == "no network"
    assert attributes["names"] == attributes["warnings"] == []
