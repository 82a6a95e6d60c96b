"""A study is a row: a new one takes four files, and outdates nothing."""

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from checkout import Workflow

GENERATOR = '''\
"""Monolayers of 2H-MoS2 with vacancies of sulphur pairs, from above. Lengths in Å."""

import numpy as np
from ase import Atoms
from pydantic import Field

from latticework.config.base import Section
from latticework.structures import numbered


class Parameters(Section):
    """Parameters of a layer."""

    box: float = Field(22.0, gt=20, description="Side of the square, Å: 7 by 4 cells.")
    vacancies: float = Field(0.05, ge=0, le=1, description="Share of missing sulphur pairs.")
    disorder: float = Field(0.05, ge=0, lt=0.3, description="RMS displacement of a column, Å.")


def classes(parameters, material):
    """Columns of molybdenum, and pairs of sulphur."""
    return list(material.classes)


def layer(rng, *, box, vacancies, disorder):
    """One layer; pairs of sulphur are columns of two atoms."""
    corners = np.array([(i, j) for i in range(7) for j in range(4)])
    basis = {1: [(0, 0), (0.5, 0.5)], 2: [(0, 1 / 3), (0.5, 5 / 6)]}
    numbers, positions, names, columns = [], [], [], []
    for kind, sites in basis.items():
        for site in (corners[:, None] + sites).reshape(-1, 2) / (7, 4) * box:
            if kind == 2 and rng.random() < vacancies:
                continue
            moved = site + rng.normal(0, disorder, 2)
            for z in (0.0,) if kind == 1 else (-1.56, 1.56):
                numbers.append(42 if kind == 1 else 16)
                positions.append((*moved, 4.0 + z))
                names.append(kind)
                columns.append(len(set(columns)) if z <= 0 else columns[-1])
    atoms = Atoms(numbers, positions=positions, cell=(box, box, 8.0), pbc=(True, True, False))
    atoms.new_array("visible", np.ones(len(atoms), bool))
    atoms.new_array("classes", np.array(names))
    atoms.new_array("column", np.array(columns))
    return atoms


def make_shard(parameters, material, seed, study, split, indices):
    """Layers number `indices` of a study's split."""
    given = Parameters.model_validate(parameters).model_dump()
    return numbered(
        lambda rng: layer(rng, **given), seed=seed, study=study, split=split, indices=indices
    )
'''

MATERIAL = """\
title: a monolayer of MoS2
elements: [Mo, S]
lattice_constant: 3.16
classes: {Mo: molybdenum, S2: pair of sulphur}
density: 0.2313
coverage: 0.05
neighbours: [1.4, 2.2]
bonds: {length: 1.82, cutoff: {Mo-S2: 2.3}, coordination: 3}
reflections: {spacing: 2.737}
reference:
  cell: [3.16, 5.473]
  basis:
    - {element: Mo, at: [0, 0, 0.2]}
    - {element: Mo, at: [0.5, 0.5, 0.2]}
    - {element: S, at: [0, 0.3333333, 0]}
    - {element: S, at: [0.5, 0.8333333, 0]}
  repeats: [7, 4]
  neighbours: 6
"""

STUDY = """\
studies:
  mos2:
    title: A monolayer of MoS2
    modality: hrtem
    material: MoS2
    structures:
      generator: layered
      count: 6
      held_out: 2
      shard_size: 3
      parameters: {}
    simulation:
      energy: 80.0e+3
      sampling: 0.2
      stored_sampling: 0.24
      slice_thickness: 2.0
      thermal_sigma: 0.06
    imaging:
      sampling: {low: 0.24, high: 0.26}
      defocus: {low: -80, high: -60}
      cs: {low: -12.0e+4, high: -11.0e+4}
      c5: {low: 0, high: 0}
      astigmatism: {low: 0, high: 0}
      astigmatism_angle: {low: 0, high: 6.2831}
      focal_spread: {low: 27, high: 29}
      deflection: {low: 0, high: 0}
      dose: {low: 1.0e+5, high: 2.0e+5, distribution: loguniform}
      c1: {low: 0, high: 0}
      c2: {low: 0.49, high: 0.49}
      c3: {low: 2.34, high: 2.34}
      nyquist_ratio: {low: 1, high: 1}
      crop: 64
      label_sigma: 0.4
    networks:
      residual_unet:
        network: {name: residual_unet, features: 8, depth: 2}
    training:
      batch_size: 4
      steps: 300
      steps_per_epoch: 100
      loss: cross_entropy
      learning_rate: 5.0e-3
      weight_decay: 0.01
      warmup_steps: 20
    inference: {tile: 512, overlap: 64}
    evaluation:
      doses: [1.0e+5]
      defocus: [-70]
      border: 0
    datasets: [mos2_image]
    figures: [dose, training_curve]
"""

