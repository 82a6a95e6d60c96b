"""Shards come back as they were written, or not at all."""

import os
import subprocess
import sys
import tracemalloc
from collections import namedtuple

import h5py
import numpy as np
import pytest

from latticework import shards
from latticework.shards import Array, ShardError, atomic, read, stream, write


def arrays():
    rng = np.random.default_rng(0)
    return {
        "wave": Array(
            (rng.normal(size=(3, 8, 8)) + 1j * rng.normal(size=(3, 8, 8))).astype(np.complex64),
            "1",
            ("structure", "y", "x"),
        ),
        "positions": Array(
            [rng.normal(size=(n, 3)) for n in (5, 0, 2)],
            "Å",
            ("structure", "atom", "axis"),
            ragged=True,
        ),
        "energy": Array(np.float64(80e3), "eV", ()),
    }


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "shard.h5"
    write(path, "exit_waves", arrays(), {"study": "graphene", "run": "test"})
    return path


def test_what_was_written_comes_back(shard):
    found, attributes = read(shard, "exit_waves")
    written = arrays()
    assert attributes == {"study": "graphene", "run": "test"}
    assert found["wave"].dtype == np.complex64
    np.testing.assert_array_equal(found["wave"], written["wave"].data)
    assert found["energy"] == 80e3
    assert [item.shape for item in found["positions"]] == [(5, 3), (0, 3), (2, 3)]
    for item, expected in zip(found["positions"], written["positions"].data, strict=True):
        np.testing.assert_array_equal(item, expected)


def test_only_the_arrays_asked_for_are_read(shard):
    found, _ = read(shard, "exit_waves", ["energy"])
    assert list(found) == ["energy"]


def test_a_file_describes_itself(shard):
    with h5py.File(shard) as file:
        assert file.attrs["format"] == "latticework/exit_waves"
        assert "abtem" in file.attrs["software"]
        assert file["positions"].attrs["units"] == "Å"
        assert file["wave"].attrs["dims"] == '["structure", "y", "x"]'


def test_the_same_arrays_give_the_same_bytes(shard, tmp_path):
    again = tmp_path / "again.h5"
    write(again, "exit_waves", arrays(), {"run": "test", "study": "graphene"})
    assert again.read_bytes() == shard.read_bytes()


