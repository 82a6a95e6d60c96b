"""Order on the sites of a lattice: indices, states, domains, missing sites."""

import numpy as np
import pandas as pd
import pytest

from latticework import materials
from latticework.analysis.surfaces.ordered import lattice_of_sites, read_order
from latticework.analysis.surfaces.site_lattice import missing_sites, neighbour_vectors, on_lattice
from latticework.analysis.surfaces.site_order import order_of, order_parameter, patterns
from latticework.materials import Material

CHECKERBOARD = np.array([[0.5, 0.5]])
COUNT, SPACING = 16, 10.0


def sheared(index, shear=0.08, bend=3.0):
    """Sites of a square lattice in a scan that is sheared and bends by some px."""
    places = SPACING * index @ np.array([[1.0, shear], [0.0, 1.0]]) + 20
    return places + bend * np.sin(places[:, ::-1] / 80)


def surface(amplitude, seed=0, noise=1.0):
    """A checkerboard of two domains with a wall in the middle: places, values, domain."""
    rng = np.random.default_rng(seed)
    index = np.stack(np.meshgrid(np.arange(COUNT), np.arange(COUNT)), -1).reshape(-1, 2)
    domain = (index[:, 0] >= COUNT // 2).astype(int)
    sign = 1 - 2 * ((index.sum(axis=1) + domain) % 2)
    values = amplitude * sign + rng.normal(0, noise, len(index))
    return index, sheared(index), values, domain


def test_indices_go_over_from_neighbour_to_neighbour_through_a_bent_scan():
    index, places, _, _ = surface(1.0)
    lattice = on_lattice(places, neighbour_vectors(places, 13.0, 4))
    assert (lattice.group == 0).all()
    assert not lattice.hexagonal
    # Up to where they start and which way they go: a matrix of whole numbers of size 1.
    off, own = index - index[0], lattice.indices - lattice.indices[0]
    turn = np.linalg.lstsq(own, off, rcond=None)[0]
    np.testing.assert_allclose(turn, np.rint(turn), atol=1e-9)
    assert abs(np.linalg.det(turn)) == pytest.approx(1)


def test_a_hexagonal_lattice_has_vectors_at_120_degrees():
    line = np.arange(12)
    x, y = np.meshgrid(line, line)
    places = SPACING * np.column_stack([(x + 0.5 * (y % 2)).ravel(), np.sqrt(0.75) * y.ravel()])
    a, b = neighbour_vectors(places, 13.0, 6)
    assert a @ b / SPACING**2 == pytest.approx(-0.5, abs=0.02)
    assert on_lattice(places, np.array([a, b])).hexagonal


def test_domains_of_a_checkerboard_are_read_through_noise_as_large_as_it():
    _, places, values, domain = surface(1.0)
    lattice = on_lattice(places, neighbour_vectors(places, 13.0, 4))
    found = order_of(places, values[None], lattice, CHECKERBOARD)
    assert found.present
    same = found.domain == domain
    assert max(same.mean(), 1 - same.mean()) > 0.95
    # Half of the sites are in either domain; within a domain the order is whole.
    assert found.parameter < 0.1
    assert found.local_parameter > 0.85


def test_noise_has_no_order():
    present = []
    for seed in range(8):
        _, places, values, _ = surface(0.0, seed)
        lattice = on_lattice(places, neighbour_vectors(places, 13.0, 4))
        present.append(order_of(places, values[None], lattice, CHECKERBOARD).present)
    assert not any(present)


def test_a_second_reading_helps_where_brightness_says_little():
    _, places, values, domain = surface(0.35)
    rng = np.random.default_rng(5)
    index, _, _, _ = surface(1.0)
    sign = 1 - 2 * ((index.sum(axis=1) + domain) % 2)
    other = sign + rng.normal(0, 0.8, len(sign))
    lattice = on_lattice(places, neighbour_vectors(places, 13.0, 4))
    right = []
    for readings in (values[None], np.array([values, other])):
        same = order_of(places, readings, lattice, CHECKERBOARD).domain == domain
        right.append(max(same.mean(), 1 - same.mean()))
    assert right[1] > max(right[0], 0.95)


def test_states_have_as_many_translations_as_their_cell_has_sites():
    cell = np.stack(np.meshgrid(np.arange(6), np.arange(6)), -1).reshape(-1, 2)
    assert patterns(cell, CHECKERBOARD).shape == (36, 2)
    third = np.array([[1 / 3, 0], [0, 1 / 3], [1 / 3, -1 / 3]])
    assert patterns(cell, third).shape == (36, 9)
    with pytest.raises(ValueError, match="no period"):
        patterns(cell, np.array([[0.0123, 0.4]]))


def test_an_order_parameter_goes_from_none_to_one():
    assert order_parameter(np.zeros(9, int), 3) == pytest.approx(1)
    assert order_parameter(np.arange(9) % 3, 3) == pytest.approx(0)
    assert order_parameter(np.array([0, 0, 0, 1]), 2) == pytest.approx(0.5)


def test_a_site_that_is_empty_is_missing_and_one_outside_is_not():
    index, places, _, _ = surface(1.0)
    hole = (index == (5, 7)).all(axis=1)
    lattice = on_lattice(places[~hole], neighbour_vectors(places[~hole], 13.0, 4))
    found = missing_sites(places[~hole], lattice, (220, 220))
    assert len(found) == 1
    assert np.linalg.norm(found[0] - places[hole][0]) < 1


def test_without_facts_the_angle_of_neighbours_decides():
    anything = materials.load("any_lattice")
    _, places, _, _ = surface(1.0)
    assert not lattice_of_sites(places, anything, 1.0).hexagonal
    rng = np.random.default_rng(3)
    assert lattice_of_sites(rng.uniform(0, 100, (4, 2)), anything, 1.0) is None


def test_sites_that_lie_anywhere_have_no_order():
    rng = np.random.default_rng(0)
    places = rng.uniform(10, 190, (60, 2))
    table = pd.DataFrame({"x_px": places[:, 0], "y_px": places[:, 1], "class": "site"})
    found = read_order(
        rng.normal(size=(200, 200)), table, materials.load("any_lattice"), ["site"], 1.0
    )
    assert found.best is None
    assert found.warnings


def test_an_order_of_unknown_classes_is_refused():
    facts = materials.load("manganite_001").model_dump()
    facts["order"]["bright"] = "Mn_white"
    with pytest.raises(ValueError, match="Mn_white"):
        Material.model_validate(facts)
