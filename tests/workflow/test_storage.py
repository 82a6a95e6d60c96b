"""A full disk and a folder that cannot be written: a clear error, nothing half-written, no harm."""

import os
import subprocess
from contextlib import contextmanager

import pytest

WAVES = "results/tiny/simulations/graphene/heldout-0000.h5"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")


@contextmanager
def mounted(folder, *options):
    """A file system in memory on a folder."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", *options, "latticework-test", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"cannot mount a small disk here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def remount(folder, options):
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


def present(folder):
    """Everything that lies in a folder, hidden files too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_full_disk_is_an_error_and_the_run_goes_on_after_space_is_made(fresh, finished):
    results = fresh.folder / "results"
    structures = "tiny/structures/graphene/heldout-0000.extxyz"
    with mounted(results, "-o", "size=120k"):
        done = fresh.run(WAVES, check=False)
        assert done.returncode != 0
        message = done.stdout + done.stderr
        assert f"No space left on device: '{WAVES}'" in message
        assert "Error in rule simulate" in message
        assert "SIGSEGV" not in message
        # What was finished stays, and there is nothing beside it.
        assert present(results) == [structures]
        remount(results, "size=100m")
        assert set(fresh.planned(WAVES)) == {"simulate"}
        fresh.run(WAVES)
        assert fresh.files(".h5")[WAVES] == finished.files(".h5")[WAVES]


def test_a_read_only_results_folder_is_an_error_before_any_job(fresh):
    results = fresh.folder / "results"
    with mounted(results):
        remount(results, "ro")
        done = fresh.run(WAVES, check=False)
        message = done.stdout + done.stderr
        assert done.returncode != 0
        assert "results/tiny cannot be written" in message
        assert "Traceback" not in message
        assert present(results) == []
        remount(results, "rw")
        fresh.run(WAVES)
