import numpy as np
import pandas as pd
import pytest

from latticework import materials
from latticework.evaluation.real_images import (
    COLUMNS,
    against_mask,
    against_outlines,
    against_reference,
    checks,
    clean_region,
)

GRAPHENE = materials.load("graphene")


def values(quantities):
    return {name: value for name, value, _ in quantities}


def honeycomb(columns, rows):
    a = 1.42 * np.sqrt(3)
    basis = np.array([[0, 0], [a / 2, 0.71], [a / 2, 2.13], [0, 2.84]])
    centres = np.array([[a / 2, -0.71], [0, 1.42]])
    cells = np.array([(i * a, j * 4.26) for i in range(columns) for j in range(rows)])
    return [(cells[:, None] + points).reshape(-1, 2) for points in (basis, centres)]


def test_clean_region_of_a_perfect_sheet():
    atoms, _ = honeycomb(20, 12)
    classes = ["C"] * len(atoms)
    found = values(clean_region(atoms, classes, (50, 50, 350, 350), 0.1, GRAPHENE.bonds))
    assert found["mean bond"] == pytest.approx(1.42)
    assert found["SD of bonds"] == pytest.approx(0, abs=1e-9)
    assert found["atoms with 3 neighbours"] == 1


def test_ring_centres_score_what_they_enclose():
    atoms, centres = honeycomb(20, 12)
    sampling = 0.2
    atoms += 1.0
    reference = (centres + 1.0) / sampling, "ring_centres", (260, 246), sampling, 0.5
    found = values(against_reference(atoms, *reference))
    assert found["f1 against ring centres"] > 0.99
    assert found["rms against ring centres"] < 0.01
    # Without every tenth atom, recall falls by a tenth and precision does not.
    kept = np.arange(len(atoms)) % 10 > 0
    fewer = values(against_reference(atoms[kept], *reference))
    assert fewer["recall against ring centres"] == pytest.approx(0.9, abs=0.03)
    assert fewer["precision against ring centres"] > 0.99


def test_densities_inside_and_outside_of_a_mask():
    mask = np.zeros((100, 200), dtype=np.uint8)
    mask[:, 100:] = 1
    positions = np.array([[1.0, 1.0], [5.0, 5.0], [15.0, 5.0]])
    found = values(against_mask(positions, mask, 0.1))
    assert found["masked area"] == pytest.approx(1.0)
    assert found["density inside the mask"] == pytest.approx(1.0)
    assert found["density outside of the mask"] == pytest.approx(2.0)


def test_a_reference_of_atoms_is_scored_as_atoms():
    atoms, _ = honeycomb(20, 12)
    found = values(
        against_reference(atoms + 1.0, (atoms + 1.0) / 0.2, "atoms", (260, 246), 0.2, 0.5)
    )
    assert found["f1 against atoms"] == 1
    with pytest.raises(ValueError, match="ring_centres"):
        list(against_reference(atoms, atoms, "guesses", (260, 246), 0.2, 0.5))


def test_columns_inside_and_along_an_outline():
    # A square of 4 × 4 nm with columns inside, and half of its edge occupied.
    outline = [(100, 100), (500, 100), (500, 500), (100, 500)]
    grid = np.stack(np.meshgrid(np.arange(12, 49, 2.0), np.arange(12, 30, 2.0)), axis=-1)
    positions = np.concatenate([grid.reshape(-1, 2), [[2.0, 2.0]]])
    found = values(against_outlines(positions, [outline], (600, 600), 0.1))
    assert found["columns in outline 1"] == len(positions) - 1
    assert found["density in outline 1"] == pytest.approx((len(positions) - 1) / 16, rel=0.01)
    assert found["columns outside of the outlines"] == 1
    assert found["density outside of the outlines"] == pytest.approx(1 / 20, rel=0.01)
    # The upper edge and 21 of 40 Å of either side, up to 3 Å from the last columns.
    assert found["edge kept of outline 1"] == pytest.approx((40 + 2 * 20.2) / 160, abs=0.01)


def table(positions):
    columns = {"x_angstrom": positions[:, 0], "y_angstrom": positions[:, 1]}
    return pd.DataFrame(columns | {"frame": 0, "class": "C"})


def test_checks_are_those_that_a_dataset_allows():
    atoms, centres = honeycomb(20, 12)
    entry = {"region": (50, 50, 350, 350), "reference": {"kind": "ring_centres"}, "outlines": []}
    arrays = {
        "sampling": np.array([0.1, np.nan]),
        "image_0000": np.zeros((510, 490)),
        "image_0001": np.zeros((510, 490)),
        "mask_0000": np.zeros((510, 490), np.uint8),
        "reference": centres / 0.1,
    }
    attributes = {"names": ["a.tif", "b.tif"], "entry": entry}
    rows = pd.DataFrame(checks("set", table(atoms), arrays, attributes, 0.5, GRAPHENE))
    assert list(rows) == COLUMNS
    assert set(rows["frame"]) == {0}
    wanted = {"pixel", "mean bond", "f1 against ring centres", "detections outside of the mask"}
    assert wanted <= set(rows["quantity"])
    # A material without bonds has no clean region to measure.
    bare = pd.DataFrame(
        checks("set", table(atoms), arrays, attributes, 0.5, materials.load("gold"))
    )
    assert "mean bond" not in set(bare["quantity"])
