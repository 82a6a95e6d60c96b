"""The report, in a real browser: every figure in its place, with its caption."""

import html
import json
import re
import shutil
import subprocess

import pytest
import yaml
from checkout import ROOT

# Opens every subcategory and every result of the report as a reader would, and writes what is
# shown into the page.
READER = """\
<script>
const seen = {errors: [], lists: {}, results: {}};
window.addEventListener("error", event => seen.errors.push(String(event.message)));
const pause = () => new Promise(resolve => setTimeout(resolve, 100));
(async () => {
  await pause();
  seen.start = document.body.innerText;
  for (const category of Object.keys(categories).sort()) {
    for (const subcategory of Object.keys(categories[category]).sort()) {
      app.setView({navbarMode: "category", category, subcategory});
      await pause();
      app.setView({navbarMode: "subcategory", category, subcategory});
      await pause();
      const rows = [...document.querySelectorAll("tbody tr")];
      seen.lists[`${category}|${subcategory}`] = rows.map(row => row.cells[0].innerText.trim());
      for (const path of categories[category][subcategory]) {
        app.showResultInfo(path);
        await pause();
        const shown = {text: document.body.innerText};
        if (path.endsWith(".png")) {
          app.setView({content: "img", contentPath: results[path].data_uri, resultPath: path});
          await pause();
          const pictures = [...document.querySelectorAll("img")];
          shown.width = Math.max(0, ...pictures.map(picture => picture.naturalWidth));
        }
        seen.results[path] = shown;
      }
    }
  }
  const found = document.createElement("pre");
  found.id = "seen";
  found.textContent = JSON.stringify(seen);
  document.body.appendChild(found);
})();
</script>
"""


@pytest.fixture(scope="module")
def seen(finished, tmp_path_factory):
    """What a browser shows of the finished run's report."""
    browser = next(filter(None, map(shutil.which, ["chromium", "chromium-browser"])), None)
    if browser is None:
        pytest.skip("no chromium (Debian's package of that name) to open the report in")
    folder = tmp_path_factory.mktemp("report")
    finished.run("--report", str(folder / "report.html"))
    # Scripts in the page have the words "</body>" in them, too.
    start, end = (folder / "report.html").read_text().rsplit("</body>", 1)
    (folder / "read.html").write_text(f"{start}{READER}</body>{end}")
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}"]
    options += ["--virtual-time-budget=60000", "--dump-dom", (folder / "read.html").as_uri()]
    done = subprocess.run(
        [browser, *options], capture_output=True, text=True, check=True, timeout=300
    )
    found = re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    return json.loads(html.unescape(found[1]))


def test_the_report_opens_without_an_error(seen):
    assert seen["errors"] == []
    assert "atoms → images → network → atoms again" in " ".join(seen["start"].split()).lower()


def test_figures_are_in_the_order_of_the_papers(seen):
    lists = {tuple(key.split("|")): figures for key, figures in seen["lists"].items()}
    graphene = next(study for study, _ in lists if "HRTEM" in study)
    assert [section for study, section in sorted(lists) if study == graphene] == [
        *("1 Training", "2 Scores", "3 Real data", "5 Data"),
    ]
    assert lists[graphene, "1 Training"][:2] == [
        "Madsen 2018, Fig. 4: How a training structure is made",
        "Madsen 2018, Fig. 5: From structure to image, label and prediction",
    ]
    for figures in lists.values():
        of_papers = [name for name in figures if "Fig." in name]
        assert figures[: len(of_papers)] == sorted(of_papers)
        assert not any("Supplement, Supplement" in name for name in figures)


def test_sections_are_the_same_in_every_study_and_explained(seen):
    table = yaml.safe_load((ROOT / "report/figures.yaml").read_text())
    known = {row["section"] for row in table.values()}
    shown = {section for _, section in (key.split("|") for key in seen["lists"])}
    assert shown <= known
    # A number stands for one section.
    assert len({section.split()[0] for section in known}) == len(known)
    for section in known:
        assert section.split(maxsplit=1)[1].lower() in " ".join(seen["start"].split()).lower()


def test_every_figure_is_shown_with_its_caption(seen, finished):
    figures = [path for path in seen["results"] if path.endswith(".png")]
    made = (finished.folder / "results/tiny/figures").rglob("*.png")
    assert sorted(figures) == sorted(str(path.relative_to(finished.folder)) for path in made)
    for path in figures:
        assert seen["results"][path]["width"] > 400, path
        assert "How to judge it" in seen["results"][path]["text"], path
