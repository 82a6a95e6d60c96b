"""Every figure draws from small synthetic data, without warnings and the same bytes each time."""

import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from latticework import materials, shards
from latticework.analysis.atoms.bonds_and_rings import bond_table, material_bonds, ring_table
from latticework.analysis.atoms.template_strain import strain_table
from latticework.figures import atoms as drawn_atoms
from latticework.figures import columns, gallery, scores, style
from latticework.figures.construction import construction
from latticework.figures.counting import (
    confusion_and_reliability,
    errors_against_dose,
    errors_in_place,
    method,
    read_series,
)
from latticework.figures.movies import Film, dynamics
from latticework.figures.one_network import one_network
from latticework.figures.order_maps import order_maps
from latticework.figures.panels import Images, Panel, read_images
from latticework.figures.training import training_example
from latticework.structures import graphene as generator

PIXEL = 0.25
GRAPHENE = materials.load("graphene")
GOLD = materials.load("gold")
EMPTY = pd.DataFrame({"x_angstrom": [], "y_angstrom": [], "probability": [], "frame": []})
NO_BONDS = bond_table(np.empty((0, 2)), np.empty((0, 2), dtype=int))
NO_RINGS = ring_table(np.empty((0, 2)), np.empty((0, 2), dtype=int))
SHEET = {"box": 24.0, "holes": [2, 2], "contamination": [1, 1]}
WINDOW = (0, 20, 80, 100)
CHECKS = ["dataset", "frame", "image", "quantity", "value", "unit"]


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
    return Panel(
        "synthetic.tif", image, sampling, image / 2 if known else None, 0.25, mask, ("oh",)
    )


def images(*frames, skipped="", region=(20, 20, 100, 90)):
    return Images("Synthetic", skipped, list(frames), region, np.array([[40.0, 40.0]]))


def tables(rng):
    """Atoms with strain and probability, and their bonds."""
    positions = sheet() + rng.normal(0, 0.03, sheet().shape)
    atoms = strain_table(positions, GRAPHENE.template)
    atoms = atoms.assign(frame=0, probability=rng.uniform(0, 1, len(atoms)))
    ends = material_bonds(positions, ["C"] * len(positions), GRAPHENE.bonds)
    return atoms, bond_table(positions, ends)


def checks(count):
    rows = []
    for number in range(count):
        for quantity, value in (
            ("masked area", 2.0),
            (gallery.INSIDE, 0.3 * number),
            (gallery.OUTSIDE, 30.0),
        ):
            rows.append(("set", number, f"image_{number}.png", quantity, value, "1/nm²"))
    return pd.DataFrame(rows, columns=CHECKS)


def score_tables(doses, defocus, classes=("all",), groups=("covered", "hexagonal", "other")):
    rows = [
        {"dose": d, "defocus": f, "class": name, "group": g, "precision": 0.9, "recall": 0.8}
        | {"f1": 0.85, "rms": 3 / np.sqrt(d)}
        for d in doses
        for f in defocus
        for name in classes
        for g in groups
    ]
    limits = [
        {"dose": d, "defocus": f, "bound": 2 / np.sqrt(d), "within_radius": 1.0}
        | {"detectability": np.sqrt(d) / 10, "attainable": d >= 3e3}
        for d in doses
        for f in defocus
    ]
    return pd.DataFrame(rows), pd.DataFrame(limits)


def render(drawn, folder, meaningful=True):
    """Save a figure as a rule would; the text of its SVG."""
    paths = {ending: folder / f"figure.{ending}" for ending in ("svg", "png", "csv")}
    style.save_all(drawn, SimpleNamespace(**paths), meaningful=meaningful)
    assert paths["png"].read_bytes().startswith(b"\x89PNG")
    assert paths["csv"].read_text().strip()
    return paths["svg"].read_text()


def words(drawn):
    """Titles, labels and notes of a figure, in one line."""
    figure, _ = drawn
    texts = [text.get_text() for text in figure.texts]
    for ax in figure.axes:
        texts += [ax.get_title(), ax.get_title(loc="left"), ax.get_xlabel(), ax.get_ylabel()]
        texts += [text.get_text() for text in ax.texts]
        if ax.get_legend():
            texts += [text.get_text() for text in ax.get_legend().get_texts()]
    return " ".join(" ".join(texts).split())


