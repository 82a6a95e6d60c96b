"""The Slurm profile: what a site sets, and from where."""

from pathlib import Path

import pytest
import yte
from parsed import parsed_rules

ROOT = Path(__file__).resolve().parents[2]
KEYS = ("ACCOUNT", "PARTITION", "GPU_PARTITION", "GPU_MODEL", "SITE", "JOB_PREFIX")
KEYS += ("GPUS", "TRAIN_GPUS", "TRAIN_NODES", "TRAIN_THREADS")


@pytest.fixture
def profile(tmp_path, monkeypatch):
    """Function that reads the profile as Snakemake does, with a site file and an environment."""

    def read(site=None, **environment):
        monkeypatch.chdir(tmp_path)
        for key in KEYS:
            monkeypatch.delenv(f"LATTICEWORK_{key}", raising=False)
        for key, value in environment.items():
            monkeypatch.setenv(f"LATTICEWORK_{key}", value)
        if site is not None:
            path = tmp_path / "profiles/slurm/site.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(site)
        return yte.process_yaml((ROOT / "slurm/config.yaml").read_text(), require_use_yte=True)

    return read


def on_gpu():
    """Rules that ask for a GPU, but for simulations: hundreds of jobs would wait for one."""
    return {rule.name for rule in parsed_rules("config/config.yaml") if rule.gpu} - {
        *("simulate", "simulate_scan"),
    }


def test_without_a_site_the_cluster_decides(profile):
    found = profile()
    assert found["executor"] == "slurm"
    assert found["slurm-jobname-prefix"] == "latticework"
    assert not {"default-resources", "slurm-partition-config"} & set(found)
    assert found["set-resources"] == {rule: {"gpu": 1} for rule in on_gpu()}


def test_the_default_profile_leaves_to_a_cluster_what_is_its_own(profile):
    default = yte.process_yaml((ROOT / "profiles/default/config.yaml").read_text())
    assert not set(default) & set(profile(ACCOUNT="a", GPU_MODEL="b"))
    assert not {"cores", "jobs", "executor", "default-resources"} & set(default)


def test_the_environment_has_the_last_word(profile):
    site = "account: physics\npartition: 7\ngpu_partition: gpu\n"
    found = profile(site, ACCOUNT="chemistry", GPU_MODEL="a100", JOB_PREFIX="mine")
    # Quoted, since Snakemake reads a resource as a Python expression.
    assert found["default-resources"] == {"slurm_account": "'chemistry'", "slurm_partition": "'7'"}
    assert set(found["set-resources"]) == on_gpu()
    for asked in found["set-resources"].values():
        assert asked == {"gpu": 1, "slurm_partition": "'gpu'", "gpu_model": "'a100'"}
    assert found["slurm-jobname-prefix"] == "mine"


def test_a_cluster_without_gpus_is_asked_for_none(profile):
    found = profile("gpu_partition: gpu\n", GPUS="0")
    assert found["set-resources"] == {rule: {"gpu": 0} for rule in on_gpu()}


def test_a_training_on_several_gpus_is_as_many_tasks(profile):
    found = profile("train_gpus: 8\ntrain_nodes: 2\ntrain_threads: 4\n")
    asked = {"gpu": 8, "nodes": 2, "tasks": 8, "tasks_per_gpu": 1, "mpi": "'srun'"}
    assert found["set-resources"]["train"] == asked
    assert found["set-resources"]["evaluate"] == {"gpu": 1}
    assert found["set-threads"]["train"] == 4


def test_a_table_of_partitions_is_handed_to_the_plugin(profile):
    found = profile("partitions: {short: {max_runtime: 1h}}\n")
    assert found["slurm-partition-config"] == "profiles/slurm/site.yaml"


def test_the_example_is_a_site_file(profile):
    found = profile((ROOT / "profiles/slurm/site.example.yaml").read_text())
    assert found["default-resources"]["slurm_account"] == "'physics'"


@pytest.mark.parametrize(
    ("site", "environment", "message"),
    [
        ("acount: physics\n", {}, "acount"),
        ("- account\n", {}, "expected a mapping"),
        (None, {"SITE": "nowhere.yaml"}, "nowhere.yaml: there is no such file"),
    ],
)
def test_a_wrong_site_is_one_clear_error(profile, site, environment, message):
    with pytest.raises(SystemExit, match=message):
        profile(site, **environment)
