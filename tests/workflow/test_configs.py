"""Every configuration plans; a wrong one is refused before any job starts."""

import pytest


@pytest.mark.parametrize("scale", ["config", "laptop", "tiny"])
def test_dry_run_of_every_scale(fresh, scale):
    jobs = fresh.planned("--configfile", f"config/{scale}.yaml")
    assert {"structures", "exit_waves", "train", "predict", "atoms", "evaluate"} <= set(jobs)
    assert {"crystals", "diffraction", "figure_crystals", "figure_triplets"} <= set(jobs)


def test_paper_scale_is_a_few_hundred_jobs(fresh):
    jobs = fresh.planned("--configfile", "config/config.yaml")
    assert jobs["structures"] == jobs["exit_waves"] == 24
    assert jobs["crystals"] == jobs["diffraction"] == 220
    assert sum(jobs.values()) < 700


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("studies: {graphene: {imaging: {defocuss: {low: 0, high: 1}}}}", "defocuss"),
        ("studies: {graphene: {imaging: {focal_spread: {low: 0, high: 3.0e+4}}}}", "unit"),
        ("studies: {graphene: {imaging: {dose: {low: 10, high: 1}}}}", "low"),
        ("studies: {graphene: {datasets: [no_such_picture]}}", "no_such_picture"),
        ("studies: {diffraction: {simulation: {size: 512}}}", "two thirds of gpts"),
    ],
)
def test_wrong_config_is_one_clear_error(fresh, text, named):
    (fresh.folder / "wrong.yaml").write_text(text)
    done = fresh.run("--configfile", "config/tiny.yaml", "wrong.yaml", "-n", check=False)
    message = done.stdout + done.stderr
    assert done.returncode != 0
    assert named in message
    assert "Traceback" not in message
