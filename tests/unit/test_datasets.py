"""Real data: the registry, fetching and reading."""

import hashlib
import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import yaml
from imageio.v3 import imwrite
from rsciio import hspy

from latticework import shards
from latticework.config.parse import ConfigError, check_files, load
from latticework.datasets.fetch import ChecksumError, FetchError, available, fetch
from latticework.datasets.read import PictureError, read_picture, to_angstrom
from latticework.datasets.registry import Dataset, RegistryError, check, load_registry
from latticework.datasets.units import reciprocal_angstrom, to_milliradian

CONFIG = Path(__file__).resolve().parents[2] / "config" / "config.yaml"
REGISTRY = CONFIG.with_name("datasets.yaml")
PICTURE = np.random.default_rng(0).integers(0, 255, (48, 64)).astype(np.uint8)
SHA = "0" * 64
COMMIT = "0" * 40


def entry(**changes):
    fields = {"title": "a picture", "study": "graphene", "path": "picture.tif"}
    return {k: v for k, v in (fields | changes).items() if v is not None}


# Registry


def test_the_projects_registry_is_valid_and_complete():
    registry, studies = load_registry(REGISTRY), load(CONFIG).studies
    assert len(registry["graphene_contamination"].checksums) == 72
    assert registry["graphene_flower_defect"].reference.kind == "ring_centres"
    for name, dataset in registry.items():
        assert dataset.study in studies
        assert dataset.kind in studies[dataset.study].kind.kinds, name
        assert dataset.licence, name
        assert dataset.citation, name
        assert dataset.address.startswith(("https://raw.githubusercontent.com/", "https://zenodo"))


def test_the_mirror_holds_what_the_registry_says(mirror, tmp_path):
    for name, dataset in load_registry(REGISTRY).items():
        if dataset.mirror is None:
            # Too large for a mirror, and listed by no study.
            continue
        assert available(dataset, mirror)
        paths = fetch(dataset, mirror, tmp_path / name)
        assert {n: shards.sha256_of(p) for n, p in paths.items()} == dataset.checksums
        if dataset.masks:
            pairs = dataset.images(paths)
            assert len(pairs) == 36
            assert all(mask.stem == picture.stem + "_LABEL" for picture, mask in pairs)
        if dataset.reference:
            (path,) = fetch(dataset.reference, mirror, tmp_path / name).values()
            assert np.loadtxt(path).shape == (545, 2)


