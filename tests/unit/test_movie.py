"""Movies: read one frame at a time from whatever they lie in, and refused with a name."""

import tracemalloc

import h5py
import numpy as np
import pytest
import tifffile
from imageio.v3 import imwrite
from rsciio.hspy import file_writer as save_hspy

from latticework import materials
from latticework.analysis.atoms.fields import folder_of
from latticework.analysis.atoms.table import LOWEST_PROBABILITY, atoms_table
from latticework.analysis.movies.tracking import track
from latticework.cli import published
from latticework.config.inference import Images
from latticework.datasets.movies import open_movie
from latticework.datasets.read import PictureError
from latticework.inference.class_maps import predict
from latticework.learning import weights

NOTHING_ELSE = {
    "metadata": {"General": {"title": ""}, "Signal": {"signal_type": ""}},
    "original_metadata": {},
    "learning_results": {},
    "tmp_parameters": {},
    "models": {},
    "attributes": {"_lazy": False, "ragged": False},
    "package_info": {"package": "hyperspy", "package_version": "2.0"},
}


def frame(number, shape=(48, 64)):
    values = np.random.default_rng(number).integers(1, 255, shape)
    values[0, 0] = number
    return values.astype(np.uint8)


def read(path, **how):
    return list(open_movie(path).frames(**how))


def test_a_stack_comes_frame_by_frame(tmp_path):
    stack = np.stack([frame(n) for n in range(5)])
    tifffile.imwrite(tmp_path / "movie.tif", stack, imagej=True, metadata={"axes": "TYX"})
    frames = read(tmp_path / "movie.tif")
    assert [f.number for f in frames] == list(range(5))
    np.testing.assert_array_equal(np.stack([f.image for f in frames]), stack)


@pytest.mark.parametrize("ending", ["npy", "hspy", "h5"])
def test_a_stack_that_stays_on_disk_comes_frame_by_frame(tmp_path, ending):
    stack = np.stack([frame(n) for n in range(5)])
    path = tmp_path / f"movie.{ending}"
    if ending == "npy":
        np.save(path, stack)
    elif ending == "hspy":
        axes = [
            {"name": name, "size": size, "scale": 1.0, "offset": 0.0, "navigate": name == "t"}
            for name, size in zip("tyx", stack.shape, strict=True)
        ]
        save_hspy(str(path), {"data": stack, "axes": axes, **NOTHING_ELSE})
    else:
        with h5py.File(path, "w") as file:
            file["frames"] = stack
    frames = read(path)
    np.testing.assert_array_equal(np.stack([f.image for f in frames]), stack)


def test_pixel_size_of_an_imagej_stack(tmp_path):
    stack = np.stack([frame(n) for n in range(3)])
    tifffile.imwrite(
        tmp_path / "movie.tif",
        stack,
        imagej=True,
        resolution=(4.0, 4.0),
        metadata={"unit": "angstrom", "axes": "TYX"},
    )
    assert open_movie(tmp_path / "movie.tif").sampling == pytest.approx(0.25)


def test_nested_folders_in_the_order_of_their_numbers(tmp_path):
    for number in range(12):
        folder = tmp_path / f"minute_{number // 6}"
        folder.mkdir(exist_ok=True)
        imwrite(folder / f"frame_{number}.png", frame(number))
    (tmp_path / "notes.txt").write_text("not a picture")
    frames = read(tmp_path)
    assert [f.image[0, 0] for f in frames] == list(range(12))
    assert frames[11].name == "minute_1/frame_11.png"