def reading(study, image, count, inside):
    """What a study finds: columns in a row, `inside` of them in an outline."""
    atoms = pd.DataFrame({"x_angstrom": np.arange(count), "y_angstrom": 3.0, "frame": 0})
    values = {"columns in outline 1": inside, "columns outside of the outlines": count - inside}
    found = pd.DataFrame({"quantity": values.keys(), "value": values.values(), "unit": "1"})
    return columns.Reading(study, image, atoms, found)


def example(number, rng):
    """Arrays and attributes of a file of held-out particles."""
    names = [f"particle {i}" for i in range(number)]
    positions = [rng.uniform(5, 25, (6, 2)) for _ in names]
    arrays = {
        "box": np.array(30.0),
        "sampling": np.array(0.25),
        "map_sampling": np.array(0.25),
        "positions": positions,
        "counts": [np.arange(1, 7) for _ in names],
        "found": [np.empty((0, 2)), *positions[1:]],
        "image": rng.uniform(0, 1, (number, 120, 120)),
        "foreground": rng.uniform(0, 1, (number, 120, 120)),
    }
    return arrays, {"titles": names}


def series(rng):
    """Arrays and attributes of a file of counted columns: three images, three classes."""
    quantities = ["x_angstrom", "y_angstrom", "truth", "counted", "p_1", "p_2", "p_3"]
    one = [[5.0, 5, 1, 1, 0.8, 0.1, 0.1], [10, 5, 2, 3, 0.1, 0.4, 0.5], [5, 10, 3, 0, 0, 0, 0]]
    arrays = {
        "dose": np.array([1e4, 1e3]),
        "defocus": np.array([-170.0, -40, 90]),
        "sampling": np.array(0.25),
        "map_sampling": np.array(0.25),
        "columns": np.array([one, one]),
        "images": rng.uniform(0, 1, (2, 3, 64, 64)),
        "probabilities": rng.uniform(0, 1, (2, 4, 64, 64)),
        "segments": rng.integers(0, 4, (2, 64, 64)),
    }
    return arrays, {"quantities": quantities}


def test_comparison_of_two_studies(tmp_path, rng):
    shown = images(frame(rng))
    readings = [reading("first", shown, 12, 11), reading("second", shown, 25, 10)]
    outline = np.array([[10, 10], [60, 10], [40, 60]])
    _, table = drawn = columns.comparison(readings, [outline])
    said = words(drawn)
    assert "12 columns, 1 of them" in said
    assert "25 columns, 15 of them" in said
    assert {"11", "10"} <= set(said.split())
    second = table[table["study"] == "second"].set_index("quantity")["value"]
    assert second["columns in outline 1"] == 10
    render(drawn, tmp_path)
    without = images(skipped="not to be had")
    notice, _ = columns.comparison([reading("first", without, 0, 0)] * 2, [outline])
    assert "not to be had" in words((notice, table))


def test_construction(tmp_path):
    made = generator.construction(SHEET, GRAPHENE, 1, "study")
    drawn = construction({name: array.data for name, array in made.items()})
    assert f"{len(made['holes'].data)} holes" in words(drawn)
    render(drawn, tmp_path)


def test_stages_are_those_of_the_structure():
    given = SHEET | {"disorder": (0, 0)}
    made = generator.construction(given, GRAPHENE, 1, "study")
    arrays = {name: array.data for name, array in made.items()}
    final = arrays["final"][arrays["specimen"], :2]
    np.testing.assert_array_equal(final, arrays["positions"][arrays["keep"]])
    # The structure of the training that has this number.
    number = int(arrays["structure"])
    (grown,) = generator.make_shard(given, GRAPHENE, 1, "study", "train", range(number, number + 1))
    np.testing.assert_array_equal(grown.positions, arrays["final"])