def test_addresses():
    dataset = Dataset(
        **entry(
            path=None,
            repository="owner/name",
            commit=COMMIT,
            path_in_repository="a folder",
            files={"x 1.png": SHA},
            mirror="m",
        )
    )
    assert dataset.address_of("x 1.png") == (
        f"https://raw.githubusercontent.com/owner/name/{COMMIT}/a%20folder/x%201.png"
    )
    assert str(dataset.mirror_path("x 1.png")) == "m/x 1.png"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colour": "red"}, ["mine.colour", "unknown key", "pixel_size_angstrom"]),
        ({"title": None}, ["mine.title", "missing"]),
        ({"pixel_size_angstrom": -0.1}, ["mine.pixel_size_angstrom", "-0.1", "greater than 0"]),
        ({"path": None}, ["mine", "exactly one source"]),
        ({"url": "https://x.org/a.tif", "sha256": SHA}, ["mine", "exactly one source"]),
        ({"path": None, "url": "https://x.org/a.tif"}, ["mine", "sha256"]),
        ({"path": None, "url": "file:///etc/passwd", "sha256": SHA}, ["mine.url", "https?"]),
        ({"sha256": "abc"}, ["mine.sha256", "abc", "64"]),
        ({"path": None, "repository": "a/b", "sha256": SHA}, ["mine", "commit"]),
        ({"files": {"../x.png": SHA}}, ["mine.files", "../x.png", "file name"]),
        ({"region": [5, 0, 5, 9]}, ["mine", "region", "x0 < x1"]),
        ({"figure_region": [0, 9, 5, 9]}, ["mine", "figure_region", "y0 < y1"]),
        ({"scale_region": [-1, 0, 5, 9]}, ["mine", "scale_region", "from 0 on"]),
        ({"kind": "spectrum"}, ["mine.kind", "spectrum", "'image', 'set', 'movie' or 'scan'"]),
        ({"role": "outlier"}, ["mine.role", "outlier", "out_of_distribution"]),
        ({"figures": "dose"}, ["mine.figures", "dose", "list"]),
        ({"semiangle_mrad": 90}, ["mine.semiangle_mrad", "90", "50"]),
        ({"reciprocal_pixel": 1.5}, ["mine.reciprocal_pixel", "1.5", "0.5"]),
        ({"kind": "scan"}, ["mine", "vacuum probe, semiangle_mrad"]),
        ({"kind": "scan", "semiangle_mrad": 2}, ["mine", "energy_kev"]),
        (
            {"kind": "scan", "semiangle_mrad": 2, "energy_kev": 200, "probe": {"path": "p.tif"}},
            ["mine", "one of the three"],
        ),
        ({"kind": "scan", "probe": {"url": "https://x.org/p.tif"}}, ["mine.probe", "sha256"]),
        ({"kind": "scan", "probe": {"title": "p"}}, ["mine.probe.title", "unknown key"]),
        ({"reference": {"path": "r.txt"}}, ["mine.reference.kind", "missing"]),
        ({"mirror": "/etc"}, ["mine.mirror", "relative path"]),
    ],
)
def test_a_wrong_entry_is_named_with_what_is_allowed(tmp_path, changes, said):
    path = tmp_path / "datasets.yaml"
    path.write_text(yaml.safe_dump({"mine": entry(**changes)}))
    with pytest.raises(RegistryError) as error:
        load_registry(path)
    for part in (str(path), *said):
        assert part in str(error.value)


def test_a_registry_that_is_no_registry(tmp_path):
    with pytest.raises(RegistryError, match="cannot be read"):
        load_registry(tmp_path / "none.yaml")
    path = tmp_path / "datasets.yaml"
    path.write_text("a: [1")
    with pytest.raises(RegistryError, match="not valid YAML"):
        load_registry(path)
    path.write_text(yaml.safe_dump({"my data/1": entry()}))
    with pytest.raises(RegistryError, match="my data/1"):
        load_registry(path)


def test_what_an_entry_is_by_default():
    dataset = Dataset(**entry())
    assert dataset.kind == "image"
    assert dataset.role == ""
    assert dataset.figures == []
    assert dataset.figure_region is None
    assert dataset.probe is dataset.semiangle_mrad is dataset.reciprocal_pixel is None


def test_a_scan_has_its_probe_or_its_semiangle():
    probe = {"url": "https://x.org/p.tif", "sha256": SHA, "mirror": "p.tif"}
    scan = Dataset(**entry(kind="scan", probe=probe, figures=["bragg_peaks"]))
    assert scan.probe.checksums == {"p.tif": SHA}
    assert scan.figures == ["bragg_peaks"]
    scan = Dataset(**entry(kind="scan", semiangle_mrad=1.3, energy_kev=200, reciprocal_pixel=0.02))
    assert (scan.semiangle_mrad, scan.energy_kev, scan.reciprocal_pixel) == (1.3, 200, 0.02)
    # A rule's parameter is plain, and means the same.
    assert Dataset.model_validate(scan.model_dump(mode="json")) == scan


# What a study may name


@pytest.fixture
def registry():
    return {
        "photo": Dataset(**entry(figure_region=[0, 0, 9, 9], role="out_of_distribution")),
        "film": Dataset(**entry(kind="movie")),
        "pile": Dataset(**entry(kind="set")),
        "scan": Dataset(**entry(kind="scan", semiangle_mrad=1, energy_kev=200)),
    }


