import numpy as np
import pytest

from latticework.structures.thinning import hard_core

LINE = np.stack([[0.0, 1.0, 2.0, 3.0, 9.0], np.zeros(5)], axis=1)


def test_the_highest_stay_and_what_their_victims_hid():
    # 0 removes 1, so 2 is free and removes 3.
    kept = hard_core(LINE, 1.5, priority=np.array([4.0, 3.0, 2.0, 1.0, 0.5]))
    assert kept.tolist() == [True, False, True, False, True]
    rising = hard_core(LINE, 1.5, priority=np.arange(5.0))
    assert rising.tolist() == [False, True, False, True, True]


def test_of_equal_points_the_first_stays():
    expected = [True, False, True, False, True]
    assert hard_core(LINE, 1.5).tolist() == expected
    assert hard_core(LINE, 1.5, priority=np.ones(5)).tolist() == expected


def test_a_periodic_box_has_no_border():
    points = np.array([[0.2, 5.0], [9.9, 5.0], [5.0, 5.0]])
    assert hard_core(points, 1.0).tolist() == [True, True, True]
    assert hard_core(points, 1.0, box=10.0).tolist() == [True, False, True]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_it_is_the_greedy_choice_one_after_the_other(dimensions):
    rng = np.random.default_rng(dimensions)
    points = rng.uniform(0, 10, (400, dimensions))
    priority = rng.integers(0, 20, 400)
    kept = []
    for number in np.argsort(-priority, kind="stable"):
        if all(np.linalg.norm(points[number] - points[other]) > 1.0 for other in kept):
            kept.append(number)
    assert np.flatnonzero(hard_core(points, 1.0, priority=priority)).tolist() == sorted(kept)


def test_no_points_are_no_points():
    assert hard_core(np.zeros((0, 2)), 1.0).shape == (0,)