def test_training_example(tmp_path, rng):
    made = generator.construction(SHEET, GRAPHENE, 1, "study")
    maps = dict(zip(("image", "label", "prediction"), rng.uniform(0, 1, (3, 96, 96)), strict=True))
    atoms = {name: made[name].data for name in ("box", "specimen", "visible")}
    arrays = atoms | maps | {"positions": made["final"].data, "map_sampling": np.array(0.25)}
    drawn = training_example(arrays, {"dose": 1e4, "defocus": -60.0})
    assert "10,000 e/Å², defocus −60 Å" in words(drawn)
    render(drawn, tmp_path)


def test_particles(tmp_path, rng):
    _, table = drawn = columns.particles(*columns.read_examples(*example(2, rng)))
    assert table["atoms"].tolist() == [*range(1, 7)] * 2
    assert "particle 1" in words(drawn)
    render(drawn, tmp_path)


def test_real_columns(tmp_path, rng):
    atoms = pd.DataFrame({"x_angstrom": [5.0, 9], "y_angstrom": 6.0, "frame": [0, 1]})
    shown = images(frame(rng), frame(rng), frame(rng, sampling=np.nan))
    figure, _ = drawn = columns.real_columns(
        shown, atoms, [np.array([[10, 10], [60, 10], [9, 60]])]
    )
    assert words(drawn).count("1 columns") == 2
    assert len(figure.axes) == 2 * 3 + 1
    render(drawn, tmp_path)


def test_counted_columns(tmp_path, rng):
    first, second = read_series(*series(rng))
    assert first.dose > second.dose
    _, table = drawn = method(first)
    assert table["counted"].tolist() == [1, 3, 0]
    assert "counted; 1 of 3 wrong" in words(drawn)
    render(drawn, tmp_path)
    # A column that is not found is wrong.
    drawn = errors_in_place(first)
    assert "10,000 e/Å²: 2 of 3 wrong" in words(drawn)
    render(drawn, tmp_path)


def test_errors_of_counting(tmp_path):
    kinds = {"off_by_1": 0.1, "off_by_2": 0.0, "off_by_3_or_more": 0.0, "missed": 0.1}
    groups = ["aligned", "tilted"] * 2
    errors = pd.DataFrame({"dose": [1e3, 1e3, 1e4, 1e4], "group": groups, "exact": 0.8} | kinds)
    bounds = pd.DataFrame({"dose": 1e3, "group": ["aligned"] * 2, "error": [0.1, 0.3]})
    _, table = drawn = errors_against_dose(errors, bounds)
    assert table.query("group == 'aligned' and dose == 1e3")["bound"].item() == pytest.approx(0.2)
    render(drawn, tmp_path)


def test_reliability(tmp_path):
    confusion = pd.DataFrame({"dose": 1e3, "truth": [1, 2], "counted": [1, 1], "columns": [4, 2]})
    statements = {"stated": [0.2, 0.8], "observed": [0.3, 0.9], "sigma": 0.02}
    reliability = pd.DataFrame({"group": ["aligned", "tilted"]} | statements)
    drawn = confusion_and_reliability(confusion, reliability, [1e3])
    assert "stated probability" in words(drawn)
    render(drawn, tmp_path)


def test_dynamics(tmp_path, rng):
    sites = {"x_angstrom": [3.0, 6], "y_angstrom": 4.0, "occupancy": [0.4, 1], "events": [0.2, 0]}
    rates = {"kind": ["raw", "corrected"], "rate": [1.1, 0.6], "low": 0.5, "high": [1.2, 0.7]}
    film = Film(
        "A movie", rng.uniform(0, 1, (40, 40)), 0.25, pd.DataFrame(sites), pd.DataFrame(rates)
    )
    _, table = drawn = dynamics([film, film])
    assert "0.60 (0.50 to 0.70) per frame, raw 1.10" in words(drawn)
    assert len(table) == 4
    render(drawn, tmp_path)
    assert "no movies" in words(dynamics([]))


def test_probability(tmp_path, rng):
    atoms, _ = tables(rng)
    _, table = drawn = drawn_atoms.probability(images(frame(rng)), atoms, WINDOW, (0.01, 0.5))
    assert set(table["layer"]) == {"candidates"}
    assert len(table) == len(drawn_atoms.within(atoms, frame(rng).box(WINDOW)))
    assert "probability ≥ 0.5" in words(drawn)
    render(drawn, tmp_path)
    _, whole = drawn_atoms.probability(images(frame(rng)), atoms, None, (0.01, 0.5))
    assert len(whole) > len(table)


