"""A real Slurm cluster of one node, for as long as the tests need it."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("slurm-one-node.sh")
NEEDED = ("slurmctld", "slurmd", "munged", "sbatch")


def missing() -> list[str]:
    return [name for name in NEEDED if shutil.which(name) is None]


def install() -> None:
    """Install Slurm from Debian's packages, or skip with a message."""
    apt = "DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends"
    done = subprocess.run(
        f"apt-get update -qq && {apt} slurm-wlm munge",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    if missing():
        pytest.skip(f"no {missing()}, and Debian's packages cannot be had: {done.stderr[-500:]}")


@pytest.fixture(scope="session")
def cluster():
    """A cluster that runs; it is stopped at the end, and nothing of it is left."""
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        pytest.skip("a Slurm of our own needs root on Debian")
    if missing():
        install()
    folder = Path(tempfile.mkdtemp(prefix="slurm-one-node-"))
    done = subprocess.run(
        [SCRIPT, "start", folder], capture_output=True, text=True, check=False, timeout=120
    )
    try:
        assert done.returncode == 0, done.stderr
        yield folder
    finally:
        subprocess.run([SCRIPT, "stop", folder], check=True, timeout=120)
    left = [name for name in ("slurmctld", "slurmd", "munged") if _runs(folder, name)]
    assert left == []
    assert not folder.exists()


def _runs(folder: Path, name: str) -> bool:
    """Whether a process of this name was started from the cluster's folder."""
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = line.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if Path(words[0]).name == name and any(str(folder) in word for word in words):
            return True
    return False
