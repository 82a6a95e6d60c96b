"""The tutorial runs from top to bottom, and says what it says it says."""

import nbformat
import pytest
from checkout import ROOT
from nbclient import NotebookClient

NOTEBOOK = ROOT / "docs/tutorial.ipynb"


@pytest.fixture(scope="module")
def executed():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    folder = {"metadata": {"path": str(ROOT)}}
    return NotebookClient(notebook, timeout=300, kernel_name="python3", resources=folder).execute()


def printed(notebook, word):
    """The text that the code cell with a word in it printed."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and word in cell.source:
            return "".join(out.get("text", "") for out in cell.outputs)
    raise AssertionError(f"no cell with {word!r}")


@pytest.mark.slow
def test_the_tutorial_runs(executed):
    cells = [cell for cell in executed.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    share = float(printed(executed, "of the atoms are found").split("%")[0])
    assert share > 97
    assert "by the lattice" in printed(executed, "from latticework import predict")
    assert "warning:" in printed(executed, "noise")
    images = [out for cell in cells for out in cell.outputs if "image/png" in out.get("data", {})]
    assert len(images) == 2


def test_the_tutorial_is_kept_without_its_output():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
