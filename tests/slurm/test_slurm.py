"""`snakemake --profile slurm` on a real Slurm cluster of one node: nothing is mocked."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from checkout import GRAPHENE, TABLES, Workflow

# The cluster has no accounting database, and nobody waits 40 s for a job of ten.
PROFILE = (
    *("--profile", "slurm", "--slurm-status-command", "squeue"),
    *("--slurm-init-seconds-before-status-checks", "3"),
    # Bits depend on the number of threads, and a workstation's run has one.
    *("--set-threads", "train=1", "tune_worker=1"),
)
WAVES = "results/tiny/simulations/graphene/heldout-0000.h5"
SCORES = "results/tiny/evaluation/graphene/residual_unet/scores.csv"
# Seconds that no case may take, whatever hangs.
LIMIT = 900


def jobs(workflow: Workflow, states: str = "all") -> list[dict[str, str]]:
    """Jobs that were submitted from a workflow's folder, oldest first."""
    columns = {"id": "%i", "state": "%T", "name": "%j", "rule": "%k", "partition": "%P"}
    columns |= {"memory": "%m", "tasks": "%C", "folder": "%Z"}
    command = ["squeue", "--noheader", f"--states={states}", "--format", "|".join(columns.values())]
    lines = subprocess.check_output(command, text=True).splitlines()
    rows = [dict(zip(columns, line.split("|"), strict=True)) for line in lines]
    mine = [row for row in rows if row["folder"] == str(workflow.folder)]
    return sorted(mine, key=lambda row: int(row["id"]))


def of_rule(rows: list[dict[str, str]], rule: str) -> list[dict[str, str]]:
    return [row for row in rows if row["rule"].startswith(f"rule_{rule}")]


def until(condition: Callable[[], object], seconds: float = 300) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.3)


def on_cpus(workflow: Workflow) -> Workflow:
    """A workflow whose jobs ask for no GPU: the cluster computes what a workstation does."""
    (workflow.folder / "profiles/slurm/site.yaml").write_text("gpus: 0\n")
    return workflow


@pytest.fixture(scope="module")
def whole(cluster, tmp_path_factory, pictures):
    """A workflow whose tiny run, of one study, was made by the cluster."""
    workflow = on_cpus(Workflow(tmp_path_factory.mktemp("whole"), pictures, GRAPHENE))
    workflow.run(*PROFILE, timeout=LIMIT)
    return workflow


@pytest.fixture
def small(cluster, tmp_path, pictures, finished):
    """A workflow that has one shard of structures, and no waves."""
    workflow = on_cpus(Workflow(tmp_path, pictures))
    shard = Path("results/tiny/structures/graphene/heldout-0000.extxyz")
    (tmp_path / shard).parent.mkdir(parents=True)
    shutil.copy(finished.folder / shard, tmp_path / shard)
    return workflow


def test_the_tiny_run_is_that_of_a_workstation(whole, finished):
    assert whole.planned() == {}
    assert whole.differing(finished, *TABLES) == []
    rows = jobs(whole)
    assert len(rows) > 15
    assert {row["state"] for row in rows} == {"COMPLETED"}
    assert all(row["name"].startswith("latticework_") for row in rows)
    # Memory as the rules ask for it: twice the measured peak and what Snakemake needs.
    assert {row["memory"] for row in of_rule(rows, "structures")} == {"820M"}


def test_a_cancelled_job_is_tried_again(small, finished):
    driver = small.start(WAVES, *PROFILE)
    until(small.scripts)
    (victim,) = of_rule(jobs(small, "running"), "simulate")
    subprocess.run(["scancel", victim["id"]], check=True)
    assert driver.wait(LIMIT) == 0
    assert [row["state"] for row in of_rule(jobs(small), "simulate")] == [
        "CANCELLED",
        "COMPLETED",
    ]
    assert small.files(".h5")[WAVES] == finished.files(".h5")[WAVES]


