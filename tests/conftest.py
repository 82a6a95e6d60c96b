import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The mirror folder of real pictures; tests that need it are skipped where there is none."""
    folder = Path(os.environ.get("LATTICEWORK_MIRROR", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no mirror of real pictures at {folder}; set LATTICEWORK_MIRROR")
    return folder
