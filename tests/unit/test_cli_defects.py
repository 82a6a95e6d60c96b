"""`latticework defects` on given atoms: what it writes, and one line for what it cannot use."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from test_defects import SIDE, honeycomb, nearest
from test_transitions import FRAMES, SAMPLING, movie

from latticework import defects, shards
from latticework.analysis.atoms.reading import Prediction
from latticework.cli.atoms_table import read_atoms
from latticework.cli.main import main
from latticework.datasets.read import read_picture


@pytest.fixture
def files(tmp_path):
    """A movie of two frames, its atoms with a silicon and, in the first, a vacancy, and where."""
    points, _ = honeycomb()
    classes = np.full(len(points), "C", dtype=object)
    classes[nearest(points, [8, 8])] = "Si"
    gone = nearest(points, [16, 15])
    kept = np.arange(len(points)) != gone
    table = pd.DataFrame({"x_px": points[:, 0] / 0.1, "y_px": points[:, 1] / 0.1, "class": classes})
    table["probability"] = 0.98
    both = pd.concat([table[kept].assign(frame=0), table.assign(frame=1)])
    picture, atoms = tmp_path / "movie.tif", tmp_path / "atoms.csv"
    size = round(SIDE / 0.1)
    noise = np.random.default_rng(0).poisson(20, (2, size, size)).astype(np.uint16)
    tifffile.imwrite(picture, noise, photometric="minisblack")
    both.to_csv(atoms, index=False)
    return picture, atoms, points[gone] / 0.1


def run(files, *more, material="graphene_si"):
    picture, atoms, _ = files
    out = picture.with_name("defects.csv")
    arguments = ["defects", picture, "--atoms", atoms, "-o", out, "--quiet"]
    if material:
        arguments += ["--material", material]
    return main([str(a) for a in (*arguments, *more)]), out


def test_a_table_a_library_and_pictures(files, capsys):
    folder = files[0].parent
    more = (
        "--library",
        folder / "l.h5",
        "--overlay",
        folder / "o.png",
        "--gallery",
        folder / "g.png",
    )
    code, out = run(files, "--pixel-size", 0.1, *more)
    assert code == 0
    table = pd.read_csv(out)
    assert list(table) == [
        *("frame", "defect", "name", "x_px", "y_px", "n_dopant", "n_host", "confidence"),
        "distorted",
    ]
    assert table["name"].tolist() == ["Si1C3", "C_vacancy", "Si1C3"]
    assert table["frame"].tolist() == [0, 0, 1]
    assert table["defect"].tolist() == [0, 1, 0]
    assert table.loc[1, ["x_px", "y_px"]].to_numpy(dtype=float) == pytest.approx(files[2], abs=0.1)
    assert table.loc[0, "confidence"] == pytest.approx(0.98**4, rel=0.02)
    arrays, attributes = shards.read(folder / "l.h5", "defects")
    assert attributes["names"] == table["name"].tolist()
    assert attributes["classes"][0] == ["Si", "C", "C", "C"]
    assert arrays["crops"].shape == (3, 141, 141)
    middle = tifffile.imread(files[0])[0][
        tuple(np.rint(table.loc[0, ["y_px", "x_px"]]).astype(int))
    ]
    assert arrays["crops"][0, 70, 70] == middle
    assert arrays["positions"][0] == pytest.approx(arrays["positions"][2])
    assert arrays["bond_angstrom"][0] == pytest.approx(1.42, abs=0.01)
    for name in ("o.png", "g.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    assert "Si1C3 2, C_vacancy 1" in capsys.readouterr().out


def test_the_function_finds_what_the_command_does(files):
    _, out = run(files, "--pixel-size", 0.1)
    table = read_atoms(files[1], 2, (240, 240))
    found = Prediction(table, read_picture(files[0]).image, 0.1, "user", [])
    named = defects(found, "graphene_si")
    assert named["name"].tolist() == pd.read_csv(out)["name"].tolist()
    with pytest.raises(ValueError, match="defects"):
        defects(found, "gold")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="class"), "no column class"),
        (lambda t: t.assign(x_px=t["x_px"] + 900), "lie outside of the image of 240 × 240 px"),
        (lambda t: t.assign(frame=t["frame"] + 1), "frames beyond those of the image, 0 to 1"),
        (lambda t: t.assign(x_px="here"), "rows without a number or a class"),
    ],
)
def test_atoms_that_cannot_be_used(files, capsys, change, message):
    change(pd.read_csv(files[1])).to_csv(files[1], index=False)
    code, out = run(files, "--pixel-size", 0.1)
    error = capsys.readouterr().err
    assert code == 2
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_what_cannot_be_used_gets_one_line(files, capsys):
    for more, material, message in (
        ([], "graphene_si", "--pixel-size"),
        (["--pixel-size", 0.1], "gold", "materials with named defects: graphene_si"),
        (["--pixel-size", 0.1], "unobtainium", "there is no 'unobtainium'"),
        (["--pixel-size", 0.1, "--study", "nothing"], None, "study 'nothing'"),
        (["--pixel-size", 0.1, "--overlay", files[1]], "graphene_si", "is an input file"),
        (["--pixel-size", 9], "graphene_si", "expected 0.005 to 5"),
        (["--pixel-size", 0.1, "--refine"], "graphene_si", "leave out --atoms"),
    ):
        code, out = run(files, *more, material=material)
        error = capsys.readouterr().err
        assert code == 2
        assert message in error
        assert error.count("\n") == 1
        assert not out.exists()


def test_the_pixel_may_be_that_of_the_table(files):
    table = pd.read_csv(files[1])
    table = table.assign(x_angstrom=table["x_px"] * 0.1, y_angstrom=table["y_px"] * 0.1)
    table.to_csv(files[1], index=False)
    code, out = run(files)
    assert code == 0
    assert len(pd.read_csv(out)) == 3


def test_no_atoms_have_no_defects(files):
    pd.read_csv(files[1]).iloc[:0].to_csv(files[1], index=False)
    code, out = run(files, "--pixel-size", 0.1)
    assert code == 0
    assert len(pd.read_csv(out)) == 0


# Movies


@pytest.fixture
def changing(tmp_path):
    """A movie of twelve frames whose columns change, and its atoms."""
    _, _, atoms, images, _ = movie(8)
    picture, table = tmp_path / "movie.tif", tmp_path / "atoms.csv"
    tifffile.imwrite(picture, images.astype(np.float32), photometric="minisblack")
    atoms["x_px"], atoms["y_px"] = atoms["x_angstrom"] / SAMPLING, atoms["y_angstrom"] / SAMPLING
    atoms[["frame", "x_px", "y_px", "class"]].to_csv(table, index=False)
    return picture, table, None


def test_changes_of_a_movie_s_sites(changing, capsys):
    folder = changing[0].parent
    more = ["--pixel-size", SAMPLING, "--transitions", folder / "t.csv"]
    more += ["--states", folder / "s.csv", "--changes", folder / "c.png"]
    code, _ = run(changing, *more, material="mos2")
    assert code == 0
    table = pd.read_csv(folder / "t.csv").set_index(["host", "from", "to"])
    assert 0 < table.at[("S2", "S2", "S"), "low"] < 0.03 < table.at[("S2", "S2", "S"), "high"]
    states = pd.read_csv(folder / "s.csv")
    assert set(states["state"]) == {"Mo", "S2", "S", "nothing"}
    assert states.groupby("site")["frame"].nunique().eq(FRAMES).all()
    assert (folder / "c.png").read_bytes().startswith(b"\x89PNG")
    assert "S2: S2 → S 0.0" in capsys.readouterr().out
    # With a confusion that says that nothing is ever misread, what is seen is what is.
    confusion = pd.DataFrame(
        {"host": "S2", "state": ["S2", "S", "nothing"], "nothing": [0, 0, 9999]}
    ).assign(S2=[9999, 0, 0], S=[0, 9999, 0])
    confusion.to_csv(folder / "k.csv", index=False)
    code, _ = run(changing, *more, "--confusion", folder / "k.csv", material="mos2")
    assert code == 0
    sure = pd.read_csv(folder / "t.csv").set_index(["host", "from", "to"])
    row = sure.loc[("S2", "S2", "S")]
    assert row["events"] == pytest.approx(row["events_raw"], abs=0.1)


def test_an_image_without_time_has_no_changes(files, capsys):
    picture = files[0].with_name("one.tif")
    tifffile.imwrite(picture, tifffile.imread(files[0])[0])
    table = pd.read_csv(files[1])
    table[table["frame"] == 0].to_csv(files[1], index=False)
    out = picture.with_name("t.csv")
    code, defects_out = run((picture, *files[1:]), "--pixel-size", 0.1, "--transitions", out)
    assert code == 2
    assert "changes need a movie" in capsys.readouterr().err
    assert not out.exists()
    assert not defects_out.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "expected the columns host, state, nothing"),
        ("host,state,nothing,S\nS2,S,1,-3\n", "no counts"),
        ("host,state,nothing,S\nS2,Se,1,3\n", "no column for the state Se"),
        ("host,state,nothing,S\nS2,S,some,3\n", "no counts"),
    ],
)
def test_a_bad_confusion_is_refused(changing, capsys, text, message):
    path = changing[0].with_name("k.csv")
    path.write_text(text)
    out = changing[0].with_name("t.csv")
    more = ["--pixel-size", SAMPLING, "--transitions", out, "--confusion", path]
    code, defects_out = run(changing, *more, material="mos2")
    assert code == 2
    assert message in capsys.readouterr().err
    assert not out.exists()
    assert not defects_out.exists()


def test_a_confusion_that_nothing_needs_is_refused(changing, capsys):
    path = changing[0].with_name("k.csv")
    path.write_text("host,state,nothing\n")
    code, out = run(changing, "--pixel-size", SAMPLING, "--confusion", path, material="mos2")
    assert code == 2
    assert "--confusion: is for" in capsys.readouterr().err
    assert not out.exists()
