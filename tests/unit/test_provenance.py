"""The manifest of a run: complete, and every difference from it is named."""

import json
import subprocess
from datetime import UTC, datetime

import pytest

from latticework import cli, provenance, shards

TIMES = "benchmarks/results/tiny"
NOW = datetime(2024, 2, 29, tzinfo=UTC)


@pytest.fixture
def checkout(tmp_path):
    """A checkout with a run: two results, a module, weights, and things that are neither."""
    for name, text in {
        "Snakefile": "rule all:\n",
        "rules/common.smk": "# rules\n",
        "src/package/module.py": "ONE = 1\n",
        "models/graphene.safetensors": "weights",
        "models/graphene.md": "a card for people",
        "results/tiny/analysis/picture/atoms.csv": "x\n1\n",
        "results/tiny/models/graphene/weights.safetensors": "weights",
        "results/tiny/models/graphene/checkpoints/0/last.ckpt": "unfinished",
        "results/tiny/models/graphene/.weights.safetensors.1.partial": "half",
        "results/tiny/report.html": "<html>",
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
    made = provenance.manifest(
        folder, checkout, {"run": "tiny"}, checkout / "benchmarks/results/tiny", NOW
    )
    (folder / "manifest.json").write_text(json.dumps(made))
    return folder


def test_a_manifest_has_what_went_in_and_came_out(run, checkout):
    made = provenance.read(run)
    assert made["made"] == "2024-02-29T00:00:00+00:00"
    assert made["config"] == {"run": "tiny"}
    assert set(made["outputs"]) == {
        "analysis/picture/atoms.csv",
        "models/graphene/weights.safetensors",
    }
    assert set(made["inputs"]) == {
        "Snakefile",
        "rules/common.smk",
        "src/package/module.py",
        "models/graphene.safetensors",
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
    git("add", "Snakefile", "rules", "src", "models")
    git("commit", "-m", "one")
    found = provenance.commit(checkout)
    assert len(found["commit"]) == 40
    assert found["changed"] == []
    (checkout / "Snakefile").write_text("rule any:\n")
    assert provenance.commit(checkout)["changed"] == ["Snakefile"]


def test_verify_is_content_with_an_untouched_run(run, capsys):
    assert cli.main(["verify", str(run)]) == 0
    assert "as in its manifest" in capsys.readouterr().out


def test_verify_names_every_difference_on_a_line(run, checkout, capsys):
    (run / "analysis/picture/atoms.csv").write_text("x\n2\n")
    (run / "models/graphene/weights.safetensors").unlink()
    (run / "figures").mkdir()
    (run / "figures/dose.csv").write_text("dose\n")
    (checkout / "src/package/module.py").write_text("ONE = 2\n")
    assert cli.main(["verify", str(run)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{run}/analysis/picture/atoms.csv: differs",
        f"{run}/figures/dose.csv: not in the manifest",
        f"{run}/models/graphene/weights.safetensors: missing",
        f"{checkout}/src/package/module.py: differs",
    ]


@pytest.mark.parametrize(
    "content",
    [None, "", "{", "[]", '{"format": "latticework/manifest", "version": 1, "outputs": {}}', "{}"],
)
def test_verify_refuses_what_is_no_manifest(run, content, capsys):
    path = run / "manifest.json"
    path.unlink() if content is None else path.write_text(content)
    assert cli.main(["verify", str(run)]) == 2
    error = capsys.readouterr().err
    assert str(path) in error
    assert len(error.splitlines()) == 1
