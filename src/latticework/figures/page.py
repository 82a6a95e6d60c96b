"""One page on an image and its atoms, which opens in any browser, without a network."""

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from string import Template

import numpy as np
import plotly.graph_objects as go
from PIL import Image
from plotly.offline import get_plotlyjs
from scipy.stats import median_abs_deviation

from latticework.analysis.atoms.reading import Prediction
from latticework.analysis.atoms.summary import Summary
from latticework.shards import FLOAT_FORMAT, atomic

LARGEST = 2048  # px of the picture in the page, a side
MANY = 4000  # atoms above which they are drawn by the graphics card
SHOWN = 12  # rows of the table on the page; the file has all
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star")
INK, ACCENT = "#22303c", "#c1440e"
NO_SPECIMEN = (220, 40, 30)  # RGB

PAGE = Template("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>$title</title>
<meta name="viewport" content="width=device-width">
<style>
body {font: 15px/1.5 system-ui, sans-serif; color: #22303c; margin: 2em auto; max-width: 1180px;
  padding: 0 1.5em}
h1 {font-size: 1.5em; margin-bottom: 0.1em} h2 {font-size: 1.1em; margin: 1.6em 0 0.3em}
.warnings {background: #fdecd8; border-left: 5px solid #c1440e; padding: 0.4em 1em; margin: 1em 0}
.facts {display: grid; grid-template-columns: max-content auto; gap: 0.1em 1.2em}
.facts dt {color: #5b6b79} .facts dd {margin: 0}
.row {display: grid; gap: 1em; grid-template-columns: repeat(auto-fit, minmax(340px, 1fr))}
.row > div {min-width: 0; overflow: hidden}
table {border-collapse: collapse; font-size: 0.85em; font-variant-numeric: tabular-nums}
.scroll {overflow-x: auto} td, th {padding: 0.15em 0.8em; text-align: right}
th {border-bottom: 1px solid #aab} a.button {background: #22303c; color: white; padding: 0.4em 1em;
  border-radius: 4px; text-decoration: none}
</style>
<script>$plotly</script></head><body>
<h1>$title</h1>
<p>$found</p>
$warnings
<dl class="facts">$facts</dl>
<h2>Atoms on the image</h2>
$picture
<p>Draw a rectangle to zoom, double-click to see all again; a click on a name hides what it
names.</p>
<div class="row">$histograms</div>
<h2>Table</h2>
<p><a class="button" id="table" download="$table_name" href="data:text/csv;base64,$table">
All $rows rows, as CSV</a></p>
<div class="scroll">$preview</div>
<script>
// Figures were drawn before the page had its columns.
addEventListener("load", () => dispatchEvent(new Event("resize")));
</script>
</body></html>
""")


def save_page(
    path: str | Path, found: Prediction, measured: Summary, *, sources: Sequence[Path]
) -> None:
    """Write the page, atomically.

    Parameters
    ----------
    found, measured
        What was found, and the measures of the first image, which the page shows.
    sources
        The files that were read.
    """
    drawn = [histogram(measured.distances, "Å", measured.distances_are, measured.expected)]
    drawn.append(histogram(measured.atoms["probability"].to_numpy(), "", "probabilities"))
    for name, values in measured.strain.items():
        drawn.append(histogram(100 * values, "%", f"strain ε<sub>{name}</sub>", 0.0))
    for column in measured.atoms.columns:
        if str(column).startswith("residual"):
            drawn.append(histogram(measured.atoms[column].to_numpy(), "", str(column)))
    text = found.atoms.to_csv(index=False, float_format=FLOAT_FORMAT)
    name = Path(sources[0]).name if sources else "image"
    page = PAGE.substitute(
        title=html.escape(name),
        plotly=get_plotlyjs(),
        found=html.escape(sentence(found)),
        warnings=warned(found.warnings),
        facts="".join(
            f"<dt>{html.escape(term)}</dt><dd>{html.escape(value)}</dd>"
            for term, value in facts(found, sources)
        ),
        picture=division(picture(found, measured), "picture", buttons=True),
        histograms="".join(
            f"<div>{division(figure, f'histogram{number}')}</div>"
            for number, figure in enumerate(drawn)
            if figure is not None
        ),
        table_name=html.escape(f"{Path(name).stem}_atoms.csv"),
        table=base64.b64encode(text.encode()).decode(),
        rows=len(found.atoms),
        preview=found.atoms.head(SHOWN).to_html(index=False, border=0, float_format="%.3f"),
    )
    with atomic(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def sentence(found: Prediction) -> str:
    """How many atoms of which class, in words."""
    counts = found.atoms["class"].value_counts()
    parts = ", ".join(f"{number} {name}" for name, number in counts.items())
    images = "" if len(found.fields) == 1 else f" in {len(found.fields)} images; the first is shown"
    return f"{len(found.atoms)} atoms" + (f" ({parts})" if len(counts) else "") + images + "."


def facts(found: Prediction, sources: Sequence[Path]) -> list[tuple[str, str]]:
    """Terms and values for the head of the page."""
    ny, nx = found.frames.shape[-2:]
    size = f"{nx} × {ny} px, {nx * found.sampling / 10:.1f} × {ny * found.sampling / 10:.1f} nm"
    lines = [
        ("read from", ", ".join(str(path) for path in sources)),
        ("read as", f"{found.card['study']}, by its network {found.card['network']['name']}"),
        ("image", size),
        ("pixel", f"{found.sampling:.4f} Å, by the {found.sampling_source}"),
    ]
    if found.scores:
        said = "does not look like" if found.scores[0] > 0 else "looks like"
        score = f"score {found.scores[0]:+.1f}, familiar images stay below 0"
        lines.append(("familiarity", f"{said} the training ({score})"))
    if found.mask is not None:
        lines.append(("no specimen", f"{found.mask[0].mean():.1%} of the image, shaded red"))
    return lines + [("assumed", note) for note in found.notes]


def warned(warnings: Sequence[str]) -> str:
    """The box with the warnings, or nothing."""
    if not warnings:
        return ""
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in warnings)
    return f'<div class="warnings"><b>Doubtful</b><ul>{lines}</ul></div>'


def division(figure: go.Figure, name: str, buttons: bool = False) -> str:
    """A figure as a part of the page, which has the library once."""
    config = {"displaylogo": False, "responsive": True}
    config |= {"displayModeBar": buttons, "scrollZoom": buttons}
    return figure.to_html(
        full_html=False, include_plotlyjs=False, div_id=name, default_width="100%", config=config
    )


def picture(found: Prediction, measured: Summary) -> go.Figure:
    """The image to zoom into, with its atoms by class and probability; axes in Å."""
    image, pixel = found.fields[0], found.sampling
    ny, nx = image.shape
    low, high = np.percentile(image, (0.5, 99.5))
    grey = np.uint8(255 * np.clip((image - low) / max(high - low, 1e-30), 0, 1))
    figure = go.Figure()
    place = {
        "xref": "x",
        "yref": "y",
        "x": -pixel / 2,
        "y": -pixel / 2,
        "sizex": nx * pixel,
        "sizey": ny * pixel,
        "sizing": "stretch",
        "layer": "below",
    }
    colour = np.repeat(grey[..., None], 3, axis=-1)
    if found.mask is not None:
        masked = found.mask[0]
        colour[masked] = 0.6 * colour[masked] + 0.4 * np.array(NO_SPECIMEN)
    figure.add_layout_image(source=embedded(Image.fromarray(colour)), **place)
    kind = go.Scattergl if len(measured.atoms) > MANY else go.Scatter
    for number, (name, table) in enumerate(measured.atoms.groupby("class", sort=True)):
        figure.add_trace(
            kind(
                x=table["x_angstrom"].round(3),
                y=table["y_angstrom"].round(3),
                mode="markers",
                name=str(name),
                marker={
                    "color": table["probability"].round(3),
                    "coloraxis": "coloraxis",
                    "symbol": SYMBOLS[number % len(SYMBOLS)],
                    "size": 5,
                },
                customdata=table[["probability", "sigma_angstrom"]].round(3),
                hovertemplate=f"{html.escape(str(name))}: %{{customdata[0]}}<br>x %{{x}} Å, "
                "y %{y} Å<br>σ %{customdata[1]} Å<extra></extra>",
            )
        )
    figure.update_layout(
        height=min(900, 120 + round(1000 * ny / nx)),
        margin={"l": 50, "r": 10, "t": 10, "b": 40},
        template="simple_white",
        coloraxis={
            "colorscale": "Viridis",
            "cmin": 0,
            "cmax": 1,
            "colorbar": {"title": "probability"},
        },
        legend={"orientation": "h", "y": 1.06},
        showlegend=True,
        dragmode="zoom",
    )
    figure.update_xaxes(title="x, Å", range=[-pixel / 2, (nx - 0.5) * pixel], constrain="domain")
    figure.update_yaxes(
        title="y, Å",
        range=[(ny - 0.5) * pixel, -pixel / 2],
        scaleanchor="x",
        constrain="domain",
    )
    return figure


def embedded(image: Image.Image) -> str:
    """An image as a data address, PNG, not larger than a browser shows well."""
    image.thumbnail((LARGEST, LARGEST))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def histogram(
    values: np.ndarray, unit: str, title: str, expected: float | None = None
) -> go.Figure | None:
    """A histogram with its median, and a line at what is expected; None without values."""
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = np.percentile(values, (0.5, 99.5))
    # Values that are all the same, but for rounding, make one bar of a width that can be seen.
    least = 1e-3 * max(abs(low), 1e-3)
    low, high = (low, high) if high - low > least else (low - least, high + least)
    bins = min(60, 10 + len(values) // 10)
    heights, edges = np.histogram(values, bins=bins, range=(low, high))
    figure = go.Figure(
        go.Bar(
            x=0.5 * (edges[1:] + edges[:-1]),
            y=heights,
            width=np.diff(edges),
            marker_color=INK,
            hovertemplate=f"%{{x:.3f}} {unit}: %{{y}}<extra></extra>",
        )
    )
    if expected is not None:
        figure.add_vline(expected, line={"color": ACCENT, "width": 2})
    spread = median_abs_deviation(values, scale="normal")
    figure.update_layout(
        title={"text": f"{title}: {np.median(values):.3f} ± {spread:.3f} {unit}", "font_size": 14},
        height=280,
        margin={"l": 40, "r": 10, "t": 40, "b": 40},
        template="simple_white",
        bargap=0,
    )
    figure.update_xaxes(title=unit)
    return figure
