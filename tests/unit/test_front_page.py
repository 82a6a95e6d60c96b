"""The front page of a run holds its best figures and where the rest is."""

import subprocess
import sys

from checkout import ROOT
from PIL import Image

TOOL = ROOT / "scripts/tools/front_page.py"


def front_page(folder):
    return subprocess.run(
        [sys.executable, TOOL, folder], capture_output=True, text=True, check=False
    )


def test_six_figures_with_their_captions(tmp_path):
    names = ["graphene_flower_defect/defect", "graphene_dtu_hole/strain", "dose"]
    paths = [f"graphene/{name}" for name in names]
    paths += ["gold/gold_on_ceria_dtu/columns", "gold_heights/counting"]
    paths += ["diffraction/detection", "diffraction/triplets"]
    for path in paths:
        file = tmp_path / "figures" / f"{path}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (3000, 1000), "white").save(file)
    (tmp_path / "report.html").write_text("<html>")
    done = front_page(tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "index.html").read_text()
    assert text.count("<figure>") == 6
    assert "figures/graphene/graphene_flower_defect/defect.png" in text
    assert "graphene/dose.png" not in text  # the best six come first
    assert 'href="report.html"' in text
    assert "A closed loop of five- and seven-membered rings" in text
    assert "{{" not in text
    assert "{%" not in text


def test_a_run_without_figures_says_so(tmp_path):
    done = front_page(tmp_path)
    assert done.returncode == 1
    assert "none of the figures" in done.stderr
