import os
from pathlib import Path

import pytest
from checkout import ROOT, Workflow
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

# They share the fixture `finished`, a whole run: one process has them all, and makes it once.
OF_ONE_RUN = {f"tests/workflow/test_{name}.py" for name in ("report", "reruns", "runs", "storage")}


class ByRun(LoadFileScheduling):
    """Tests go to processes file by file, but those of one run together."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "one run" if file in OF_ONE_RUN else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByRun:
    """Tests in several processes are given out by `ByRun`."""
    return ByRun(config, log)


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The mirror folder of real pictures; tests that need it are skipped where there is none."""
    folder = Path(os.environ.get("LATTICEWORK_MIRROR", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no mirror of real pictures at {folder}; set LATTICEWORK_MIRROR")
    return folder


@pytest.fixture(scope="session")
def pictures() -> Path | None:
    """The folder with real pictures for whole runs, or None."""
    for folder in (os.environ.get("LATTICEWORK_MIRROR"), ROOT.parent / "shared/data"):
        if folder and Path(folder, "hrtem").is_dir():
            return Path(folder).resolve()
    return None


@pytest.fixture(scope="session")
def finished(tmp_path_factory, pictures) -> Workflow:
    """A workflow whose tiny run is complete. Tests that change it put everything back."""
    workflow = Workflow(tmp_path_factory.mktemp("finished"), pictures)
    workflow.run()
    return workflow


@pytest.fixture
def fresh(tmp_path, pictures) -> Workflow:
    """A workflow that never ran, in a checkout of its own."""
    return Workflow(tmp_path, pictures)
