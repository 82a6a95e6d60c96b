"""The files of ours that a script depends on, and a digest of their contents."""

from latticework.sources import digest, imported_names, source_files


def test_follows_imports_through_packages(tmp_path):
    package = tmp_path / "src/house"
    (package / "room").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "room/__init__.py").write_text("from house.room.chair import Chair\n")
    (package / "room/chair.py").write_text("import house.wood\n")
    (package / "room/unused.py").write_text("")
    (package / "wood.py").write_text("import numpy\n")
    script = tmp_path / "script.py"
    script.write_text("def main():\n    from house import room\n")
    found = [p.relative_to(package).as_posix() for p in source_files([script], tmp_path / "src")]
    assert found == ["__init__.py", "room/__init__.py", "room/chair.py", "wood.py"]


def test_names_of_both_kinds_of_import(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("import a.b as c\nfrom d import e\n")
    assert imported_names(path) == {"a.b", "d", "d.e"}


def test_a_digest_is_of_paths_and_contents_alone(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name / "room").mkdir(parents=True)
        (tmp_path / name / "room/chair.py").write_text("legs = 4\n")
    first, second = (
        digest([tmp_path / n / "room/chair.py"], tmp_path / n) for n in ("first", "second")
    )
    assert first == second
    assert len(first) == 12
    (tmp_path / "second/room/chair.py").write_text("legs = 3  # one is broken\n")
    assert digest([tmp_path / "second/room/chair.py"], tmp_path / "second") != first
    (tmp_path / "first/room/chair.py").rename(tmp_path / "first/room/stool.py")
    assert digest([tmp_path / "first/room/stool.py"], tmp_path / "first") != first


def test_a_file_that_is_no_python_imports_nothing(tmp_path):
    (tmp_path / "src/house").mkdir(parents=True)
    path = tmp_path / "src/house/oak.yaml"
    path.write_text("import: house.wood\n")
    assert source_files([path], tmp_path / "src") == [path]
