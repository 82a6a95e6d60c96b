from latticework.sources import imported_names, source_files


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
    found = [p.relative_to(package).as_posix() for p in source_files(script, tmp_path / "src")]
    assert found == ["__init__.py", "room/__init__.py", "room/chair.py", "wood.py"]


def test_names_of_both_kinds_of_import(tmp_path):
    path = tmp_path / "a.py"
    path.write_text("import a.b as c\nfrom d import e\n")
    assert imported_names(path) == {"a.b", "d", "d.e"}
