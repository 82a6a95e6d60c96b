"""Parameters of a correlation are drawn, and chosen on scans that no method is judged on."""

import numpy as np

from latticework.evaluation.scans import correlated, tuned

SIZE, STEP = 64, 0.01
VECTORS = np.array([[12.0, 1.0], [-1.0, 13.0]])


def scan(count: int) -> dict[str, np.ndarray]:
    """Patterns that say nothing but their own number; a lattice without strain."""
    return {
        "pattern": np.stack([np.full((SIZE, SIZE), float(n)) for n in range(count)]),
        "probe": np.ones((SIZE, SIZE)),
        "reference": VECTORS * STEP,
        "reciprocal_sampling": np.array(STEP),
        "deformation": np.broadcast_to(np.eye(2), (count, 2, 2)),
    }


def detect(pattern, probe, step, parameters):
    """Peaks of the lattice, wrong by `error`, in the share of the patterns that `seen` says."""
    if pattern.flat[0] >= parameters["seen"]:
        return np.zeros((0, 3))
    steps = np.stack(np.meshgrid(np.arange(-2, 3), np.arange(-2, 3)), axis=-1).reshape(-1, 2)
    places = steps @ (VECTORS * (1 + parameters["error"])) * step
    return np.column_stack([places, np.ones(len(places))])


def drawn(seen: int, error: float) -> dict:
    return {"seen": seen, "error": error, "hot_pixels": False, "lattice": "quantem"}


def test_good_in_few_positions_is_one_answer_and_a_whole_map_another():
    arrays = scan(12)
    few, whole, bad = drawn(10, 1e-4), drawn(12, 6e-3), drawn(12, 9e-3)
    best, complete = tuned([(arrays["pattern"], arrays)], detect, [bad, few, whole])
    assert best is few
    assert complete is whole


def test_without_a_complete_one_the_most_complete_is_taken():
    arrays = scan(12)
    best, complete = tuned(
        [(arrays["pattern"], arrays)], detect, [drawn(2, 0.0), drawn(6, 0.02), drawn(6, 0.008)]
    )
    assert best["seen"] == 6
    assert complete == drawn(6, 0.008)


def test_a_pattern_without_peaks_has_no_lattice():
    arrays = scan(3)
    found = correlated(arrays["pattern"], arrays, detect, drawn(2, 0.0))
    assert [measured is None for measured in found] == [False, False, True]