def row(study="graphene", datasets=(), movies=(), simulated=None):
    """A study of the configuration that names data sets."""
    chosen = load(CONFIG).studies[study]
    named = chosen.movies.model_copy(
        update={"datasets": list(movies), "simulated": dict(simulated or {})}
    )
    return chosen.model_copy(update={"datasets": list(datasets), "movies": named})


def test_data_sets_that_a_study_can_have(registry):
    check(registry, "any", row(datasets=["photo", "pile", "film"], movies=["film"]))
    check(registry, "any", row("diffraction", datasets=["scan"]))
    check({}, "any", row())


@pytest.mark.parametrize(
    ("study", "named", "said"),
    [
        ("graphene", {"datasets": ["photo", "nil"]}, ["any.datasets", "'nil'", "film", "photo"]),
        ("graphene", {"movies": ["nil"]}, ["any.movies.datasets", "'nil'"]),
        (
            "graphene",
            {"datasets": ["scan"]},
            ["any.datasets", "scan is of kind scan", "image or set or movie"],
        ),
        ("graphene", {"movies": ["scan"]}, ["any.movies.datasets", "scan is of kind scan"]),
        ("graphene", {"movies": ["photo"]}, ["any.movies.datasets", "photo is of kind image"]),
        ("diffraction", {"datasets": ["photo"]}, ["any.datasets", "photo is of kind image"]),
        ("graphene", {"simulated": {"photo": None}}, ["any.movies.simulated", "photo"]),
    ],
)
def test_data_sets_that_a_study_cannot_have_are_one_line(registry, study, named, said):
    with pytest.raises(RegistryError) as error:
        check(registry, "any", row(study, **named))
    for part in (f"studies.{said[0]}", *said[1:]):
        assert part in str(error.value)
    assert "\n" not in str(error.value)


def test_the_project_s_studies_can_have_what_they_name():
    registry = load_registry(REGISTRY)
    for name, study in load(CONFIG).studies.items():
        check(registry, name, study)
        for dataset in study.datasets + study.movies.datasets:
            assert registry[dataset].kind in study.kind.kinds