def test_strain(tmp_path, rng):
    atoms, bonds = tables(rng)
    statistics = {"mean bond": 1.42, "SD of bonds": 0.05}
    drawn = drawn_atoms.strain(images(frame(rng)), atoms, bonds, statistics, GRAPHENE)
    assert "clean region: 1.420 Å, SD 0.050 Å" in words(drawn)
    assert "graphene, 1.42 Å" in words(drawn)
    render(drawn, tmp_path)


def test_strain_without_a_clean_region(tmp_path, rng):
    atoms, bonds = tables(rng)
    drawn = drawn_atoms.strain(images(frame(rng), region=None), atoms, bonds, {}, GRAPHENE)
    assert "clean region" not in words(drawn)
    render(drawn, tmp_path)


def test_defect(tmp_path, rng):
    atoms, bonds = tables(rng)
    ends = bonds[["first", "second"]].to_numpy()
    rings = ring_table(drawn_atoms.xy(atoms), ends)
    polygons = drawn_atoms.ring_polygons(rings)
    assert set(polygons) == {6}
    assert all(corners.shape == (6, 2) for corners in polygons[6])
    reference = pd.DataFrame(sheet(), columns=["x_angstrom", "y_angstrom"])
    drawn = drawn_atoms.defect(images(frame(rng)), atoms, bonds, rings, reference)
    assert f"6-rings: {len(polygons[6])}" in words(drawn)
    render(drawn, tmp_path)


def test_contamination(tmp_path, rng):
    mask = np.zeros((120, 120), dtype=np.uint8)
    mask[40:80, 30:70] = 1
    frames = [frame(rng, mask), frame(rng, np.zeros_like(mask)), frame(rng, sampling=np.nan)]
    atoms, _ = tables(rng)
    drawn = gallery.contamination(images(*frames), atoms, checks(2))
    assert "0.3 | 30.0 nm" in words(drawn)
    assert "not read" in words(drawn)
    assert len(drawn[1]) == 2
    render(drawn, tmp_path)


def test_contamination_densities(tmp_path):
    _, table = drawn = gallery.contamination_densities("Synthetic", "", checks(5), 38.2)
    assert list(table[gallery.INSIDE]) == pytest.approx([0, 0.3, 0.6, 0.9, 1.2])
    assert "pristine" in words(drawn)
    render(drawn, tmp_path)


def test_out_of_distribution(tmp_path, rng):
    frames = [pd.DataFrame({"warnings": ["no lattice here"]}), pd.DataFrame({"warnings": [np.nan]})]
    sets = [images(frame(rng, sampling=np.nan)), images(frame(rng))]
    drawn = gallery.out_of_distribution(sets, [EMPTY, tables(rng)[0]], frames)
    assert "no lattice here" in words(drawn)
    assert "no warning" in words(drawn)
    render(drawn, tmp_path)


@pytest.mark.parametrize(
    ("doses", "defocus"), [([1e3, 1e4, 1e5], [-100, -50, 0]), ([1e4], [-80]), ([1e2], [0])]
)
def test_dose(tmp_path, doses, defocus):
    _, table = drawn = scores.dose(*score_tables(doses, defocus), GRAPHENE)
    assert table.loc[table["dose"] == doses[-1], "attainable"].eq(doses[-1] > 1e3).all()
    assert "F1, hexagonal atoms" in words(drawn)
    assert "covered" not in words(drawn)
    render(drawn, tmp_path)


def test_dose_shows_the_classes_of_a_material_without_groups(tmp_path):
    layer = GOLD.model_copy(
        update={"groups": [materials.Group(name="all", title="atoms")], "classes": {"a": "heavy"}}
    )
    tables_of_both = score_tables([1e3, 1e4], [-80], classes=("all", "a", "b"), groups=("all",))
    drawn = scores.dose(*tables_of_both, layer)
    assert {"heavy", "b"} <= set(words(drawn).split())
    render(drawn, tmp_path)


