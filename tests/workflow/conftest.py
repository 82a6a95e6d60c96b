"""A checkout of its own for every test that runs or changes the workflow."""

import os
from pathlib import Path

import pytest
from checkout import ROOT, Workflow


@pytest.fixture(scope="session")
def pictures():
    """The folder with real pictures, or None."""
    for folder in (os.environ.get("LATTICEWORK_MIRROR"), ROOT.parent / "shared/data"):
        if folder and Path(folder, "hrtem").is_dir():
            return Path(folder).resolve()
    return None


@pytest.fixture(scope="session")
def finished(tmp_path_factory, pictures):
    """A workflow whose tiny run is complete. Tests that change it put everything back."""
    workflow = Workflow(tmp_path_factory.mktemp("finished"), pictures)
    workflow.run()
    return workflow


@pytest.fixture
def fresh(tmp_path, pictures):
    """A workflow that never ran."""
    return Workflow(tmp_path, pictures)
