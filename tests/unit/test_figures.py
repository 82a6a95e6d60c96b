"""Every figure draws from small made-up data, without warnings and the same bytes each time."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest

from latticework import shards
from latticework.analysis.lattice import bond_table, faces
from latticework.analysis.strain import strain as strain_of
from latticework.config import GrapheneSheets
from latticework.figures import gallery, gold, graphene, scores, style, training
from latticework.figures.pictures import Frame, Pictures, read_pictures
from latticework.seeds import stream
from latticework.structures.graphene import graphene as make_graphene
from latticework.structures.graphene import stages

PIXEL = 0.25
EMPTY = pd.DataFrame({"x_angstrom": [], "y_angstrom": [], "probability": [], "frame": []})
EARLY = [
    "box",
    "density",
    "seed_separation",
    "crystalline",
    "grains",
    "lloyd_steps",
    "holes",
    "hole_radius",
]
CHECKS = ["dataset", "frame", "picture", "quantity", "value", "unit"]


@pytest.fixture(autouse=True)
def _coarse(monkeypatch):
    monkeypatch.setitem(style.STYLE, "savefig.dpi", 40)


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Of files that earlier tests left open, whenever they are collected.
        warnings.simplefilter("ignore", ResourceWarning)
        yield


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def sheet(side=30.0):
    """Atoms (n, 2) of graphene in a square field, Å."""
    cell = np.array([np.sqrt(3) * 1.42, 3 * 1.42])
    basis = np.array([[0, 0], [0.5, 1 / 6], [0.5, 0.5], [0, 2 / 3]])
    corners = np.array([(i, j) for i in range(20) for j in range(10)])
    positions = (corners[:, None] + basis).reshape(-1, 2) * cell + 0.4
    return positions[(positions < side).all(axis=1)]


def frame(rng, mask=None, sampling=PIXEL):
    image = rng.normal(1, 0.1, (120, 120)).astype(np.float32)
    known = np.isfinite(sampling)
    return Frame("made_up.tif", image, sampling, image / 2 if known else None, 0.25, mask, ("oh",))


def pictures(*frames, skipped="", region=(20, 20, 100, 90)):
    return Pictures("Made up", skipped, list(frames), region, np.array([[40.0, 40.0]]))


def tables(rng):
    """Atoms with strain and probability, and their bonds."""
    positions = sheet() + rng.normal(0, 0.03, sheet().shape)
    here = pd.DataFrame(positions, columns=["x_angstrom", "y_angstrom"])
    atoms = pd.concat([here, strain_of(positions)], axis=1)
    atoms = atoms.assign(frame=0, probability=rng.uniform(0, 1, len(atoms)))
    return atoms, bond_table(positions)


def checks(count):
    rows = []
    for number in range(count):
        for quantity, value in (
            ("masked area", 2.0),
            (gallery.INSIDE, 0.3 * number),
            (gallery.OUTSIDE, 30.0),
        ):
            rows.append(("set", number, f"picture_{number}.png", quantity, value, "1/nm²"))
    return pd.DataFrame(rows, columns=CHECKS)


def score_tables(doses, defocus):
    rows = [
        {"dose": d, "defocus": f, "group": g, "precision": 0.9, "recall": 0.8, "f1": 0.85}
        | {"rms": 3 / np.sqrt(d)}
        for d in doses
        for f in defocus
        for g in ("covered", "hexagonal", "other")
    ]
    limits = [
        {"dose": d, "defocus": f, "bound": 2 / np.sqrt(d), "within_radius": 1.0}
        | {"detectability": np.sqrt(d) / 10, "attainable": d >= 3e3}
        for d in doses
        for f in defocus
    ]
    return pd.DataFrame(rows), pd.DataFrame(limits)


def render(drawn, folder, meaningful=True):
    """Save a figure; the text of its SVG, with the letters that are drawn as comments."""
    paths = [folder / f"figure.{ending}" for ending in ("svg", "png", "csv")]
    style.save(drawn, *paths, meaningful=meaningful)
    assert paths[1].read_bytes().startswith(b"\x89PNG")
    assert paths[2].read_text().strip()
    return paths[0].read_text()


def comments(svg):
    """The words in a figure: matplotlib writes each text as a comment beside its outlines."""
    return " ".join(re.findall(r"<!-- (.*?) -->", svg, flags=re.DOTALL))


def reading(study, picture, columns, inside):
    """What a study finds: columns in a row, so many of them in an outline."""
    atoms = pd.DataFrame({"x_angstrom": np.arange(columns), "y_angstrom": 3.0, "frame": 0})
    values = {"columns in outline 1": inside, "columns outside of the outlines": columns - inside}
    found = pd.DataFrame({"quantity": values.keys(), "value": values.values(), "unit": "1"})
    return gold.Reading(study, picture, atoms, found)


def test_comparison_of_two_studies(tmp_path, rng):
    shown = pictures(frame(rng))
    readings = [reading("gold", shown, 12, 11), reading("gold_bare", shown, 25, 10)]
    outline = np.array([[10, 10], [60, 10], [40, 60]])
    figure, table = gold.comparison(readings, [outline])
    words = comments(render((figure, table), tmp_path))
    assert "gold: network 12 columns, 1 of them" in words
    assert "gold_bare: network 25 columns, 15 of them" in words
    assert {"11", "10"} <= {text.get_text() for ax in figure.axes for text in ax.texts}
    bare = table[table["study"] == "gold_bare"].set_index("quantity")["value"]
    assert bare["columns in outline 1"] == 10
    without = pictures(skipped="not to be had")
    notice, _ = gold.comparison([reading("gold", without, 0, 0)] * 2, [outline])
    assert "not to be had" in comments(render((notice, table), tmp_path))


def test_structures(tmp_path):
    parameters = GrapheneSheets(box=24.0, holes=(2, 2), contamination=(1, 1)).model_dump()
    made = stages(stream(1, "figure", 0), **{name: parameters[name] for name in EARLY})
    atoms = make_graphene(stream(1, "figure", 0), **parameters)
    assert "2 holes" in comments(render(training.structures(made, atoms), tmp_path))


def test_stages_are_those_of_the_structure():
    parameters = GrapheneSheets(box=24.0, disorder=0.0).model_dump()
    made = stages(stream(1, "figure", 0), **{name: parameters[name] for name in EARLY})
    atoms = make_graphene(stream(1, "figure", 0), **parameters)
    sheet_atoms = atoms.positions[atoms.arrays["sheet"], :2]
    np.testing.assert_array_equal(sheet_atoms, made.positions[made.keep])


def test_training_example(tmp_path, rng):
    atoms = make_graphene(stream(1, "figure", 1), box=24.0, contamination=(1, 1))
    maps = rng.uniform(0, 1, (3, 96, 96))
    drawn = training.training_example(atoms, *maps, 0.25, "10000 e/Å²")
    assert "10000" in comments(render(drawn, tmp_path))


def test_peaks(tmp_path, rng):
    atoms, _ = tables(rng)
    _, table = drawn = graphene.peaks(pictures(frame(rng)), atoms, (0, 20, 80, 100), (0.01, 0.5))
    assert set(table["layer"]) == {"candidates"}
    assert len(table) == len(graphene.within(atoms, frame(rng).box((0, 20, 80, 100))))
    assert "peaks" in comments(render(drawn, tmp_path))


def test_strain(tmp_path, rng):
    atoms, bonds = tables(rng)
    statistics = {"mean bond": 1.42, "SD of bonds": 0.05}
    drawn = graphene.strain(pictures(frame(rng)), atoms, bonds, statistics)
    words = comments(render(drawn, tmp_path))
    assert "clean region: 1.420 Å, SD 0.050 Å" in words


def test_strain_without_a_clean_region(tmp_path, rng):
    atoms, bonds = tables(rng)
    drawn = graphene.strain(pictures(frame(rng), region=None), atoms, bonds, {})
    assert "clean region" not in comments(render(drawn, tmp_path))


def test_defect(tmp_path, rng):
    atoms, bonds = tables(rng)
    ends = bonds[["first", "second"]].to_numpy()
    rings = graphene.ring_polygons(graphene.xy(atoms), *faces(graphene.xy(atoms), ends))
    assert set(rings) == {6}
    assert all(corners.shape == (6, 2) for corners in rings[6])
    drawn = graphene.defect(pictures(frame(rng)), atoms, bonds, rings, sheet())
    assert f"6-rings: {len(rings[6])}" in comments(render(drawn, tmp_path))


def test_contamination(tmp_path, rng):
    mask = np.zeros((120, 120), dtype=np.uint8)
    mask[40:80, 30:70] = 1
    frames = [frame(rng, mask), frame(rng, np.zeros_like(mask)), frame(rng, sampling=np.nan)]
    atoms, _ = tables(rng)
    drawn = gallery.contamination(pictures(*frames), atoms, checks(2), range(3))
    words = comments(render(drawn, tmp_path))
    assert "30.0 nm" in words
    assert "not read" in words
    assert len(drawn[1]) == 2


def test_contamination_densities(tmp_path):
    _, table = drawn = gallery.contamination_densities("Made up", "", checks(5))
    assert list(table[gallery.INSIDE]) == pytest.approx([0, 0.3, 0.6, 0.9, 1.2])
    assert "pristine" in comments(render(drawn, tmp_path))


def test_out_of_distribution(tmp_path, rng):
    frames = [pd.DataFrame({"warnings": ["no lattice here"]}), pd.DataFrame({"warnings": [np.nan]})]
    sets = [pictures(frame(rng, sampling=np.nan)), pictures(frame(rng))]
    drawn = gallery.out_of_distribution(sets, [EMPTY, tables(rng)[0]], frames)
    words = comments(render(drawn, tmp_path))
    assert "no lattice here" in words
    assert "no warning" in words


@pytest.mark.parametrize(
    ("doses", "defocus"), [([1e3, 1e4, 1e5], [-100, -50, 0]), ([1e4], [-80]), ([1e2], [0])]
)
def test_dose(tmp_path, doses, defocus):
    _, table = drawn = scores.dose(*score_tables(doses, defocus))
    assert table.loc[table["dose"] == doses[-1], "attainable"].eq(doses[-1] > 1e3).all()
    assert "hexagonal" in comments(render(drawn, tmp_path))


def test_training_curve(tmp_path):
    log = pd.DataFrame({"step": [1, 2], "learning_rate": 1e-3, "loss": [0.5, 0.4]})
    drawn = scores.training_curve(log.assign(held_out_loss=[np.nan, 0.45]))
    assert "held-out" in comments(render(drawn, tmp_path))


def test_no_atoms_at_all(tmp_path, rng):
    one = pictures(frame(rng))
    none = EMPTY.assign(planar=EMPTY["frame"])
    bonds = bond_table([])
    render(graphene.peaks(one, none, (0, 0, 50, 50), (0.01, 0.5)), tmp_path)
    render(graphene.strain(one, none, bonds, {"mean bond": np.nan, "SD of bonds": 1}), tmp_path)
    rings = graphene.ring_polygons(np.empty((0, 2)), *faces([], []))
    render(graphene.defect(one, none, bonds, rings, np.empty((0, 2))), tmp_path)
    render(gallery.contamination(one, none, checks(0), range(1)), tmp_path)
    render(scores.dose(*(table.iloc[:0] for table in score_tables([1], [1]))), tmp_path)
    log = pd.DataFrame({"step": [], "learning_rate": [], "loss": [], "held_out_loss": []})
    render(scores.training_curve(log), tmp_path)


@pytest.mark.parametrize("why", ["skipped", "unknown pixel"])
def test_says_why_there_is_nothing(tmp_path, rng, why):
    given = pictures(skipped="no such address")
    if why == "unknown pixel":
        given = pictures(frame(rng, sampling=np.nan))
    expected = "no such address" if why == "skipped" else "oh"
    drawings = [
        graphene.peaks(given, EMPTY, (0, 0, 50, 50), (0.01, 0.5)),
        graphene.strain(given, EMPTY, bond_table([]), {}),
        graphene.defect(given, EMPTY, bond_table([]), {}, np.empty((0, 2))),
        gallery.contamination(given, EMPTY, checks(0), range(len(given.frames))),
        gallery.contamination_densities("Made up", given.problem, checks(0)),
        gallery.out_of_distribution([given], [EMPTY], [pd.DataFrame({"warnings": ["oh"]})]),
    ]
    for drawn in drawings:
        assert expected in comments(render(drawn, tmp_path))


def test_the_same_bytes_twice(tmp_path):
    first = render(gallery.contamination_densities("Made up", "", checks(3)), tmp_path)
    assert first == render(gallery.contamination_densities("Made up", "", checks(3)), tmp_path)


def test_raster_layers_give_the_same_bytes_twice(tmp_path, rng):
    one, (atoms, _) = pictures(frame(rng)), tables(rng)
    first = render(graphene.peaks(one, atoms, (0, 0, 90, 90), (0.01, 0.5)), tmp_path)
    assert first == render(graphene.peaks(one, atoms, (0, 0, 90, 90), (0.01, 0.5)), tmp_path)


@pytest.mark.parametrize("meaningful", [True, False])
def test_a_figure_says_when_its_numbers_mean_nothing(tmp_path, meaningful):
    svg = render(style.notice("Made up", "a test"), tmp_path, meaningful)
    assert ('id="meaningless"' in svg) is not meaningful


def test_pictures_lie_as_on_the_camera(rng):
    figure, _ = graphene.peaks(pictures(frame(rng)), EMPTY, (10, 20, 60, 70), (0.01, 0.5))
    for ax in figure.axes[:4]:
        assert ax.get_xlim()[0] < ax.get_xlim()[1]
        assert ax.get_ylim()[0] > ax.get_ylim()[1]
    left, right, bottom, top = figure.axes[0].images[0].get_extent()
    assert (left, top) == pytest.approx(((9 - 0.5) * PIXEL, (19 - 0.5) * PIXEL))
    assert right > left
    assert bottom > top


def test_read_pictures(tmp_path):
    image = shards.Array(np.ones((4, 4), dtype=np.float32), "counts", ("y", "x"))
    arrays = {
        "image_0000": image,
        "image_0001": image,
        "sampling": shards.Array(np.array([0.2, np.nan]), "Å", ("frame",)),
    }
    entry = {"title": "Two", "region": [0, 0, 2, 2]}
    attributes = {"names": ["a", "b"], "warnings": [[], ["oh"]], "skipped": "", "entry": entry}
    shards.write(tmp_path / "d.h5", "dataset", arrays, attributes)
    maps = {
        "map_sampling": shards.Array(np.float64(0.25), "Å", ()),
        "map_0000": shards.Array(np.full((2, 3, 3), 0.25), "1", ("class", "y", "x")),
    }
    shards.write(tmp_path / "m.h5", "maps", maps, {})
    read = read_pictures(tmp_path / "d.h5", tmp_path / "m.h5")
    assert read.problem == ""
    assert read.frames[0].foreground[0, 0] == 0.75
    assert read.frames[1].foreground is None
    assert read.frames[1].warnings == ("oh",)