def test_networks_on_foreign_materials(tmp_path):
    rows = [
        {"network": network, "images": images, "f1": 0.4 + 0.6 * (network == images), "foreign": f}
        for network, f in (("first", np.nan), ("second", 0.5))
        for images in ("first", "second")
    ]
    figure, table = drawn = scores.cross_domain(pd.DataFrame(rows))
    assert len(table) == 4
    assert {"1.00", "0.40", "0.50", "–"} <= {text.get_text() for text in figure.axes[0].texts} | {
        text.get_text() for text in figure.axes[1].texts
    }
    render(drawn, tmp_path)


def test_training_curves_of_all_networks(tmp_path):
    log = pd.DataFrame({"step": [1, 2], "learning_rate": 1e-3, "loss": [0.5, 0.4]})
    log = log.assign(held_out_loss=[np.nan, 0.45])
    figure, table = drawn = scores.training_curve({"one": log, "two": log.assign(loss=0.1)})
    assert len(figure.axes[0].lines) == 4
    assert "held-out" in figure.axes[0].get_legend().get_title().get_text()
    assert table.groupby("layer")["loss"].min().to_dict() == {"one": 0.4, "two": 0.1}
    render(drawn, tmp_path)


def test_no_atoms_at_all(tmp_path, rng):
    one = images(frame(rng))
    none = EMPTY.assign(planar=EMPTY["frame"])
    render(drawn_atoms.probability(one, none, (0, 0, 50, 50), (0.01, 0.5)), tmp_path)
    nothing = {"mean bond": np.nan, "SD of bonds": 1}
    render(drawn_atoms.strain(one, none, NO_BONDS, nothing, GRAPHENE), tmp_path)
    render(drawn_atoms.defect(one, none, NO_BONDS, NO_RINGS, none), tmp_path)
    render(gallery.contamination(one, none, checks(0)), tmp_path)
    empty = (table.iloc[:0] for table in score_tables([1], [1]))
    render(scores.dose(*empty, GRAPHENE), tmp_path)
    log = pd.DataFrame({"step": [], "learning_rate": [], "loss": [], "held_out_loss": []})
    render(scores.training_curve({"one": log}), tmp_path)


@pytest.mark.parametrize("why", ["skipped", "unknown pixel"])
def test_says_why_there_is_nothing(tmp_path, rng, why):
    given = images(skipped="no such address")
    if why == "unknown pixel":
        given = images(frame(rng, sampling=np.nan))
    expected = "no such address" if why == "skipped" else "oh"
    drawings = [
        drawn_atoms.probability(given, EMPTY, (0, 0, 50, 50), (0.01, 0.5)),
        drawn_atoms.strain(given, EMPTY, NO_BONDS, {}, GRAPHENE),
        drawn_atoms.defect(given, EMPTY, NO_BONDS, NO_RINGS, EMPTY),
        columns.real_columns(given, EMPTY, []),
        gallery.contamination(given, EMPTY, checks(0)),
        gallery.contamination_densities("Synthetic", given.problem, checks(0), 38.2),
        gallery.out_of_distribution([given], [EMPTY], [pd.DataFrame({"warnings": ["oh"]})]),
    ]
    for drawn in drawings:
        assert expected in words(drawn)
        render(drawn, tmp_path)


def test_the_same_bytes_twice(tmp_path):
    first = render(gallery.contamination_densities("Synthetic", "", checks(3), 38.2), tmp_path)
    again = render(gallery.contamination_densities("Synthetic", "", checks(3), 38.2), tmp_path)
    assert first == again


def test_raster_layers_give_the_same_bytes_twice(tmp_path, rng):
    one, (atoms, _) = images(frame(rng)), tables(rng)
    first = render(drawn_atoms.probability(one, atoms, (0, 0, 90, 90), (0.01, 0.5)), tmp_path)
    again = render(drawn_atoms.probability(one, atoms, (0, 0, 90, 90), (0.01, 0.5)), tmp_path)
    assert first == again


