"""The manifest of a run: complete, and every difference from it is named."""

import json
import shutil
import subprocess
from datetime import UTC, datetime

import pytest

from latticework import provenance, shards
from latticework.cli.main import main

TIMES = "benchmarks/results/tiny"
NOW = datetime(2024, 2, 29, tzinfo=UTC)
CONFIG = {
    "run": "tiny",
    "studies": {
        "graphene": {"datasets": ["flower"], "movies": {"datasets": ["hopping", "elsewhere"]}},
        "diffraction": {"datasets": ["scan"], "movies": {}},
        "none": None,
    },
}


@pytest.fixture
def checkout(tmp_path):
    """A checkout with a run: two results, data, a module, weights, and things that are none."""
    for name, text in {
        "Snakefile": "rule all:\n",
        "rules/common.smk": "# rules\n",
        "rules/analysis/atoms.smk": "# more rules\n",
        "scripts/analysis/atoms.py": "print(1)\n",
        "envs/any.post-deploy.sh": "pip install any\n",
        "src/package/module.py": "ONE = 1\n",
        "src/package/materials/gold.yaml": "title: gold\n",
        "src/package.egg-info/PKG-INFO": "of the installation",
        "models/graphene/unet/weights.safetensors": "weights",
        "models/graphene/unet/README.md": "a card for people",
        "models/graphene/default": "unet\n",
        "results/tiny/analysis/flower/graphene/atoms.csv": "x\n1\n",
        "results/tiny/models/graphene/unet/weights.safetensors": "weights",
        "results/tiny/models/graphene/unet/checkpoints/0/last.ckpt": "unfinished",
        "results/tiny/models/graphene/unet/.weights.safetensors.1.partial": "half",
        "results/tiny/report.html": "<html>",
        "results/shared/sources/flower/flower.tif": "pixels",
        "results/shared/sources/flower/reference/rings.txt": "1 2\n",
        "results/shared/sources/flower/.snakemake_timestamp": "",
        "results/shared/sources/hopping/SKIPPED": "no network\n",
        "results/shared/sources/another_run_s/a.tif": "pixels",
        "results/shared/datasets/flower.h5": "calibrated",
        "results/shared/datasets/another_run_s.h5": "calibrated",
        f"{TIMES}/train/graphene.tsv": "s\tmax_rss\tcpu_time\n8\t300\t7.5\n",
        f"{TIMES}/structures/graphene/train-0000.tsv": "s\tmax_rss\tcpu_time\n1\t-\t1\n",
        f"{TIMES}/structures/graphene/train-0001.tsv": "s\tmax_rss\tcpu_time\n3\t120\t2\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
def run(checkout):
    """The run's folder, with its manifest."""
    folder = checkout / "results/tiny"
    made = provenance.manifest(folder, checkout, CONFIG, checkout / "benchmarks/results/tiny", NOW)
    (folder / "manifest.json").write_text(json.dumps(made))
    return folder


def test_a_manifest_has_what_went_in_and_came_out(run, checkout):
    made = provenance.read(run)
    assert made["made"] == "2024-02-29T00:00:00+00:00"
    assert made["config"] == CONFIG
    assert set(made["outputs"]) == {
        "analysis/flower/graphene/atoms.csv",
        "models/graphene/unet/weights.safetensors",
    }
    assert set(made["inputs"]) == {
        "Snakefile",
        "rules/common.smk",
        "rules/analysis/atoms.smk",
        "scripts/analysis/atoms.py",
        "envs/any.post-deploy.sh",
        "src/package/module.py",
        "src/package/materials/gold.yaml",
        "models/graphene/default",
        "models/graphene/unet/weights.safetensors",
    }
    assert set(made["data"]) == {
        "sources/flower/flower.tif",
        "sources/flower/reference/rings.txt",
        "sources/hopping/SKIPPED",
        "datasets/flower.h5",
    }
    module = checkout / "src/package/module.py"
    assert made["inputs"]["src/package/module.py"] == shards.sha256_of(module)
    assert {"python", "numpy", "torch", "snakemake"} <= set(made["software"])
    assert made["host"]["processors"] >= 1


def test_times_are_those_of_the_benchmarks(run):
    assert provenance.read(run)["rules"] == {
        "structures": {
            "jobs": 2,
            "wall_seconds": 4.0,
            "cpu_seconds": 3.0,
            "peak_megabytes": 120.0,
        },
        "train": {"jobs": 1, "wall_seconds": 8.0, "cpu_seconds": 7.5, "peak_megabytes": 300.0},
    }


def test_the_commit_and_what_differs_from_it(checkout):
    assert provenance.commit(checkout) is None

    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", checkout, *who, *words], check=True, capture_output=True)

    git("init")
    git("add", "Snakefile", "rules", "scripts", "envs", "src", "models")
    git("commit", "-m", "one")
    found = provenance.commit(checkout)
    assert len(found["commit"]) == 40
    assert found["changed"] == []
    (checkout / "Snakefile").write_text("rule any:\n")
    assert provenance.commit(checkout)["changed"] == ["Snakefile"]


def test_verify_is_content_with_an_untouched_run(run, capsys):
    assert main(["verify", str(run)]) == 0
    assert "as in its manifest" in capsys.readouterr().out


def test_verify_names_every_difference_on_a_line(run, checkout, capsys):
    shared = run.parent / "shared"
    (run / "analysis/flower/graphene/atoms.csv").write_text("x\n2\n")
    (run / "models/graphene/unet/weights.safetensors").unlink()
    (run / "figures").mkdir()
    (run / "figures/dose.csv").write_text("dose\n")
    (shared / "sources/flower/flower.tif").write_text("other pixels")
    (shared / "datasets/flower.h5").unlink()
    (shared / "datasets/hopping.h5").write_text("calibrated")
    # Of no concern to this run.
    (shared / "datasets/another_run_s.h5").unlink()
    (checkout / "src/package/module.py").write_text("ONE = 2\n")
    (checkout / "rules/analysis/atoms.smk").unlink()
    assert main(["verify", str(run)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{run}/analysis/flower/graphene/atoms.csv: differs",
        f"{run}/figures/dose.csv: not in the manifest",
        f"{run}/models/graphene/unet/weights.safetensors: missing",
        f"{shared}/datasets/flower.h5: missing",
        f"{shared}/datasets/hopping.h5: not in the manifest",
        f"{shared}/sources/flower/flower.tif: differs",
        f"{checkout}/rules/analysis/atoms.smk: missing",
        f"{checkout}/src/package/module.py: differs",
    ]


def test_a_run_without_data_has_none(checkout):
    shutil.rmtree(checkout / "results/shared")
    for config in (CONFIG, {"run": "tiny"}, {"studies": None}):
        made = provenance.manifest(checkout / "results/tiny", checkout, config, checkout / "none")
        assert made["data"] == {}


def test_verify_looks_for_the_checkout_where_it_is_told(run, checkout, tmp_path_factory, capsys):
    moved = tmp_path_factory.mktemp("moved") / "results"
    shutil.move(checkout / "results", moved)
    assert main(["verify", str(moved / "tiny")]) == 1
    assert f"{moved.parent}/Snakefile: missing" in capsys.readouterr().out.splitlines()
    assert main(["verify", str(moved / "tiny"), "--checkout", str(checkout)]) == 0


EMPTY = {"format": "latticework/manifest", "version": 2, "config": {}, "data": {}}


@pytest.mark.parametrize(
    "content",
    [
        *(None, "", "{", "[]", "{}"),
        json.dumps(EMPTY | {"outputs": {}}),
        json.dumps(EMPTY | {"outputs": {}, "inputs": []}),
        # The first version had no data in it.
        json.dumps(EMPTY | {"outputs": {}, "inputs": {}, "version": 1}),
        json.dumps({k: v for k, v in EMPTY.items() if k != "data"} | {"outputs": {}, "inputs": {}}),
    ],
)
def test_verify_refuses_what_is_no_manifest(run, content, capsys):
    path = run / "manifest.json"
    path.unlink() if content is None else path.write_text(content)
    assert main(["verify", str(run)]) == 2
    error = capsys.readouterr().err
    assert str(path) in error
    assert len(error.splitlines()) == 1
