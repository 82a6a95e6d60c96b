"""Honest reruns: one change at a time, and the exact set of rules that it makes rerun."""

import os
import sys
from pathlib import Path

import pytest
import yaml
from checkout import Workflow


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


def changed(workflow: Workflow, change, *arguments: str) -> dict[str, int]:
    """Rules that a change makes rerun, with their number of jobs; the file is put back."""
    name, edit = change
    path = workflow.folder / name
    before = path.read_bytes()
    path.write_text(edit(before.decode()))
    try:
        return workflow.planned(*arguments)
    finally:
        path.write_bytes(before)


READING = {"predict", "atoms", "lattice", "real_pictures"}
READING_FIGURES = {"figure_defect", "figure_out_of_distribution"}
SCORES = {"evaluate", "figure_dose"}
LESSON = {"figure_training_example"}
TRAINING = {"train", "figure_training_curve"} | SCORES | LESSON
WAVES = {"exit_waves"} | TRAINING
STRUCTURES = {"structures", "figure_structures"} | WAVES
COMPARED = {"compare_maps", "figure_detection", "figure_accuracy", "figure_table1"}
READ_MAPS = {"evaluate_maps"} | COMPARED
JUDGED = {"correlate_quantem"} | READ_MAPS
MAPS = {"train_maps", "figure_map_training"} | READ_MAPS
PATTERNS = {"diffraction", "figure_triplets", "evaluation_patterns"} | MAPS | JUDGED
CRYSTALS = {"crystals", "figure_crystals"} | PATTERNS
DRAWN = {"figure_structures", "figure_training_curve", "figure_dose"} | LESSON | READING_FIGURES
DRAWN |= {"figure_crystals", "figure_triplets", "figure_map_training"}
DRAWN |= COMPARED - {"compare_maps"}

PACKAGE = "src/latticework"
TINY = "config/tiny.yaml"
STUDY = "studies/graphene"
DATASETS = "config/datasets.yaml"
SOOT = "title: Soot with a burnt-in scale bar"

# One change at a time, and the rules that it makes rerun beside `manifest`.
CHANGES = {
    "module: a figure's style": (append(f"{PACKAGE}/figures/style.py"), DRAWN),
    "module: the strain": (append(f"{PACKAGE}/analysis/strain.py"), {"lattice", "figure_defect"}),
    "module: the matching": (
        append(f"{PACKAGE}/analysis/matching.py"),
        SCORES | {"real_pictures"},
    ),
    "module: the optimiser": (append(f"{PACKAGE}/learning/module.py"), TRAINING | MAPS),
    "module: the triplets": (append(f"{PACKAGE}/learning/triplets.py"), TRAINING | MAPS),
    "module: the detector": (
        append(f"{PACKAGE}/imaging/detector.py"),
        TRAINING | MAPS | JUDGED | {"evaluation_patterns", "bounds"},
    ),
    "module: eq. 1": (append(f"{PACKAGE}/analysis/diffraction_scores.py"), JUDGED),
    "module: the correlation": (
        append(f"{PACKAGE}/analysis/correlation_quantem.py"),
        {"correlate_quantem"} | COMPARED,
    ),
    "module: the dropout at inference": (append(f"{PACKAGE}/inference/maps.py"), READ_MAPS),
    "module: the tiling": (
        append(f"{PACKAGE}/inference/tiling.py"),
        READING | READING_FIGURES | SCORES | LESSON,
    ),
    "module: the lattice's scale": (
        append(f"{PACKAGE}/inference/scale.py"),
        {"calibrate", "figure_skipped"} | READING | READING_FIGURES | SCORES | LESSON,
    ),
    "module: the manifest": (append(f"{PACKAGE}/provenance.py"), set()),
    "module: the prototypes": (append(f"{PACKAGE}/structures/crystals.py"), CRYSTALS),
    "module: the Ewald sphere": (append(f"{PACKAGE}/simulation/structure_factors.py"), PATTERNS),
    "config: steps": (setting(TINY, f"{STUDY}/training/steps", 61), TRAINING),
    "config: steps of one network": (
        setting(TINY, "studies/diffraction/networks/fcunet/steps", 5),
        MAPS,
    ),
    "config: doses of the diffraction study": (
        setting(TINY, "studies/diffraction/evaluation/patterns/doses", [1.0e6]),
        {"evaluation_patterns"} | JUDGED,
    ),
    "config: trials": (setting(TINY, "studies/diffraction/evaluation/trials", 4), JUDGED),
    "config: doses": (
        setting(TINY, f"{STUDY}/evaluation/doses", [1.0e5]),
        SCORES | LESSON | {"bounds"},
    ),
    "config: tile": (
        setting(TINY, f"{STUDY}/inference/tile", 256),
        READING | READING_FIGURES | SCORES | LESSON,
    ),
    "config: threshold": (
        setting(TINY, f"{STUDY}/inference/threshold", 0.6),
        SCORES | READING_FIGURES | (READING - {"predict"}),
    ),
    "config: pixel of the multislice": (
        setting(TINY, f"{STUDY}/simulation/sampling", 0.19),
        WAVES | {"bounds"},
    ),
    "config: seed": (setting(TINY, "seed", 2019), STRUCTURES | CRYSTALS),
    "dataset": (
        replace(DATASETS, SOOT, "title: Soot"),
        {"fetch", "calibrate", "predict", "atoms", "real_pictures"}
        | {"figure_out_of_distribution", "figure_skipped"},
    ),
}
# What changes no result.
WITHOUT_EFFECT = {
    "a module that no rule imports": append(f"{PACKAGE}/cli.py"),
    "another study's picture": replace(DATASETS, "nanoparticles_on_film:", "particles:"),
    "a caption": append("report/dose.rst"),
    "an environment that is not used": append("envs/figures.yaml"),
    "the place of the mirror": replace("few.yaml", "mirror: ", "mirror: /nowhere"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_one_change_reruns_exactly_what_depends_on_it(finished, what):
    change, expected = CHANGES[what]
    assert set(changed(finished, change)) == expected | {"manifest"}


@pytest.mark.parametrize("what", WITHOUT_EFFECT)
def test_what_changes_no_result_reruns_nothing(finished, what):
    assert changed(finished, WITHOUT_EFFECT[what]) == {}


def test_more_structures_add_shards_and_invalidate_none(finished):
    planned = changed(finished, setting(TINY, f"{STUDY}/structures/count", 6))
    assert planned["structures"] == planned["exit_waves"] == 1
    # Everything is as it was: so is the plan.
    assert finished.planned() == {}


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
    figure = "results/tiny/figures/graphene/fig4_structures.svg"
    shard = "results/tiny/structures/graphene/train-0000.extxyz"
    arguments = (figure, shard, "--sdm", "conda")
    with_conda.run(*arguments)
    made = sorted(Path(with_conda.folder, ".snakemake/conda").glob("*/bin/python"))
    assert len(made) == 2
    assert with_conda.planned(*arguments) == {}
    edit = replace("envs/figures.yaml", "tqdm==", "tqdm==0.")
    assert changed(with_conda, edit, *arguments) == {"figure_structures": 1}