DATASET = """
mos2_image:
  title: A drawing of a layer
  study: mos2
  path: {path}
  pixel_size_angstrom: 0.25
"""

FILES = {
    "src/latticework/structures/layered.py": GENERATOR,
    "src/latticework/materials/MoS2.yaml": MATERIAL,
    "mos2.yaml": STUDY,
}
CONFIGS = ("--configfile", "config/tiny.yaml", "few.yaml", "mos2.yaml")


def drawing() -> np.ndarray:
    """Bright discs at the sites of a layer, 0.25 Å a pixel."""
    y, x = np.mgrid[0:176, 0:176] * 0.25
    image = np.zeros(x.shape)
    for i in range(14):
        for j in range(8):
            for u, v, height in ((0, 0, 1.0), (0.5, 0.5, 1.0), (0, 1 / 3, 0.7), (0.5, 5 / 6, 0.7)):
                distance = (x - 3.16 * (i + u)) ** 2 + (y - 5.473 * (j + v)) ** 2
                image += height * np.exp(-distance / (2 * 0.45**2))
    return image


@pytest.fixture(scope="module")
def extended(finished, tmp_path_factory) -> Workflow:
    """The finished run's folder with a new study; everything is put back in the end."""
    picture = tmp_path_factory.mktemp("data") / "layer.tif"
    tifffile.imwrite(picture, (1000 + 500 * drawing()).astype(np.float32))
    registry = finished.folder / "config/datasets.yaml"
    before = registry.read_text()
    for name, text in FILES.items():
        assert not (finished.folder / name).exists()
        (finished.folder / name).write_text(text)
    registry.write_text(before + DATASET.format(path=picture))
    yield finished
    for name in FILES:
        (finished.folder / name).unlink()
    registry.write_text(before)
    # Other tests compare the finished run's results with those of another run.
    for path in list((finished.folder / "results").rglob("*")):
        if path.is_file() and "mos2" in path.relative_to(finished.folder).as_posix():
            path.unlink()


def test_a_new_study_outdates_nothing_of_the_others(extended):
    assert len(FILES) + 1 <= 4
    # Nothing of the finished run is planned again, and of the wider run the new study's jobs only.
    assert extended.jobs() == []
    jobs = extended.jobs(*CONFIGS)
    others = [
        job for job in jobs if job.study != "mos2" and job.wildcards.get("dataset") != "mos2_image"
    ]
    assert [job.rule for job in others] == ["manifest"]
    assert {"structures", "simulate", "train", "evaluate", "predict", "atoms"} <= {
        job.rule for job in jobs
    }


def test_a_new_study_runs_to_its_atoms_and_its_classes_are_scored_one_by_one(extended):
    table = "results/tiny/analysis/mos2_image/mos2/atoms.csv"
    scores = "results/tiny/evaluation/mos2/residual_unet/scores.csv"
    extended.run(table, scores, *CONFIGS)
    found = pd.read_csv(extended.folder / table)
    assert {"class", "p_Mo", "p_S2"} <= set(found)
    assert set(found["class"]) <= {"Mo", "S2"}
    scored = pd.read_csv(extended.folder / scores).set_index("class")
    assert {"all", "Mo", "S2"} <= set(scored.index)
    # 300 steps teach to find and to tell apart what bright columns of two kinds are.
    assert scored.loc[["Mo", "S2"], "f1"].min() > 0.5


def test_a_wrong_name_lists_those_there_are(extended):
    wrong = yaml.safe_load(STUDY)
    wrong["studies"]["mos2"]["structures"]["generator"] = "layerd"
    (extended.folder / "wrong.yaml").write_text(yaml.safe_dump(wrong))
    done = extended.run(
        "-n", "--configfile", "config/tiny.yaml", "few.yaml", "wrong.yaml", check=False
    )
    (extended.folder / "wrong.yaml").unlink()
    message = done.stdout + done.stderr
    assert "'layered'" in message
    assert "Traceback" not in message
