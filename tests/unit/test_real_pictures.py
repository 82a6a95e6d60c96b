import numpy as np
import pytest

from latticework.analysis.real_pictures import against_mask, against_ring_centres, clean_region


def honeycomb(columns, rows):
    a = 1.42 * np.sqrt(3)
    basis = np.array([[0, 0], [a / 2, 0.71], [a / 2, 2.13], [0, 2.84]])
    centres = np.array([[a / 2, -0.71], [0, 1.42]])
    cells = np.array([(i * a, j * 4.26) for i in range(columns) for j in range(rows)])
    return [(cells[:, None] + points).reshape(-1, 2) for points in (basis, centres)]


def test_clean_region_of_a_perfect_sheet():
    atoms, _ = honeycomb(20, 12)
    found = {name: value for name, value, _ in clean_region(atoms, (50, 50, 350, 350), 0.1)}
    assert found["mean bond"] == pytest.approx(1.42)
    assert found["SD of bonds"] == pytest.approx(0, abs=1e-9)
    assert found["atoms with three neighbours"] == 1


def test_ring_centres_judge_what_they_enclose():
    atoms, centres = honeycomb(20, 12)
    sampling = 0.2
    atoms += 1.0
    found = {
        name: value
        for name, value, _ in against_ring_centres(
            atoms, (centres + 1.0) / sampling, (260, 246), sampling, 0.5
        )
    }
    assert found["f1 against ring centres"] > 0.99
    assert found["rms against ring centres"] < 0.01
    # Without every tenth atom, recall falls by a tenth and precision does not.
    kept = np.arange(len(atoms)) % 10 > 0
    fewer = {
        name: value
        for name, value, _ in against_ring_centres(
            atoms[kept], (centres + 1.0) / sampling, (260, 246), sampling, 0.5
        )
    }
    assert fewer["recall against ring centres"] == pytest.approx(0.9, abs=0.03)
    assert fewer["precision against ring centres"] > 0.99


def test_densities_inside_and_outside_of_a_mask():
    mask = np.zeros((100, 200), dtype=np.uint8)
    mask[:, 100:] = 1
    positions = np.array([[1.0, 1.0], [5.0, 5.0], [15.0, 5.0]])
    found = {name: value for name, value, _ in against_mask(positions, mask, 0.1)}
    assert found["masked area"] == pytest.approx(1.0)
    assert found["density inside the mask"] == pytest.approx(1.0)
    assert found["density outside of the mask"] == pytest.approx(2.0)