def test_a_job_over_its_memory_is_tried_again_with_more(small, finished):
    # The script and Snakemake beside it have about 600 MB.
    more = ("--set-resources", "simulate:mem_mb=400*attempt")
    small.run(WAVES, *PROFILE, *more, timeout=LIMIT)
    rows = of_rule(jobs(small), "simulate")
    assert [row["memory"] for row in rows] == ["400M", "800M"]
    assert rows[0]["state"] in ("OUT_OF_MEMORY", "CANCELLED", "FAILED")
    assert rows[1]["state"] == "COMPLETED"
    # Slurm's own words are in the log that the driver names.
    (log,) = small.folder.glob(f"logs/slurm/rule_simulate/*/{rows[0]['id']}.log")
    assert "exceeded memory limit" in log.read_text()
    assert small.files(".h5")[WAVES] == finished.files(".h5")[WAVES]


def test_a_run_goes_on_after_its_driver_was_killed(small, finished):
    driver = small.start(WAVES, *PROFILE)
    until(small.scripts)
    after_kill = [small.folder / "profiles/slurm/after-kill.sh"]
    # Not while the driver lives.
    refused = subprocess.run(
        after_kill, cwd=small.folder, capture_output=True, text=True, check=False
    )
    assert (refused.returncode, str(driver.pid) in refused.stderr) == (1, True)
    # The job that it leaves behind is held fast, so that it is there when it is looked for.
    for script in small.scripts():
        os.kill(script, signal.SIGSTOP)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    (orphan,) = of_rule(jobs(small, "running"), "simulate")
    locked = small.run(WAVES, *PROFILE, check=False, timeout=LIMIT)
    assert "cannot be locked" in locked.stdout + locked.stderr
    done = subprocess.run(after_kill, cwd=small.folder, capture_output=True, text=True, check=True)
    assert f"cancelling: {orphan['id']}" in done.stdout
    assert jobs(small, "pending,running,completing") == []
    small.run(WAVES, *PROFILE, timeout=LIMIT)
    assert small.files(".h5")[WAVES] == finished.files(".h5")[WAVES]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ("simulate:mem_mb=999999", "Memory specification can not be satisfied"),
        ("simulate:gpu=9", "Requested node configuration is not available"),
    ],
)
def test_what_no_node_can_serve_is_an_error(small, request_, message):
    done = small.run(WAVES, *PROFILE, "--set-resources", request_, check=False, timeout=LIMIT)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert "rule simulate" in done.stdout + done.stderr
    # Refused, not left waiting; Slurm remembers each of the three attempts.
    assert [row["state"] for row in jobs(small)] == 3 * ["FAILED"]


def test_training_on_two_devices_is_two_tasks_on_two_gpus_and_is_scored_on_one(whole):
    # Nobody can compute on the cluster's GPUs: Slurm hands them out, and Lightning takes CPUs.
    site = whole.folder / "profiles/slurm/site.yaml"
    site.write_text("gpu_partition: gpu\ngpu_model: fake\ntrain_gpus: 2\n")
    # A runtime setting outdates nothing: the training must be asked for.
    assert whole.planned() == {}
    whole.run(SCORES, *PROFILE, "--forcerun", "train", "evaluate", timeout=LIMIT)
    for rule, devices in (("train", 2), ("evaluate", 1)):
        row = of_rule(jobs(whole), rule)[-1]
        assert (row["partition"], row["state"], row["tasks"]) == ("gpu", "COMPLETED", str(devices))
        shown = subprocess.check_output(["scontrol", "show", "job", row["id"]], text=True)
        assert f"gpu:fake:{devices}\n" in shown
    log = (whole.folder / "logs/results/tiny/models/graphene/residual_unet/train.log").read_text()
    assert "srun --nodes=1 --ntasks=2" in log
    assert "MEMBER: 2/2" in log
    assert log.count("distributed_backend=gloo") == 1
