"""The front page of a run: its six best figures, each with what it shows, and where the rest is.

    python scripts/tools/front_page.py results/demo

Writes index.html in that folder. Of the figures in the list the first six that the run has made
are taken; captions are the report's.
"""

import argparse
import base64
import html
import io
import re
import sys
from pathlib import Path

import yaml
from docutils.core import publish_parts
from jinja2 import Template
from PIL import Image

from latticework.shards import atomic

ROOT = Path(__file__).resolve().parents[2]
# Best first: study/dataset/figure, or study/figure.
BEST = (
    "graphene/graphene_flower_defect/defect",
    "graphene/graphene_dtu_hole/strain",
    "graphene/graphene_dtu_hole/probability",
    "gold/gold_on_ceria_dtu/columns",
    "gold_heights/counting",
    "diffraction/detection",
    "diffraction/triplets",
    "diffraction/strain_profiles",
    "graphene/dose",
    "gold/particles",
    "graphene/training_example",
)
NUMBER = 6
WIDEST = 1500  # px of a figure on the page
PAGE = Template(
    """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>latticework</title>
<meta name="viewport" content="width=device-width">
<style>
body {font: 16px/1.5 system-ui, sans-serif; color: #22303c; margin: 2em auto; max-width: 1240px;
  padding: 0 1.5em}
h1 {margin-bottom: 0} main {display: grid; gap: 1.5em;
  grid-template-columns: repeat(auto-fit, minmax(min(560px, 100%), 1fr))}
figure {margin: 0; border: 1px solid #d7dde3; border-radius: 6px; padding: 1em}
img {width: 100%; height: 360px; object-fit: contain} h2 {font-size: 1.05em; margin: 0.6em 0 0}
figcaption {font-size: 0.85em; color: #44525f} a.button {background: #22303c; color: white;
  padding: 0.4em 1em; border-radius: 4px; text-decoration: none}
</style></head><body>
<h1>atoms → images → network → atoms again</h1>
<p>Real micrographs and patterns, read by networks that have only ever seen simulated ones. A click
on a figure opens it in full.</p>
{% if report %}<p><a class="button" href="{{ report }}">The whole report</a></p>{% endif %}
<main>{% for figure in figures %}
<figure><a href="{{ figure.path }}"><img src="{{ figure.image }}" alt="{{ figure.title }}"></a>
<h2>{{ figure.title }}</h2><figcaption>{{ figure.caption }}</figcaption></figure>{% endfor %}
</main></body></html>
"""
)


def embedded(path: Path) -> str:
    """A figure as a data address, not larger than a page needs."""
    with Image.open(path) as image:
        image = image.convert("RGB")
    image.thumbnail((WIDEST, WIDEST))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def caption(name: str) -> str:
    """The first paragraph of a figure's caption in the report, as HTML without its templates."""
    text = (ROOT / f"report/{name}.rst").read_text(encoding="utf-8")
    text = re.sub(r"{%.*?%}|{{.*?}}", "", text, flags=re.DOTALL).strip()
    return publish_parts(text.split("\n\n")[0], writer="html5")["body"]


def front_page(folder: Path) -> int:
    """Write index.html of a run's folder; returns the number of figures on it."""
    titles = yaml.safe_load((ROOT / "report/figures.yaml").read_text(encoding="utf-8"))
    figures = []
    for entry in BEST:
        path = folder / "figures" / f"{entry}.png"
        if not path.is_file() or len(figures) == NUMBER:
            continue
        name = path.stem
        figures.append(
            {
                "path": path.relative_to(folder).as_posix(),
                "image": embedded(path),
                "title": html.escape(titles[name]["shows"]),
                "caption": caption(name),
            }
        )
    report = "report.html" if (folder / "report.html").is_file() else ""
    with atomic(folder / "index.html") as temporary:
        temporary.write_text(PAGE.render(figures=figures, report=report), encoding="utf-8")
    return len(figures)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="results/<run>")
    folder = parser.parse_args().folder
    if not front_page(folder):
        print(f"{folder}: has none of the figures", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
