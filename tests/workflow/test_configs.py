"""Every configuration plans; a wrong one is refused before any job starts."""

from collections import Counter

import pytest
from checkout import Workflow

PAPER = ("--configfile", "config/config.yaml")


@pytest.fixture(scope="module")
def paper(tmp_path_factory, pictures):
    """The jobs at the papers' scale, and those that are tried a second time."""
    workflow = Workflow(tmp_path_factory.mktemp("paper"), pictures)
    return workflow.jobs(*PAPER), workflow.jobs("--attempt", "2", *PAPER)


@pytest.mark.parametrize("scale", ["config", "laptop", "tiny"])
def test_dry_run_of_every_scale(request, fresh, scale):
    if scale == "config":
        jobs = Counter(job.rule for job in request.getfixturevalue("paper")[0])
    else:
        jobs = fresh.planned("--configfile", f"config/{scale}.yaml")
    assert {"structures", "simulate", "train", "predict", "atoms", "evaluate"} <= set(jobs)
    assert {"figure_crystals", "figure_triplets", "correlate", "compare", "peaks"} <= set(jobs)
    # In an environment that not every machine can make: at the papers' scale alone.
    assert jobs["correlate"] == (2 if scale == "config" else 1)
    # Two trainings and nothing else of their own: too much for CI.
    assert ("figure_comparison" in jobs) == (scale != "tiny")


def test_published_weights_leave_nothing_to_train(fresh):
    arguments = ("--configfile", "config/laptop.yaml", "config/published.yaml")
    jobs = fresh.jobs(*arguments)
    assert not {"train", "figure_training_curve"} & {job.rule for job in jobs}
    assert {job.wildcards["split"] for job in jobs if job.rule == "simulate"} == {"heldout"}


def test_the_target_networks_trains_every_network_of_every_study(fresh):
    jobs = fresh.jobs("networks", "--configfile", "config/laptop.yaml")
    trained = {(job.study, job.wildcards["network"]) for job in jobs if job.rule == "train"}
    diffraction = {network for study, network in trained if study == "diffraction"}
    assert len(trained) == 19
    assert len(diffraction) == 5


def test_a_scan_s_strain_is_measured_where_its_figure_is_asked_for(fresh):
    registry = fresh.folder / "config/datasets.yaml"
    registry.write_text(
        registry.read_text()
        + "\nmy_scan: {title: A scan, study: diffraction, kind: scan, path: scan.hspy, "
        "semiangle_mrad: 2, energy_kev: 200, figures: [strain_maps]}\n"
    )
    (fresh.folder / "scan.hspy").write_text("")
    jobs = fresh.jobs("results/tiny/figures/diffraction/my_scan/strain_maps.png")
    assert [job.rule for job in jobs if job.wildcards.get("dataset") == "my_scan"] == [
        *("fetch", "calibrate", "strain_maps", "figure_strain_maps"),
    ]


def test_paper_scale_is_a_few_fat_jobs_that_ask_for_more_when_they_fail(paper):
    jobs, again = paper
    assert len(jobs) <= 5000
    assert sum(job.rule == "simulate" and job.study == "diffraction" for job in jobs) == 220
    assert {job.rule for job in jobs if "gpu" in job.resources} == {
        *("simulate", "simulate_scan", "train", "evaluate", "score", "count"),
    }
    # Job by job: a rule's jobs ask for different amounts in different studies.
    more = {(job.rule, *job.output): job.resources for job in again}
    for job in jobs:
        for key in ("mem_mb", "runtime"):
            assert more[job.rule, *job.output][key] == 2 * job.resources[key] > 0, job


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


def test_weights_that_a_training_starts_from_are_its_input(fresh):
    jobs = fresh.jobs("--configfile", "config/laptop.yaml")
    trainings = [job for job in jobs if job.rule == "train"]
    starting = [job for job in trainings if any(path.startswith("models/") for path in job.input)]
    assert len(trainings) == 19
    scanned = ["stem_graphene", "stem_metal", "stem_perovskite", "stem_silicon"]
    assert sorted(job.study for job in starting) == ["generic", "gold_heights", *scanned]


def test_a_data_set_that_its_study_cannot_read_is_refused_before_any_job(fresh):
    registry = fresh.folder / "config/datasets.yaml"
    registry.write_text(
        registry.read_text()
        + "\nmy_picture: {title: mine, study: diffraction, path: frame.tif, kind: image}\n"
    )
    (fresh.folder / "mine.yaml").write_text("studies: {diffraction: {datasets: [my_picture]}}")
    done = fresh.run("--configfile", "config/tiny.yaml", "mine.yaml", "-n", check=False)
    message = done.stdout + done.stderr
    assert done.returncode != 0
    assert "my_picture" in message
    assert "scan" in message
    assert "Traceback" not in message


def test_the_demo_trains_nothing_and_is_small(fresh):
    configs = (f"config/{name}.yaml" for name in ("laptop", "published", "demo"))
    jobs = fresh.jobs("--configfile", *configs)
    assert not {"train", "figure_training_curve"} & {job.rule for job in jobs}
    assert len(jobs) < 150
