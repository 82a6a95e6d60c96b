"""The page of an image: what it holds, and what a browser shows of it."""

import base64
import io
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from latticework.analysis.atoms.reading import Prediction
from latticework.analysis.atoms.summary import summary
from latticework.figures.page import histogram, save_page

# Written by a script of the page when plotly has drawn: numbers of marks of each figure.
READER = """<script>
window.addEventListener("load", () => setTimeout(() => {
  const said = document.createElement("pre");
  said.id = "seen";
  said.textContent = JSON.stringify({
    points: document.querySelectorAll("#picture .scatterlayer .point").length,
    images: document.querySelectorAll("#picture image").length,
    bars: document.querySelectorAll("#histogram0 .barlayer .point").length,
  });
  document.body.appendChild(said);
}, 1500));
</script>"""


def honeycomb(bond=1.42, side=30.0):
    """Atoms (n, 2) of a honeycomb in a square, Å."""
    a, b = np.sqrt(3) * bond, 3 * bond
    cells = np.stack(np.meshgrid(np.arange(40) * a, np.arange(30) * b), -1).reshape(-1, 1, 2)
    basis = np.array([[0, 0], [a / 2, bond / 2], [a / 2, 1.5 * bond], [0, 2 * bond]])
    places = (cells + basis).reshape(-1, 2) + 0.7
    return places[(places < side - 0.5).all(axis=1)]


@pytest.fixture(scope="module")
def found():
    places, sampling = honeycomb(), 0.2
    rng = np.random.default_rng(0)
    atoms = pd.DataFrame(
        {
            "x_angstrom": places[:, 0],
            "y_angstrom": places[:, 1],
            "x_px": places[:, 0] / sampling,
            "y_px": places[:, 1] / sampling,
            "probability": rng.uniform(0.5, 1, len(places)),
            "class": "C",
            "p_C": 1.0,
            "sigma_angstrom": 0.1,
            "frame": 0,
        }
    )
    frames = rng.poisson(50, (1, 150, 150)).astype(np.float32)
    mask = np.zeros(frames.shape, dtype=bool)
    mask[:, -10:] = True
    card = {
        "study": "graphene",
        "material": "graphene",
        "network": {"frames": 1, "name": "residual_unet"},
        "imaging": {"label_sigma": 0.35},
    }
    warnings = ["a bar at the bottom & <more>"]
    return Prediction(
        atoms, frames, sampling, "lattice", warnings, ("16-bit",), mask, card, (-2.0,)
    )


@pytest.fixture(scope="module")
def page(found, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "atoms.html"
    save_page(path, found, summary(found), sources=[path.with_name("frame.dm4")])
    return path


def test_the_measures_of_a_perfect_sheet(found):
    measured = summary(found)
    np.testing.assert_allclose(measured.distances, 1.42, atol=1e-6)
    assert measured.expected == 1.42
    assert len(measured.strain["xx"]) > 100
    np.testing.assert_allclose(measured.strain["xx"], 0, atol=1e-6)


def test_the_page_holds_all_and_asks_for_nothing(page, found):
    text = page.read_text()
    # plotly's own library names addresses in its texts; the page loads none.
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.https?:", text)
    assert "a bar at the bottom &amp; &lt;more&gt;" in text
    assert "0.2000 Å, by the lattice" in text
    assert "looks like the training" in text
    data = re.search(
        r'id="table" download="frame_atoms.csv" href="data:text/csv;base64,(.*?)"', text
    )
    table = pd.read_csv(io.BytesIO(base64.b64decode(data[1])))
    assert len(table) == len(found.atoms)
    np.testing.assert_allclose(table["x_angstrom"], found.atoms["x_angstrom"])


def test_a_page_without_atoms(found, tmp_path):
    nothing = Prediction(found.atoms[:0], found.frames, 0.2, "user", ["0 atoms"], card=found.card)
    save_page(tmp_path / "page.html", nothing, summary(nothing), sources=[])
    assert "0 atoms." in (tmp_path / "page.html").read_text()


def test_a_histogram_of_nothing_is_none_and_of_one_value_is_one():
    assert histogram(np.array([np.nan]), "Å", "bonds") is None
    assert histogram(np.array([1.42]), "Å", "bonds") is not None


def test_a_browser_draws_the_page(page, found, tmp_path):
    browser = next(filter(None, map(shutil.which, ["chromium", "chromium-browser"])), None)
    if browser is None:
        pytest.skip("no chromium (Debian's package of that name) to open the page in")
    start, end = page.read_text().rsplit("</body>", 1)
    read = tmp_path / "read.html"
    read.write_text(f"{start}{READER}</body>{end}")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}"]
    options += ["--virtual-time-budget=20000", "--dump-dom", read.as_uri()]
    done = subprocess.run(
        [browser, *options], capture_output=True, text=True, check=True, timeout=300
    )
    seen = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    assert seen, done.stderr[-2000:]
    assert f'"points":{len(found.atoms)}' in seen[1]
    assert '"images":1' in seen[1]
    assert '"bars":0' not in seen[1]
