"""Shards come back as they were written, or not at all."""

import h5py
import numpy as np
import pytest

from latticework.shards import Array, ShardError, atomic, read, write


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
    with pytest.raises(ShardError, match=r"expected format latticework/maps.*found.*exit_waves"):
        read(shard, "maps")


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