@pytest.mark.parametrize("meaningful", [True, False])
def test_a_figure_says_when_its_numbers_mean_nothing(tmp_path, meaningful):
    svg = render(style.notice("Synthetic", "a test"), tmp_path, meaningful)
    assert ('id="meaningless"' in svg) is not meaningful


def test_images_lie_as_on_the_camera(rng):
    one = images(frame(rng))
    figure, _ = drawn_atoms.probability(one, EMPTY, (10, 20, 60, 70), (0.01, 0.5))
    for ax in figure.axes[:4]:
        assert ax.get_xlim()[0] < ax.get_xlim()[1]
        assert ax.get_ylim()[0] > ax.get_ylim()[1]
    left, right, bottom, top = figure.axes[0].images[0].get_extent()
    assert (left, top) == pytest.approx(((9 - 0.5) * PIXEL, (19 - 0.5) * PIXEL))
    assert right > left
    assert bottom > top


def test_read_images(tmp_path):
    image = shards.Array(np.ones((4, 4), dtype=np.float32), "counts", ("y", "x"))
    arrays = {
        "image_0000": image,
        "image_0001": image,
        "sampling": shards.Array(np.array([0.2, np.nan]), "Å", ("image",)),
    }
    entry = {"title": "Two", "region": [0, 0, 2, 2]}
    attributes = {"names": ["a", "b"], "warnings": [[], ["oh"]], "skipped": "", "entry": entry}
    shards.write(tmp_path / "d.h5", "dataset", arrays, attributes)
    maps = {
        "map_sampling": shards.Array(np.float64(0.25), "Å", ()),
        "map_0000": shards.Array(np.full((2, 3, 3), 0.25), "1", ("class", "y", "x")),
    }
    shards.write(tmp_path / "m.h5", "class_maps", maps, {})
    read = read_images(tmp_path / "d.h5", tmp_path / "m.h5")
    assert read.problem == ""
    assert read.frames[0].foreground[0, 0] == 0.75
    assert read.frames[1].foreground is None
    assert read.frames[1].warnings == ("oh",)


@pytest.mark.parametrize("read", [True, False])
def test_order_is_drawn_beside_the_truth(tmp_path, read):
    grid = np.repeat([[0, 1]], 40, axis=0).repeat(20, axis=1)
    sites = np.random.default_rng(0).uniform(0, 20, (30, 2))
    arrays = {"image": np.random.default_rng(1).normal(size=(25, 25)), "sampling": 0.8, "grid": 0.5}
    for which in ("found", "true"):
        arrays |= {
            f"{which}_map": grid,
            f"{which}_sites": sites,
            f"{which}_local": np.linspace(0, 1, 30),
            f"{which}_distance": np.array([1.0, np.nan, 5.0]),
            f"{which}_correlation": np.array([1.0, np.nan, 0.2]),
            f"{which}_length": 3.0 if which == "true" else 2.5,
        }
    figure, table = drawn = order_maps(arrays, ["hexagon up", "atom up"], read)
    lengths = table.groupby("layer")["length_angstrom"].first().dropna().to_dict()
    assert lengths == {"true_correlation": 3.0} | ({"read_correlation": 2.5} if read else {})
    assert table["correlation"].notna().sum() == (4 if read else 2)
    said = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert any("no lattice" in text.replace("\n", " ") for text in said) != read
    render(drawn, tmp_path)


def test_one_network_shows_the_sites_of_every_study(tmp_path):
    rng = np.random.default_rng(2)
    arrays = {
        "example_image": rng.normal(size=(4, 32, 32)),
        "example_true": [rng.uniform(0, 32, (n, 2)) for n in (5, 6, 7, 8)],
        "example_found": [rng.uniform(0, 32, (n, 2)) for n in (5, 6, 0, 9)],
    }
    titles = ["graphene", "gold", "C60 (unseen)", "NbS2"]
    figure, table = drawn = one_network(arrays, titles)
    assert [ax.get_title(loc="left") for ax in figure.axes if ax.axison] == titles
    assert table["sites"].tolist() == [5, 6, 7, 8]
    assert table["found"].tolist() == [5, 6, 0, 9]
    render(drawn, tmp_path)
