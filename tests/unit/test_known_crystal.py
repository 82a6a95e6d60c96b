"""A crystal that the user names says whether the pixel size is right."""

import numpy as np
import pytest
from ase.build import bulk

from latticework.analysis.diffraction.known_crystal import check_pixel, match_zone, zone_lattice

SILICON = bulk("Si", cubic=True)
A = 5.43
# {111} on either side of (200) in a zone ⟨110⟩; the four {220} of ⟨100⟩; the six {220} of ⟨111⟩.
ZONES = {
    "110": np.array([[1, np.sqrt(2)], [-1, np.sqrt(2)]]) / A,
    "100": np.array([[2, 2], [2, -2]]) / A,
    "111": np.sqrt(8) / A * np.array([[1, 0], [0.5, np.sqrt(0.75)]]),
}


def turned(vectors, degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return vectors @ np.array([[c, s], [-s, c]])


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("angle", [0, 33])
def test_a_right_pixel_is_confirmed(zone, angle):
    found = match_zone(SILICON, turned(ZONES[zone], angle))
    assert found.scale == pytest.approx(1, abs=1e-3)
    said, agrees = check_pixel(SILICON, turned(ZONES[zone], angle))
    assert agrees
    assert f"Si [{zone}]" in said


@pytest.mark.parametrize("factor", [0.8, 1.1, 1.25])
def test_a_wrong_pixel_is_said_with_its_factor(factor):
    said, agrees = check_pixel(SILICON, factor * ZONES["110"])
    assert not agrees
    assert f"{factor:.3f} times too large" in said


def test_a_lattice_of_another_shape_is_another_crystal():
    said, agrees = check_pixel(SILICON, np.array([[0.21, 0.0], [0.05, 0.33]]))
    assert not agrees
    assert "another crystal" in said


def test_double_diffraction_is_in_the_zone_s_lattice():
    """(200) of silicon is forbidden, and seen in [011] as (111) + (1-1-1)."""
    vectors = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, 1], [2, 2, 2], [0, 2, -2.0], [0, -2, 2]])
    plane = np.array([v for v in vectors if v @ [0, 1, -1] == 0])
    basis = zone_lattice(plane)
    assert abs(np.linalg.det(basis)) == pytest.approx(2 * np.sqrt(2))