# Fetching


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def served(tmp_path):
    """A folder and the address at which it is served."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def at_url(url, content, **changes):
    sha = hashlib.sha256(content).hexdigest()
    return Dataset(**entry(path=None, url=url, sha256=sha, **changes))


def test_from_the_mirror_first(tmp_path, served):
    folder, address = served
    (folder / "a.bin").write_bytes(b"served")
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "b.bin").write_bytes(b"mirrored")
    dataset = at_url(f"{address}/a.bin", b"mirrored", mirror="b.bin")
    paths = fetch(dataset, tmp_path / "mirror", tmp_path / "out")
    assert paths == {"a.bin": tmp_path / "out" / "a.bin"}
    assert paths["a.bin"].read_bytes() == b"mirrored"


def test_from_the_address(tmp_path, served):
    folder, address = served
    (folder / "a.bin").write_bytes(b"served")
    dataset = at_url(f"{address}/a.bin", b"served", mirror="b.bin")
    assert available(dataset, tmp_path)
    paths = fetch(dataset, tmp_path, tmp_path / "out")
    assert paths["a.bin"].read_bytes() == b"served"
    # What is there and right is not fetched again.
    (folder / "a.bin").unlink()
    assert not available(dataset, tmp_path)
    assert fetch(dataset, tmp_path, tmp_path / "out") == paths


def test_a_publisher_s_md5_will_do(tmp_path, served):
    folder, address = served
    (folder / "a.bin").write_bytes(b"served")
    right, wrong = (hashlib.md5(content).hexdigest() for content in (b"served", b"else"))
    by_md5 = entry(path=None, url=f"{address}/a.bin")
    assert fetch(Dataset(**by_md5, md5=right), None, tmp_path / "out")["a.bin"].is_file()
    with pytest.raises(ChecksumError, match="its md5 is"):
        fetch(Dataset(**by_md5, md5=wrong), None, tmp_path / "other")


def test_a_wrong_file_is_never_put_in_place(tmp_path, served):
    folder, address = served
    (folder / "a.bin").write_bytes(b"something else")
    with pytest.raises(ChecksumError) as error:
        fetch(at_url(f"{address}/a.bin", b"served"), None, tmp_path / "out")
    for part in (
        f"{address}/a.bin",
        hashlib.sha256(b"served").hexdigest(),
        hashlib.sha256(b"something else").hexdigest(),
    ):
        assert part in str(error.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_is_nowhere(tmp_path, served):
    _, address = served
    dataset = at_url(f"{address}/none.bin", b"x", mirror="none.bin")
    with pytest.raises(FetchError) as error:
        fetch(dataset, tmp_path / "mirror", tmp_path / "out")
    for part in (
        str(tmp_path / "mirror"),
        f"{address}/none.bin",
        "File not found",
        "mirror folder",
    ):
        assert part in str(error.value)
    assert list((tmp_path / "out").iterdir()) == []
    unreachable = at_url("http://127.0.0.1:9/a.bin", b"x")
    assert not available(unreachable, None, timeout=2)
    with pytest.raises(FetchError, match="refused"):
        fetch(unreachable, None, tmp_path / "out", timeout=2)


def test_a_users_own_files_stay_where_they_are(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    for name in ("b.tif", "a.tif", "a_mask.tif", ".hidden"):
        (own / name).write_bytes(name.encode())
    dataset = Dataset(**entry(path=own, masks="_mask"))
    paths = fetch(dataset, None, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert dataset.images(paths) == [
        (own / "a.tif", own / "a_mask.tif"),
        (own / "b.tif", None),
    ]
    single = Dataset(**entry(path=own / "b.tif"))
    assert fetch(single, None, tmp_path) == {"b.tif": own / "b.tif"}
    with pytest.raises(ChecksumError):
        fetch(Dataset(**entry(path=own / "b.tif", sha256=SHA)), None, tmp_path)
    missing = Dataset(**entry(path=own / "none.tif"))
    assert not available(missing, None)
    with pytest.raises(FetchError, match=r"none\.tif"):
        fetch(missing, None, tmp_path)


# Reading


def write_hspy(path, data, units="nm", scale=0.02, navigated=0):
    axes = [
        {
            "name": f"axis{i}",
            "size": n,
            "scale": scale,
            "offset": 0.0,
            "units": units,
            "navigate": i < navigated,
            "index_in_array": i,
        }
        for i, n in enumerate(data.shape)
    ]
    signal = {
        "data": data,
        "axes": axes,
        "metadata": {"General": {"title": "t"}, "Signal": {"signal_type": ""}},
        "original_metadata": {},
        "attributes": {"_lazy": False, "ragged": False},
        "package_info": {"package": "", "package_version": ""},
        "learning_results": {},
        "tmp_parameters": {},
        "models": {},
    }
    hspy.file_writer(str(path), signal)
    return path


@pytest.mark.parametrize(
    ("ending", "dtype"),
    [
        ("bmp", np.uint8),
        ("png", np.uint8),
        ("png", np.uint16),
        ("tif", np.uint8),
        ("tif", ">u2"),
        ("tif", np.float32),
        ("npy", np.float64),
    ],
)
def test_plain_files(tmp_path, ending, dtype):
    path = tmp_path / f"picture.{ending}"
    data = PICTURE.astype(dtype)
    np.save(path, data) if ending == "npy" else imwrite(path, data)
    picture = read_picture(path)
    assert picture.image.dtype == np.float32
    np.testing.assert_array_equal(picture.image, PICTURE[None])
    assert picture.sampling is None
    assert picture.path == path


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_colour_becomes_luminance(tmp_path, ending, channels):
    path = tmp_path / f"picture.{ending}"
    colour = np.repeat(PICTURE[..., None], channels, axis=-1)
    colour[..., 3:] = 128
    if ending == "tif":
        tifffile.imwrite(path, colour, photometric="rgb")
    else:
        imwrite(path, colour)
    np.testing.assert_allclose(read_picture(path).image, PICTURE[None], atol=1e-3)


def test_movies(tmp_path):
    movie = np.stack([PICTURE, PICTURE // 2, PICTURE // 3])
    tifffile.imwrite(tmp_path / "movie.tif", movie, photometric="minisblack")
    np.testing.assert_array_equal(read_picture(tmp_path / "movie.tif").image, movie)
    path = write_hspy(tmp_path / "movie.hspy", movie, navigated=1)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.image, movie)
    assert picture.sampling == pytest.approx(0.2)
    assert picture.metadata["title"] == "t"


@pytest.mark.parametrize(
    ("value", "unit", "angstrom"),
    [
        (0.012, "nm", 0.12),
        (12, "pm", 0.12),
        (1.2e-5, "µm", 0.12),
        (1.2e-5, "um", 0.12),
        (0.12, "Å", 0.12),
        (1.2e-11, "m", 0.12),
        (0.1, "1/nm", None),
        (1.0, "", None),
        (1.0, None, None),
        (1.0, "px", None),
        (0.12, "\\u00C5", 0.12),
        (0.12, "angstroms", 0.12),
        (0.012, "nanometers", 0.12),
    ],
)
def test_units(value, unit, angstrom):
    assert to_angstrom(value, unit) == (None if angstrom is None else pytest.approx(angstrom))


@pytest.mark.parametrize(
    "unit",
    ["1/nm", "1 / nm", "nm^-1", "nm-1", "nm⁻¹", "$nm^{-1}$", "k_nm^-1", "1/(nm)", "nm**-1", "k_nm"],
)
def test_reciprocal_units_as_people_write_them(unit):
    assert reciprocal_angstrom(0.434, unit) == pytest.approx(0.0434)
    assert to_angstrom(0.434, unit) is None
    inverse = unit.replace("nm", "Å")
    assert reciprocal_angstrom(0.0434, inverse) == pytest.approx(0.0434)


def test_what_is_no_reciprocal_length():
    for unit in ("nm", "px", "", None, "mrad", "1/s"):
        assert reciprocal_angstrom(1.0, unit) is None
    assert to_milliradian(1e-3, "rad") == to_milliradian(1.0, "mrad") == pytest.approx(1.0)


def test_intensities_of_any_size(tmp_path):
    """They are scaled where single precision would lose them, and it is said."""
    for factor, offset in ((1e300, 0), (1e-300, 0), (1, 1e9), (1e34, 0)):
        np.save(tmp_path / "a.npy", PICTURE.astype(float) * factor + offset)
        picture = read_picture(tmp_path / "a.npy")
        expected = (PICTURE - PICTURE.min()) / np.ptp(PICTURE) * 1000
        np.testing.assert_allclose(picture.image[0], expected, atol=0.1)
        assert "were scaled" in picture.notes[0]
    np.save(tmp_path / "a.npy", PICTURE.astype(float) - 100)
    assert read_picture(tmp_path / "a.npy").notes == ()


def test_what_a_path_is_that_is_no_file(tmp_path):
    (tmp_path / "folder.tif").mkdir()
    os.mkfifo(tmp_path / "pipe.tif")
    (tmp_path / "loop.tif").symlink_to(tmp_path / "loop.tif")
    (tmp_path / "zero.tif").symlink_to("/dev/zero")
    said = {"folder": "is a folder", "pipe": "is a pipe", "loop": "cannot be opened"}
    for name, words in (said | {"zero": "is a device"}).items():
        with pytest.raises(PictureError, match=words):
            read_picture(tmp_path / f"{name}.tif")


def test_content_goes_before_the_ending(tmp_path):
    tifffile.imwrite(tmp_path / "picture.dm4", PICTURE)
    imwrite(tmp_path / "a.png", PICTURE)
    (tmp_path / "a.png").rename(tmp_path / "a.tif")
    for name in ("picture.dm4", "a.tif"):
        np.testing.assert_array_equal(read_picture(tmp_path / name).image[0], PICTURE)


def test_a_frame_that_its_header_makes_huge_is_refused_at_once(tmp_path):
    path = tmp_path / "huge.tif"
    tifffile.memmap(path, shape=(20_000, 20_000), dtype=np.uint8).flush()
    with pytest.raises(PictureError, match="20000 × 20000 px"):
        read_picture(path)


def test_pixel_sizes_that_are_none(tmp_path):
    dpi = tmp_path / "dpi.tif"
    tifffile.imwrite(dpi, PICTURE, resolution=(72, 72), resolutionunit="INCH")
    assert read_picture(dpi).sampling is None
    assert read_picture(write_hspy(tmp_path / "r.hspy", PICTURE, "1/nm")).sampling is None
    for scale in (50.0, 1e-5):
        path = write_hspy(tmp_path / f"{scale}.hspy", PICTURE, "nm", scale)
        with pytest.warns(UserWarning, match=r"outside 0\.005 to 5"):
            assert read_picture(path).sampling is None


def test_an_imagej_tiff_names_its_unit(tmp_path):
    path = tmp_path / "imagej.tif"
    resolution = (1 / 0.012, 1 / 0.012)
    tifffile.imwrite(path, PICTURE, imagej=True, resolution=resolution, metadata={"unit": "nm"})
    assert read_picture(path).sampling == pytest.approx(0.12, rel=1e-5)


def with_bad(value, count):
    data = PICTURE.astype(np.float32)
    data.flat[:count] = value
    return data


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("nan.tif", with_bad(np.nan, PICTURE.size), "all pixels are NaN"),
        ("empty.npy", np.zeros((0, 64, 64)), "is empty"),
        ("constant.tif", np.full((64, 64), 3.0, np.float32), "constant, every pixel is 3"),
        ("line.npy", np.arange(100.0), "1-D"),
        ("row.tif", np.arange(100.0, dtype=np.float32)[None], "1-D"),
        ("small.tif", PICTURE[:20], "at least 32"),
        ("complex.npy", PICTURE + 1j, "complex"),
        ("four.npy", np.ones((2, 3, 40, 40)), "4-D"),
        ("objects.npy", np.array([{}] * 4), "cannot be read"),
    ],
)
def test_what_is_no_picture(tmp_path, name, data, said):
    path = tmp_path / name
    np.save(path, data) if name.endswith("npy") else tifffile.imwrite(path, data)
    with pytest.raises(PictureError, match=said) as error:
        read_picture(path)
    assert str(path) in str(error.value)


def test_a_map_of_spectra_is_no_movie(tmp_path):
    path = write_hspy(tmp_path / "map.hspy", np.ones((40, 40, 64)), navigated=2)
    with pytest.raises(PictureError, match="map of spectra"):
        read_picture(path)


@pytest.mark.parametrize("ending", ["tif", "png", "npy", "hspy"])
@pytest.mark.parametrize("kept", [0, 3, 100, 0.5, 0.9])
def test_truncated_files(tmp_path, ending, kept):
    path = tmp_path / f"picture.{ending}"
    if ending == "hspy":
        write_hspy(path, PICTURE)
    elif ending == "npy":
        np.save(path, PICTURE)
    else:
        imwrite(path, PICTURE)
    whole = path.read_bytes()
    path.write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
    with pytest.raises(PictureError, match="picture") as error:
        read_picture(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("imagej", [True, False])
@pytest.mark.parametrize("kept", [0.4, 0.95])
def test_a_truncated_movie_is_not_read_as_its_first_frame(tmp_path, imagej, kept):
    path = tmp_path / "movie.tif"
    movie = np.stack([PICTURE] * 5)
    tifffile.imwrite(path, movie, imagej=imagej, photometric="minisblack", metadata=None)
    whole = path.read_bytes()
    assert read_picture(path).image.shape == movie.shape
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(PictureError, match="truncated"):
        read_picture(path)


def test_missing_unknown_and_foreign_files(tmp_path):
    with pytest.raises(PictureError, match="no such file"):
        read_picture(tmp_path / "none.tif")
    (tmp_path / "a.docx").write_bytes(b"x")
    with pytest.raises(PictureError, match=r"'\.docx' is not known; known are .*dm4.*tif"):
        read_picture(tmp_path / "a.docx")
    (tmp_path / "a.dm4").write_bytes(b"not that format" * 100)
    with pytest.raises(PictureError, match="cannot be read"):
        read_picture(tmp_path / "a.dm4")
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["x"], file["y"] = PICTURE, PICTURE.T
    with pytest.raises(PictureError, match=r"choose one by a\.hdf5::NAME; there are x .*, y"):
        read_picture(tmp_path / "a.hdf5")
    picture = read_picture(tmp_path / "a.hdf5::y")
    np.testing.assert_array_equal(picture.image[0], PICTURE.T)
    with pytest.raises(PictureError, match="no array of numbers 'z'; there are x, y"):
        read_picture(tmp_path / "a.hdf5::z")


@pytest.mark.parametrize(
    ("name", "shape", "sampling"),
    [
        ("hrtem/graphene_dtu_hole.tif", (1, 731, 731), 0.11955),
        ("hrtem/graphene_flower_defect.tif", (1, 256, 256), None),
        ("hrtem/soot_scale_bar.tif", (1, 512, 512), None),
        ("hrtem/nanoparticles_on_film_0.png", (1, 512, 512), None),
        ("stem/batio3.dm4", (1, 413, 469), 0.2966),
        ("stem/wse2_movie_5_frames.tif", (5, 128, 128), 0.3125),
        ("diffraction/nanobeam_disks_off_zone.dm3", (1, 256, 256), None),
    ],
)
def test_real_files(mirror, name, shape, sampling):
    picture = read_picture(mirror / name)
    assert picture.image.shape == shape
    assert picture.sampling == (None if sampling is None else pytest.approx(sampling, rel=1e-4))


@pytest.mark.parametrize("name", ["nanomegas_3x2.blo", "gphase_austenite_2x2.hspy"])
def test_real_four_dimensional_files_are_refused(mirror, name):
    with pytest.raises(PictureError, match="4-D"):
        read_picture(mirror / "diffraction" / name)


def test_an_address_with_a_query_and_names_that_are_none():
    address = "https://zenodo.org/records/1/files/a%20b.tif?download=1"
    dataset = Dataset(**entry(path=None, url=address, sha256=SHA))
    assert dataset.checksums == {"a b.tif": SHA}
    assert dataset.address == address
    for url in ("https://x.org/..", "https://x.org"):
        with pytest.raises(ValueError, match="no file's name"):
            Dataset(**entry(path=None, url=url, sha256=SHA))
    with pytest.raises(ValueError, match="another name"):
        Dataset(**entry(path=None, url="https://x.org/a", files={"SKIPPED": SHA}))


def test_a_key_that_is_there_twice(tmp_path):
    path = tmp_path / "datasets.yaml"
    path.write_text("mine: {title: a}\nyours: {title: b}\nmine: {title: c}\n")
    with pytest.raises(RegistryError, match="'mine' is there twice, in lines 1 and 3"):
        load_registry(path)
    with pytest.raises(ConfigError, match="'mine' is there twice"):
        check_files([path])
    path.write_text("base: &b {x: 1}\none: {<<: *b, y: 2}\n")
    check_files([path, tmp_path / "none.yaml"])
