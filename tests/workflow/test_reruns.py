"""Honest reruns: one change at a time, and the exact set of rules that it makes rerun."""

import os
import sys
from pathlib import Path

import pytest
import yaml
from checkout import Job, Workflow


def append(name):
    """A module with one line more."""
    return name, lambda text: text + "\nCHANGED = True\n"


def replace(name, old, new):
    """A file with one value changed."""

    def change(text):
        assert text.count(old) == 1, f"{name} has {text.count(old)} times {old!r}"
        return text.replace(old, new)

    return name, change


def setting(name, key, value):
    """A configuration with one leaf changed or added."""

    def change(text):
        content = yaml.safe_load(text)
        *sections, leaf = key.split("/")
        section = content
        for part in sections:
            section = section.setdefault(part, {})
        assert section.get(leaf) != value
        section[leaf] = value
        # In the order of the file: that of a study's networks is that of its figures.
        return yaml.safe_dump(content, sort_keys=False)

    return name, change


def changed(workflow: Workflow, change, *arguments: str) -> list[Job]:
    """Jobs that a change makes rerun; the file is put back."""
    name, edit = change
    path = workflow.folder / name
    before = path.read_bytes()
    path.write_text(edit(before.decode()))
    try:
        return workflow.jobs(*arguments)
    finally:
        path.write_bytes(before)


def of(study, rules):
    """Rules of one study."""
    return {(study, rule) for rule in rules}


def both(rules):
    """Rules of both studies of the run."""
    return of("graphene", rules) | of("diffraction", rules)


READ_ATOMS = {"atoms", "bonds", "real_images"}
READ_FIGURES = {"figure_defect", "figure_out_of_distribution"}
READ = {"predict"} | READ_ATOMS | READ_FIGURES
CALIBRATED = READ | {"figure_skipped"}
SCORES = {"evaluate", "score", "figure_dose"}
LESSON = {"example", "figure_training_example"}
TRAINED = {"train", "figure_training_curve"} | SCORES | LESSON
SIMULATED = {"simulate"} | TRAINED
GROWN = {"structures", "construction", "figure_construction"} | SIMULATED
COMPARED = {"compare", "figure_detection", "figure_accuracy", "figure_table1"}
READ_SCANS = {"predict", "peaks", "figure_bragg_peaks"}
JUDGED = {"evaluate"} | COMPARED
ALL_JUDGED = {"correlate"} | JUDGED
TRAINED_MAPS = {"train", "figure_training_curve"} | JUDGED
PATTERNS = {"simulate", "figure_triplets", "evaluation_patterns", "correlate"} | TRAINED_MAPS
CRYSTALS = {"structures", "figure_crystals"} | PATTERNS
STRAIN_SCORED = {"strain_scores", "figure_strain_profiles"}
STRAIN = {"simulate_scan", "measure_strain", "correlate_strain"} | STRAIN_SCORED
DRAWN = {"figure_construction", "figure_training_curve", "figure_dose", "figure_training_example"}
DRAWN |= READ_FIGURES
DRAWN_MAPS = {"figure_crystals", "figure_triplets", "figure_training_curve", "figure_bragg_peaks"}
DRAWN_MAPS |= COMPARED - {"compare"} | {"figure_strain_profiles"}

PACKAGE = "src/latticework"
TINY = "config/tiny.yaml"
STUDY = "studies/graphene"
DATASETS = "config/datasets.yaml"
SOOT = "title: Soot with a burnt-in scale bar"

