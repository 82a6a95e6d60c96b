import numpy as np
import pytest

from latticework.analysis.atoms import localisation
from latticework.analysis.atoms.localisation import find_seeds

SAMPLING = 0.25
SIGMA = 0.35


def localise(probabilities, **changed):
    return localisation.localise(probabilities, **{"epsilon": 0.995, "threshold": 0.5} | changed)


def render(positions, shape, amplitudes=1.0, sigma=SIGMA, sampling=SAMPLING):
    """A label map: Gaussians at positions (Å), clipped at one; background first."""
    y, x = (np.arange(n) * sampling for n in shape)
    gx = np.exp(-0.5 * ((x - positions[:, 0, None]) / sigma) ** 2)
    gy = np.exp(-0.5 * ((y - positions[:, 1, None]) / sigma) ** 2)
    gy = np.broadcast_to(amplitudes, len(positions))[:, None] * gy
    atoms = np.clip(gy.T @ gx, 0, 1)
    return np.stack([1 - atoms, atoms]).astype(np.float32)


def honeycomb_with_hole(extent, rng, hole=8.0):
    """Disordered honeycomb, bonds of about 1.2 to 1.6 Å, with a hole and open edges."""
    n = int(extent)
    i, j = np.meshgrid(np.arange(-n, n), np.arange(-n, n))
    lattice = np.stack([i + j / 2, j * np.sqrt(3) / 2], axis=-1).reshape(-1, 2) * 1.42 * np.sqrt(3)
    atoms = np.concatenate([lattice, lattice + np.array([0, 1.42])])
    angle = rng.uniform(0, 1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    atoms = atoms @ turn.T + rng.uniform(0, 2, 2) + rng.uniform(-0.07, 0.07, atoms.shape)
    inside = ((atoms > 1) & (atoms < extent - 1)).all(axis=1)
    return atoms[inside & (np.hypot(*(atoms - extent / 2).T) > hole)]


def positions_of(table):
    return table[["x_px", "y_px"]].to_numpy() * SAMPLING


def errors(table, truth):
    found = positions_of(table)
    nearest = np.argmin(((found[:, None] - truth) ** 2).sum(axis=2), axis=1)
    assert sorted(nearest) == list(range(len(truth)))
    return found - truth[nearest]


@pytest.mark.parametrize("sigma", [0.3, 0.35, 0.4])
def test_positions_are_exact_also_at_edges(sigma):
    truth = honeycomb_with_hole(32, np.random.default_rng(3))
    table = localise(render(truth, (128, 128), sigma=sigma))
    assert len(table) == len(truth)
    assert np.abs(errors(table, truth)).max() < 0.002


def test_centre_of_mass_is_pushed_away_from_a_neighbour():
    truth = np.array([[8.03, 8.11], [9.43, 8.11]])
    map_ = render(truth, (64, 72), sigma=0.4)
    left, right = np.sort(positions_of(localise(map_, refine="centre_of_mass"))[:, 0])
    assert right - left > 1.41
    left, right = np.sort(positions_of(localise(map_, sigma_px=1.6))[:, 0])
    assert right - left == pytest.approx(1.40, abs=1e-4)


def test_x_is_the_last_axis():
    table = localise(render(np.array([[10.0, 4.0]]), (40, 80)))
    assert table[["x_px", "y_px"]].to_numpy() == pytest.approx(np.array([[40.0, 16.0]]), abs=1e-3)


@pytest.mark.parametrize("height", [1.0, 0.1, 0.02])
def test_probability_is_the_peak_whatever_the_tails(height):
    map_ = render(np.array([[8.0, 8.0]]), (64, 64), height)
    assert localise(map_, threshold=0.01).probability.item() == pytest.approx(height, rel=1e-5)
    assert len(localise(map_, threshold=height * 1.01 if height < 1 else 1.0)) == (height == 1.0)


def test_a_peak_above_epsilon_is_no_segment():
    assert localise(render(np.array([[8.0, 8.0]]), (64, 64), 0.004), threshold=1e-6).empty


def test_an_empty_map_gives_the_same_columns_and_no_rows():
    empty = np.zeros((3, 16, 16), dtype=np.float32)
    empty[0] = 1.0
    table = localise(empty)
    assert table.empty
    assert list(table) == ["x_px", "y_px", "probability", "class", "p_1", "p_2", "area_px"]


def test_classes_follow_the_sums_over_the_segment():
    atoms = render(np.array([[5.0, 5.0], [11.0, 11.0]]), (64, 64))[1]
    left = np.arange(64) < 32
    second = atoms * np.where(left, 0.2, 0.7)
    map_ = np.stack([1 - atoms, atoms - second, second])
    table = localise(map_)
    assert table["class"].tolist() == [1, 2]
    assert table[["p_1", "p_2"]].to_numpy() == pytest.approx(np.array([[0.8, 0.2], [0.3, 0.7]]))


def test_a_plateau_is_one_atom_at_its_centre():
    atoms = np.minimum(2.0 * render(np.array([[8.0, 7.9]]), (64, 64), sigma=0.6)[1], 1.0)
    table = localise(np.stack([1 - atoms, atoms]))
    assert positions_of(table) == pytest.approx(np.array([[8.0, 7.9]]), abs=0.01)


def test_ripples_on_a_saturated_peak_are_one_atom():
    rng = np.random.default_rng(0)
    atoms = render(np.array([[8.0, 8.0]]), (64, 64))[1]
    atoms[31:34, 31:34] = 1 - 1e-4 * rng.random((3, 3))
    background = 1 - atoms
    assert find_seeds(background, 0.995, separation=3.0).max() == 1


def test_weak_haze_moves_an_atom_less_than_its_centre_of_mass():
    truth = np.array([[8.0, 8.0]])
    atoms = render(truth, (64, 64))[1]
    haze = 0.05 * render(np.array([[9.5, 8.0]]), (64, 64), sigma=1.0)[1]
    both = np.clip(atoms + haze, 0, 1)
    map_ = np.stack([1 - both, both])
    fitted, plain = (
        abs(positions_of(localise(map_, refine=refine))[0, 0] - 8.0)
        for refine in ("gaussian_fit", "centre_of_mass")
    )
    assert fitted < 0.02 < 0.5 * plain


def test_an_atom_on_the_border_is_found_where_it_is():
    truth = np.array([[0.1, 8.0], [15.75, 15.7], [5.03, 5.1], [8.07, 11.2], [9.8, 3.3]])
    map_ = render(truth, (64, 64))
    fitted, plain = (
        np.abs(errors(localise(map_, refine=refine), truth)).max()
        for refine in ("gaussian_fit", "centre_of_mass")
    )
    assert fitted < 0.05 < plain


@pytest.mark.parametrize(
    ("map_", "options", "message"),
    [
        (np.ones((4, 4)), {}, "classes >= 2"),
        (np.ones((1, 4, 4)), {}, "classes >= 2"),
        (np.ones((2, 4, 4)), {}, "sum to one"),
        (np.full((2, 4, 4), np.nan), {}, "sum to one"),
        (np.full((2, 4, 4), 0.5), {"epsilon": 1.5}, "epsilon"),
        (np.full((2, 4, 4), 0.5), {"threshold": 0.0}, "threshold"),
        (np.full((2, 4, 4), 0.5), {"refine": "parabola"}, "refine"),
    ],
)
def test_bad_input_is_named(map_, options, message):
    with pytest.raises(ValueError, match=message):
        localise(map_, **options)


def test_atoms_in_blocks_are_the_atoms_at_once(monkeypatch):
    rng = np.random.default_rng(3)
    places = rng.uniform(4, 92, (60, 2))
    y, x = np.mgrid[:96, :96]
    gaussians = np.exp(
        -((x - places[:, 0, None, None]) ** 2 + (y - places[:, 1, None, None]) ** 2) / (2 * 1.4**2)
    )
    start = places + rng.normal(0, 0.3, places.shape)
    at_once = localisation.fit_gaussians(gaussians.sum(axis=0), start, np.ones(60), 1.4)
    monkeypatch.setattr(localisation, "BLOCK", 7)
    in_blocks = localisation.fit_gaussians(gaussians.sum(axis=0), start, np.ones(60), 1.4)
    np.testing.assert_allclose(in_blocks, at_once, atol=1e-9)
    assert np.abs(at_once - places).max() < np.abs(start - places).max()