def damaged(shard, how):
    content = bytearray(shard.read_bytes())
    if how == "truncated":
        content = content[: len(content) // 2]
    elif how == "empty":
        content = bytearray()
    elif how == "text":
        content = bytearray(b"not HDF5 at all")
    elif how == "metadata":
        content[content.find(b"OHDR", 200) + 12] ^= 1
    else:
        # One bit inside of the waves: nothing but a checksum sees it.
        start = content.find(arrays()["wave"].data.tobytes()[:32])
        content[start + 16] ^= 1
    shard.write_bytes(content)


@pytest.mark.parametrize("how", ["truncated", "empty", "text", "metadata", "one bit"])
def test_a_damaged_file_is_named_with_what_was_expected_and_found(shard, how):
    damaged(shard, how)
    with pytest.raises(ShardError, match=r"expected a readable HDF5 file.*found") as raised:
        read(shard, "exit_waves")
    assert str(shard) in str(raised.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ShardError, match=r"nowhere\.h5: expected"):
        read(tmp_path / "nowhere.h5", "exit_waves")


def test_another_kind_is_refused(shard):
    with pytest.raises(ShardError, match=r"expected format latticework/class_maps.*exit_waves"):
        read(shard, "class_maps")


def test_hdf5_of_somebody_else_is_refused(tmp_path):
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["wave"] = np.zeros(3)
    with pytest.raises(ShardError, match=r"other\.h5: expected format .*found None"):
        read(path, "exit_waves")


def test_a_missing_array_is_named_with_those_that_are_there(shard):
    with pytest.raises(ShardError, match=r"expected arrays \['heights'\], found only \['energy'"):
        read(shard, "exit_waves", ["wave", "heights"])


def test_a_failed_block_leaves_no_file(tmp_path):
    with pytest.raises(RuntimeError), atomic(tmp_path / "file") as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_failed_block_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"


def test_folders_are_made_and_nothing_temporary_stays(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    with atomic(path) as temporary:
        assert temporary.parent == path.parent
        temporary.write_text("whole")
    assert [item.name for item in path.parent.iterdir()] == ["file"]


# A file that grows


def some(rng, counts):
    """Ragged items of the given lengths."""
    return [rng.normal(size=(n, 2)).astype(np.float32) for n in counts]


RAGGED = ("item", "peak", "axis")


def stream_all(path, images, items, numbers, batch):
    """Write images, ragged items and numbers in batches."""
    with stream(path, "peaks") as growing:
        growing.attributes |= {"title": "Ångström", "scan": [2, 3]}
        growing.put("step", Array(np.float64(0.1), "1/Å", ()))
        growing.put("kinds", Array([np.arange(2), np.arange(3)], "1", ("a", "b"), ragged=True))
        for start in range(0, len(items), batch):
            part = slice(start, start + batch)
            growing.append("image", Array(images[part], "counts", ("item", "y", "x")))
            growing.append("peaks", Array(items[part], "1/Å", RAGGED, ragged=True))
            growing.append("number", Array(numbers[part], "1", ("item",)))


@pytest.mark.parametrize("batch", [1, 3, 50])
def test_what_is_appended_reads_as_if_it_had_been_written_at_once(tmp_path, batch):
    rng = np.random.default_rng(0)
    items = some(rng, [3, 0, 5, 1, 0, 0, 4, 2, 7, 0])
    images = rng.integers(0, 9, (10, 16, 12)).astype(np.uint16)
    numbers = np.arange(10)
    stream_all(tmp_path / "grown.h5", images, items, numbers, batch)
    arrays = {
        "step": Array(np.float64(0.1), "1/Å", ()),
        "kinds": Array([np.arange(2), np.arange(3)], "1", ("a", "b"), ragged=True),
        "image": Array(images, "counts", ("item", "y", "x")),
        "peaks": Array(items, "1/Å", RAGGED, ragged=True),
        "number": Array(numbers, "1", ("item",)),
    }
    write(tmp_path / "written.h5", "peaks", arrays, {"scan": [2, 3], "title": "Ångström"})
    (grown, attributes), (written, expected) = (
        read(tmp_path / name, "peaks") for name in ("grown.h5", "written.h5")
    )
    assert attributes == expected == {"scan": [2, 3], "title": "Ångström"}
    assert set(grown) == set(written)
    for name in ("step", "image", "number"):
        assert grown[name].dtype == written[name].dtype
        np.testing.assert_array_equal(grown[name], written[name])
    for name in ("kinds", "peaks"):
        assert len(grown[name]) == len(written[name])
        for one, other in zip(grown[name], written[name], strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)
    with h5py.File(tmp_path / "grown.h5") as one, h5py.File(tmp_path / "written.h5") as other:
        assert dict(one.attrs) == dict(other.attrs)
        for name in one:
            for key in ("units", "dims"):
                assert one[name].attrs[key] == other[name].attrs[key]
            assert one[name].fletcher32 == other[name].fletcher32


def test_items_of_a_list_are_stacked(tmp_path):
    with stream(tmp_path / "a.h5", "peaks") as growing:
        for number in range(3):
            growing.append("image", Array([np.full((4, 5), number)], "1", ("item", "y", "x")))
            growing.append("place", Array([np.array(number)], "1", ("item",)))
            growing.append("image", Array(np.zeros((0, 4, 5), int), "1", ("item", "y", "x")))
    arrays, _ = read(tmp_path / "a.h5", "peaks")
    assert arrays["image"].shape == (3, 4, 5)
    assert arrays["place"].tolist() == arrays["image"][:, 0, 0].tolist() == [0, 1, 2]


def test_the_same_pieces_give_the_same_bytes(tmp_path):
    rng = np.random.default_rng(0)
    content = rng.normal(size=(4, 8, 8)), some(rng, [1, 0, 2, 2]), np.arange(4)
    for name in ("a.h5", "b.h5"):
        stream_all(tmp_path / name, *content, batch=2)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_more_items_than_an_ordinary_attribute_could_count(tmp_path):
    """HDF5 keeps attributes of up to 64 KiB in an object's header."""
    with stream(tmp_path / "a.h5", "peaks") as growing:
        for _ in range(4):
            rows = [np.zeros(n % 3) for n in range(30_000)]
            growing.append("peaks", Array(rows, "1", ("item", "peak"), ragged=True))
        growing.attributes["text"] = "x" * 100_000
    arrays, attributes = read(tmp_path / "a.h5", "peaks")
    assert [len(row) for row in arrays["peaks"]] == [n % 3 for n in range(30_000)] * 4
    assert len(attributes["text"]) == 100_000


@pytest.mark.parametrize("ragged", [True, False])
def test_no_items_are_no_items(tmp_path, ragged):
    data = [np.zeros(0)] if ragged else np.zeros((0, 4))
    dims = ("item", "peak")
    with stream(tmp_path / "a.h5", "peaks") as growing:
        growing.append("peaks", Array(data, "1", dims, ragged=ragged))
    arrays, _ = read(tmp_path / "a.h5", "peaks")
    assert [len(row) for row in arrays["peaks"]] == ([0] if ragged else [])
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["peaks"].attrs["lengths"] = np.zeros(0, int)
    arrays, _ = read(tmp_path / "a.h5", "peaks")
    assert list(arrays["peaks"]) == []


def append_all(path, arrays):
    with stream(path, "peaks") as growing:
        for array in arrays:
            growing.append("x", array)


@pytest.mark.parametrize(
    ("second", "ragged"),
    [
        (np.ones((2, 3)), False),  # floats among integers would be cut off
        (np.ones((2, 1), int), False),  # would be broadcast
        ([np.ones(3, int)], True),
    ],
)
def test_items_unlike_those_before_are_refused(tmp_path, second, ragged):
    first = Array(np.ones((2, 3), int), "1", ("item", "y"))
    other = Array(second, "1", ("item", "y"), ragged=ragged)
    with pytest.raises(ValueError, match=r"a\.h5: items of x"):
        append_all(tmp_path / "a.h5", [first, other])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_stream_that_fails_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "a.h5"
    path.write_text("old")
    with pytest.raises(error), stream(path, "peaks") as growing:  # noqa: PT012
        growing.append("x", Array(np.ones((9, 3)), "1", ("item", "y")))
        assert path.read_text() == "old"
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_attributes_that_are_no_json_leave_nothing(tmp_path):
    with pytest.raises(TypeError), stream(tmp_path / "a.h5", "peaks") as growing:
        growing.attributes["x"] = {1, 2}
    assert list(tmp_path.iterdir()) == []


def grow(path, batches, rows=256):
    """Append `batches` times half a MiB."""
    with stream(path, "peaks") as growing:
        for _ in range(batches):
            growing.append("image", Array(np.ones((rows, 16, 16)), "1", ("item", "y", "x")))
            growing.append("x", Array([np.ones(9)] * 9, "1", ("item", "peak"), ragged=True))


def test_memory_does_not_grow_with_the_file(tmp_path):
    def peak(batches):
        tracemalloc.start()
        grow(tmp_path / "a.h5", batches, rows=64)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(2)
    assert peak(40) < peak(4) + 2**18


def test_nor_does_that_of_the_hdf5_library(tmp_path):
    """By the system, which counts what Python's own measure does not see."""
    code = (
        "import resource, sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from test_shards import grow\n"
        "grow(Path(sys.argv[2]), 4)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "grow(Path(sys.argv[2]), 120)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    here = os.path.dirname(__file__)
    command = [sys.executable, "-c", code, here, str(tmp_path / "a.h5")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    unit = 1 if sys.platform == "darwin" else 1024
    # The file has 60 MiB.
    assert (tmp_path / "a.h5").stat().st_size > 60 << 20
    assert int(done.stdout) * unit < 8 << 20


Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize("free", [0, shards.SPARE - 1, shards.SPARE + 100_000])
def test_a_full_disk_is_noticed_before_anything_breaks(tmp_path, monkeypatch, free):
    path = tmp_path / "a.h5"
    path.write_text("old")
    monkeypatch.setattr(shards.shutil, "disk_usage", lambda folder: Usage(0, 0, free))
    with pytest.raises(OSError, match="No space left") as raised:
        grow(path, 1)
    assert raised.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 12 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount here")
    if done.returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("filled", [0, 5, 11.9, 12])
def test_a_disk_that_is_really_full(small_disk, filled):
    """In a process of its own: the HDF5 library crashes on its way out if a write failed."""
    (small_disk / "filling").write_bytes(bytes(int(filled * 2**20)))
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path; from test_shards import grow\n"
        "try: grow(Path(sys.argv[2]), 1000, rows=16)\n"
        "except OSError as error: print(error.errno, error.filename)\n"
    )
    here, path = os.path.dirname(__file__), small_disk / "a.h5"
    command = [sys.executable, "-c", code, here, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"28 {path}\n"
    assert done.stderr == ""
    assert [item.name for item in small_disk.iterdir()] == ["filling"]


def test_attributes_are_under_a_checksum(tmp_path):
    path = tmp_path / "a.h5"
    shards.write(path, "dataset", {"x": shards.Array(np.arange(3.0), "Å", ("n",))}, {"run": "a"})
    assert shards.read(path, "dataset")[1] == {"run": "a"}
    with h5py.File(path, "r+") as file:
        file.attrs["attributes"] = '{"run": "b"}'
    with pytest.raises(shards.ShardError, match="damaged"):
        shards.read(path, "dataset")
    # Files of an earlier version have none.
    with h5py.File(path, "r+") as file:
        del file.attrs[shards.SEAL]
    assert shards.read(path, "dataset")[1] == {"run": "b"}
