"""The Slurm profile: what a site sets, and from where."""

import re
from pathlib import Path

import pytest
import yte

ROOT = Path(__file__).resolve().parents[2]
KEYS = ("ACCOUNT", "PARTITION", "GPU_PARTITION", "GPU_MODEL", "SITE", "JOB_PREFIX")


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
    """Rules that ask for a GPU, but for simulations, which do so where the config says it."""
    text = "".join(path.read_text() for path in (ROOT / "rules").glob("*.smk"))
    blocks = re.split(r"^rule (\w+):", text, flags=re.MULTILINE)[1:]
    asking = {
        name for name, block in zip(blocks[::2], blocks[1::2], strict=True) if " gpu=" in block
    }
    return asking - {"exit_waves", "diffraction"}


def test_without_a_site_the_cluster_decides(profile):
    found = profile()
    assert found["executor"] == "slurm"
    assert found["slurm-jobname-prefix"] == "latticework"
    assert not {"default-resources", "set-resources", "slurm-partition-config"} & set(found)


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
        assert asked == {"slurm_partition": "'gpu'", "gpu_model": "'a100'"}
    assert found["slurm-jobname-prefix"] == "mine"


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