# One change at a time, and the rules that it makes rerun beside `manifest`, by study.
CHANGES = {
    "module: a figure's style": (
        append(f"{PACKAGE}/figures/style.py"),
        of("graphene", DRAWN) | of("diffraction", DRAWN_MAPS),
    ),
    "module: the strain": (
        append(f"{PACKAGE}/analysis/atoms/template_strain.py"),
        of("graphene", {"bonds", "figure_defect"}),
    ),
    "module: the matching": (
        append(f"{PACKAGE}/evaluation/matching.py"),
        of("graphene", SCORES | {"real_images"}),
    ),
    "module: the optimiser": (
        append(f"{PACKAGE}/learning/module.py"),
        of("graphene", TRAINED) | of("diffraction", TRAINED_MAPS),
    ),
    "module: the triplets": (
        append(f"{PACKAGE}/learning/sources/triplets.py"),
        of("diffraction", TRAINED_MAPS),
    ),
    "module: the microscope of training": (
        append(f"{PACKAGE}/imaging/hrtem.py"),
        of("graphene", TRAINED),
    ),
    "module: the generator of one study": (
        append(f"{PACKAGE}/structures/voronoi.py"),
        of("graphene", GROWN),
    ),
    "module: an architecture": (
        append(f"{PACKAGE}/networks/layers/fcunet.py"),
        of("diffraction", TRAINED_MAPS),
    ),
    "module: eq. 1": (
        append(f"{PACKAGE}/evaluation/bragg.py"),
        of("diffraction", ALL_JUDGED | {"correlate_strain"} | STRAIN_SCORED),
    ),
    "module: the refined disks": (
        append(f"{PACKAGE}/analysis/diffraction/disks.py"),
        of("diffraction", {"measure_strain"} | STRAIN_SCORED),
    ),
    # Of the tiny run's scans only that which the correlation is tuned on has it.
    "module: a specimen": (
        append(f"{PACKAGE}/specimens/flakes.py"),
        of("diffraction", STRAIN - {"measure_strain"}),
    ),
    "config: trials of the strain": (
        setting(TINY, "studies/diffraction/scans/trials", 3),
        of("diffraction", {"correlate_strain"} | STRAIN_SCORED),
    ),
    "module: the correlation": (
        append(f"{PACKAGE}/analysis/diffraction/correlation_quantem.py"),
        of("diffraction", {"correlate", "correlate_strain"} | COMPARED | STRAIN_SCORED),
    ),
    "module: the tiling": (
        append(f"{PACKAGE}/inference/tiling.py"),
        of("graphene", READ | SCORES | LESSON),
    ),
    "module: the manifest": (append(f"{PACKAGE}/provenance.py"), set()),
    "module: the prototypes": (
        append(f"{PACKAGE}/structures/crystals.py"),
        of("diffraction", CRYSTALS),
    ),
    "module: the Ewald sphere": (
        append(f"{PACKAGE}/simulation/structure_factors.py"),
        of("diffraction", PATTERNS),
    ),
    "config: steps": (setting(TINY, f"{STUDY}/training/steps", 61), of("graphene", TRAINED)),
    "config: steps of one network": (
        setting(TINY, "studies/diffraction/networks/fcunet/steps", 5),
        of("diffraction", TRAINED_MAPS),
    ),
    "config: doses of the diffraction study": (
        setting(TINY, "studies/diffraction/evaluation/patterns/doses", [1.0e6]),
        of("diffraction", {"evaluation_patterns"} | ALL_JUDGED),
    ),
    "config: trials": (
        setting(TINY, "studies/diffraction/evaluation/trials", 4),
        of("diffraction", ALL_JUDGED),
    ),
    "config: doses": (
        setting(TINY, f"{STUDY}/evaluation/doses", [1.0e5]),
        of("graphene", SCORES - {"score"} | LESSON | {"bounds"}),
    ),
    "config: tile": (
        setting(TINY, f"{STUDY}/inference/tile", 256),
        of("graphene", READ | SCORES | LESSON),
    ),
    "config: threshold": (
        setting(TINY, f"{STUDY}/inference/threshold", 0.6),
        of("graphene", SCORES | LESSON | READ_FIGURES | READ_ATOMS),
    ),
    "config: threshold of the peaks of a scan": (
        setting(TINY, "studies/diffraction/inference/threshold", 0.2),
        of("diffraction", READ_SCANS),
    ),
    "config: pixel of the multislice": (
        setting(TINY, f"{STUDY}/simulation/sampling", 0.19),
        of("graphene", SIMULATED | {"bounds"}),
    ),
    "config: seed": (
        setting(TINY, "seed", 2019),
        of("graphene", GROWN) | of("diffraction", CRYSTALS | STRAIN),
    ),
    "a material": (
        (f"{PACKAGE}/materials/graphene.yaml", lambda text: text + "\n# Changed.\n"),
        of("graphene", GROWN | {"bounds"} | CALIBRATED) | {("", "calibrate")},
    ),
    "dataset": (
        replace(DATASETS, SOOT, "title: Soot"),
        of("graphene", {"predict", "atoms", "real_images"})
        | of("graphene", {"figure_out_of_distribution", "figure_skipped"})
        | {("", "fetch"), ("", "calibrate")},
    ),
}
# What changes no result.
WITHOUT_EFFECT = {
    "a module that no rule imports": append(f"{PACKAGE}/cli/main.py"),
    "a generator that no study of the run uses": append(f"{PACKAGE}/structures/nanoparticles.py"),
    "a material that no study of the run uses": append(f"{PACKAGE}/materials/gold.yaml"),
    "the model of a study's sections": append(f"{PACKAGE}/config/study.py"),
    "a modality's description": append(f"{PACKAGE}/modalities/hrtem.py"),
    "another study's image": replace(DATASETS, "nanoparticles_on_film:", "particles:"),
    "a caption": append("report/dose.rst"),
    "an environment that is not used": append("envs/figures.yaml"),
    "the place of the mirror": replace("few.yaml", "mirror: ", "mirror: /nowhere"),
    "more threads": (
        "profiles/default/config.yaml",
        lambda text: text + "\nset-threads: {train: 2}\n",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_one_change_reruns_exactly_what_depends_on_it(finished, what):
    change, expected = CHANGES[what]
    found = {(job.study, job.rule) for job in changed(finished, change)}
    assert found == expected | {("", "manifest")}


@pytest.mark.parametrize("what", WITHOUT_EFFECT)
def test_what_changes_no_result_reruns_nothing(finished, what):
    assert changed(finished, WITHOUT_EFFECT[what]) == []


def test_more_structures_add_shards_and_invalidate_none(finished):
    jobs = changed(finished, setting(TINY, f"{STUDY}/structures/count", 6))
    new = [job.wildcards["number"] for job in jobs if job.rule in ("structures", "simulate")]
    assert new == ["0002", "0002"]
    assert not finished.jobs()


def test_a_larger_held_out_set_does_not_train_again(finished):
    jobs = changed(finished, setting(TINY, f"{STUDY}/structures/held_out", 4))
    rules = {job.rule for job in jobs}
    assert "evaluate" in rules
    assert "train" not in rules


CONDA = """\
#!/usr/bin/env bash
# Stands in for conda: an "environment" is the Python that runs the tests. Snakemake's wiring is
# what is tested with it, not the environments: those are solved where there is a channel.
case "$1 $2" in
  "info --json") echo '{{"conda_prefix": "{prefix}", "platform": "linux-64"}}' ;;
  "--version ") echo "conda 25.1.0" ;;
  "config --get") echo '{{"get": {{"channel_priority": "strict"}}}}' ;;
  *)
    while [ $# -gt 0 ]; do
      [ "$1" = --prefix ] && environment=$2
      [ "$1" = --file ] && file=$2
      shift
    done
    mkdir -p "$environment/bin"
    grep -q conda-forge "$file"
    printf '#!/bin/sh\\nexec {python} "$@"\\n' > "$environment/bin/python"
    chmod +x "$environment/bin/python"
    ;;
esac
"""


@pytest.fixture
def with_conda(fresh, monkeypatch):
    """A workflow with a stand-in for conda."""
    prefix = fresh.folder / "conda"
    (prefix / "bin").mkdir(parents=True)
    conda = prefix / "bin/conda"
    conda.write_text(CONDA.format(prefix=prefix, python=sys.executable))
    conda.chmod(0o755)
    (prefix / "bin/activate").write_text('export PATH="$1/bin:$PATH" LATTICEWORK_CONDA="$1"\n')
    monkeypatch.setenv("PATH", f"{prefix}/bin{os.pathsep}{os.environ['PATH']}")
    return fresh


def test_an_environment_reruns_its_rules_under_conda(with_conda):
    """Wiring only: which environment a rule is run in, and that an edited one reruns it."""
    figure = "results/tiny/figures/graphene/construction.svg"
    shard = "results/tiny/structures/graphene/train-0000.extxyz"
    arguments = (figure, shard, "--sdm", "conda")
    with_conda.run(*arguments)
    made = sorted(Path(with_conda.folder, ".snakemake/conda").glob("*/bin/python"))
    assert len(made) == 2
    assert with_conda.jobs(*arguments) == []
    edit = replace("envs/figures.yaml", "tqdm==", "tqdm==0.")
    assert [job.rule for job in changed(with_conda, edit, *arguments)] == ["figure_construction"]
