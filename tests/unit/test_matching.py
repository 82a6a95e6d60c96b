import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from latticework.analysis.atoms.regions import in_mask, in_outlines, outside_margin
from latticework.evaluation import matching
from latticework.evaluation.matching import match


def scores(found, truth, radius=0.5, **ignored):
    return matching.scores(found, truth, radius, **ignored)


def scores_by_group(found, truth, groups, **others):
    return matching.scores_by_group(found, truth, groups, 0.5, **others)


@pytest.mark.parametrize("seed", range(5))
def test_matching_is_optimal(seed):
    rng = np.random.default_rng(seed)
    found, truth = rng.uniform(0, 10, (60, 2)), rng.uniform(0, 10, (50, 2))
    i, j, distance = match(found, truth, 1.0)
    assert len(set(i)) == len(set(j)) == len(i)
    assert distance.max() <= 1.0

    dense = np.hypot(*(found[:, None] - truth).T).T
    cost = np.where(dense <= 1.0, dense, 1e4)
    rows, columns = linear_sum_assignment(cost)
    best = cost[rows, columns]
    assert len(i) == np.count_nonzero(best <= 1.0)
    assert distance.sum() == pytest.approx(best[best <= 1.0].sum())


def test_greedy_would_lose_a_pair():
    # The nearest pair (b, y) would leave a and x alone; two pairs are possible.
    found = np.array([[0.0, 0.0], [0.6, 0.0]])
    truth = np.array([[0.45, 0.0], [1.0, 0.0]])
    i, j, _ = match(found, truth, 0.5)
    assert i.tolist() == [0, 1]
    assert j.tolist() == [0, 1]


def test_coincident_points_and_the_radius_itself_match():
    points = np.array([[0.0, 0.0], [3.0, 0.0]])
    _, _, distance = match(points, points + np.array([[0.0, 0.0], [0.5, 0.0]]), 0.5)
    assert distance.tolist() == [0.0, 0.5]


@pytest.mark.parametrize(("n", "m"), [(0, 3), (3, 0), (0, 0)])
def test_empty_sets_match_nothing(n, m):
    i, j, distance = match(np.zeros((n, 2)), np.ones((m, 2)), 0.5)
    assert len(i) == len(j) == len(distance) == 0
    result = scores(np.zeros((n, 2)), 9 * np.ones((m, 2)))
    assert (result["false_positives"], result["false_negatives"]) == (n, m)
    assert np.isnan(result["rms"])
    assert np.isnan(result["f1"]) == (n == m)


def test_scores_count_and_measure():
    truth = np.array([[0.0, 0.0], [5.0, 0.0], [10.0, 0.0], [15.0, 0.0]])
    found = np.array([[0.3, 0.0], [5.0, -0.4], [10.0, 0.6]])
    result = scores(found, truth, 0.5)
    assert (result["true_positives"], result["false_positives"]) == (2, 1)
    assert result["false_negatives"] == 2
    assert result["precision"] == pytest.approx(2 / 3)
    assert result["recall"] == pytest.approx(1 / 2)
    assert result["f1"] == pytest.approx(4 / 7)
    assert result["rms_x"] == pytest.approx(0.3 / np.sqrt(2))
    assert result["rms_y"] == pytest.approx(0.4 / np.sqrt(2))
    assert result["rms"] == pytest.approx(0.25)
    assert result["median"] == pytest.approx(0.35)
    assert (result["bias_x"], result["bias_y"]) == pytest.approx((0.15, -0.2))


def test_ignored_points_count_neither_as_found_nor_as_missed():
    truth = np.array([[0.9, 5.0], [0.5, 8.0], [5.0, 5.0], [1.1, 2.0]])
    #        partner of an ignored atom, false in the margin, hit, in the margin but a hit
    found = np.array([[1.1, 5.0], [0.2, 0.2], [5.0, 5.1], [0.95, 2.0]])
    extent, margin = (10.0, 10.0), 1.0
    result = scores(
        found,
        truth,
        0.5,
        ignore_found=outside_margin(found, extent, margin),
        ignore_truth=outside_margin(truth, extent, margin),
    )
    assert result["true_positives"] == 2
    assert result["precision"] == result["recall"] == 1.0


def test_groups_share_the_matching_and_split_the_false():
    truth = np.array([[0.0, 0.0], [1.4, 0.0], [9.0, 9.0]])
    found = np.array([[0.1, 0.0], [1.3, 0.0], [8.0, 9.0]])
    result = scores_by_group(found, truth, np.array(["hexagonal", "hexagonal", "other"]))
    assert result["hexagonal"]["f1"] == 1.0
    assert result["other"]["false_positives"] == result["other"]["false_negatives"] == 1
    whole = scores(found, truth)
    assert whole["true_positives"] == sum(r["true_positives"] for r in result.values())
    assert whole["false_positives"] == sum(r["false_positives"] for r in result.values())


def test_groups_without_found_atoms_are_all_missed():
    result = scores_by_group(np.zeros((0, 2)), np.ones((2, 2)), np.array([True, False]))
    assert result[True]["recall"] == result[False]["recall"] == 0.0


def test_a_false_atom_may_be_charged_to_another_group():
    found, truth = np.array([[0.0, 0.0], [5.0, 5.0]]), np.array([[0.0, 0.1]])
    result = scores_by_group(found, truth, np.array(["a"]), charged=np.array(["a", "b"]))
    assert result["a"]["f1"] == 1.0
    assert result["b"]["false_positives"] == 1


def test_points_inside_of_any_outline():
    square = [(0, 0), (4, 0), (4, 4), (0, 4)]
    triangle = [(10, 0), (14, 0), (10, 4)]
    points = np.array([[1.0, 1.0], [11.0, 1.0], [13.5, 3.0], [7.0, 1.0]])
    assert in_outlines(points, [square, triangle]).tolist() == [True, True, False, False]
    assert not in_outlines(points, []).any()


def test_mask_is_indexed_y_x_and_extends_beyond_its_border():
    mask = np.zeros((4, 8), dtype=bool)
    mask[1, 7] = True
    points = np.array([[3.5, 0.5], [0.5, 3.5], [9.0, 0.6]])
    assert in_mask(points, mask, sampling=0.5).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("found", "radius", "message"),
    [
        (np.zeros((3, 3)), 0.5, "found"),
        (np.full((1, 2), np.nan), 0.5, "found"),
        (np.zeros((1, 2)), 0.0, "radius"),
    ],
)
def test_bad_input_is_named(found, radius, message):
    with pytest.raises(ValueError, match=message):
        match(found, np.zeros((1, 2)), radius)


def test_flags_of_the_wrong_length_are_refused():
    with pytest.raises(ValueError, match="ignore_found"):
        scores(np.zeros((2, 2)), np.zeros((1, 2)), ignore_found=[True])