@pytest.mark.parametrize("damage", ["truncated", "other size", "constant", "stack"])
def test_a_bad_frame_in_the_middle_is_named(tmp_path, damage):
    for number in range(5):
        imwrite(tmp_path / f"frame_{number}.png", frame(number))
    bad = tmp_path / "frame_2.png"
    if damage == "truncated":
        bad.write_bytes(bad.read_bytes()[:300])
    elif damage == "other size":
        imwrite(bad, frame(2, (48, 60)))
    elif damage == "constant":
        imwrite(bad, np.full((48, 64), 7, np.uint8))
    else:
        bad.unlink()
        tifffile.imwrite(tmp_path / "frame_2.tif", np.stack([frame(2), frame(3)]))
    with pytest.raises(PictureError, match=r"frame 2 of .*frame_2"):
        read(tmp_path)
    frames = read(tmp_path, unreadable="skip")
    assert [f.image is None for f in frames] == [False, False, True, False, False]
    assert "frame_2" in frames[2].problem


def test_a_truncated_stack_names_the_frame(tmp_path):
    path = tmp_path / "movie.tif"
    with tifffile.TiffWriter(path) as tiff:
        for number in range(6):
            tiff.write(frame(number), contiguous=False)
    with tifffile.TiffFile(path) as tiff:
        end = tiff.pages[3].dataoffsets[0] + 100
    data = bytearray(path.read_bytes())
    # The pages' directories stay, the pixels of one are overwritten by another size's tag.
    with tifffile.TiffFile(path) as tiff:
        place = tiff.pages[3].tags["StripOffsets"].valueoffset
    data[place : place + 4] = (len(data) + end).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    frames = read(path, unreadable="skip")
    assert [f.image is None for f in frames] == [False, False, False, True, False, False]
    assert "movie.tif" in frames[3].problem


def test_an_empty_folder_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(PictureError, match="is a picture"):
        open_movie(tmp_path)
    with pytest.raises(PictureError, match="no such file"):
        open_movie(tmp_path / "movie.mrc")


def test_memory_does_not_grow_with_the_movie(tmp_path):
    def peak(count):
        path = tmp_path / f"{count}.tif"
        with tifffile.TiffWriter(path) as tiff:
            for number in range(count):
                tiff.write(frame(number, (256, 256)), contiguous=False)
        tracemalloc.start()
        for f in open_movie(path).frames():
            assert f.image is not None
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(3)  # what is imported at first use
    # A frame is a quarter of a MiB as float32; 80 more of them would be 20.
    assert peak(100) < peak(20) + 2 * 2**20


@pytest.mark.parametrize("symmetries", [1, 4])
def test_a_frame_is_read_in_as_many_turns_as_the_config_says(tmp_path, symmetries):
    y, x = np.mgrid[:96, :96] * 0.25
    reflections = materials.load("gold").reflections.zone_axes["110"]
    crystal = 100 + 10 * sum(np.cos(2 * np.pi * (gx * x + gy * y)) for gx, gy in reflections)
    noisy = np.random.default_rng(0).poisson(crystal, (2, 96, 96)).astype(np.float32)
    tifffile.imwrite(tmp_path / "movie.tif", noisy)
    network, card = weights.load(published.weights("gold"))
    settings = Images(symmetries=symmetries)
    movie = open_movie(tmp_path / "movie.tif")
    found = track(movie.frames(), 2, network, card, 0.25, settings).detections
    probabilities, pixel = predict(
        network,
        card,
        noisy[:1],
        0.25,
        tile=settings.tile,
        overlap=settings.overlap,
        symmetries=symmetries,
        device="cpu",
    )
    alone = atoms_table(
        probabilities, pixel, 0.25, card, epsilon=settings.epsilon, threshold=LOWEST_PROBABILITY
    )
    first = found.loc[found["frame"] == 0, "probability"].to_numpy()
    assert len(first) > 50
    np.testing.assert_array_equal(first, alone["probability"].to_numpy())


def test_a_folder_of_frames_is_read_in_the_order_of_their_numbers(tmp_path):
    rng = np.random.default_rng(0)
    for number in (2, 10, 1):
        frame = rng.normal(100 + number, 3, (64, 64)).astype(np.float32)
        tifffile.imwrite(tmp_path / f"frame_{number}.tif", frame)
    found = folder_of(tmp_path)
    assert np.round(found.image.mean(axis=(1, 2))).tolist() == [101, 102, 110]
    assert found.notes == ("3 frames of the folder, in the order of their names",)
