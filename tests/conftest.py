import os
from pathlib import Path

import pytest
from checkout import ROOT, Workflow


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
