"""Changes of a movie's sites: chains whose truth is known, drift, lattice vectors, lost frames."""

import numpy as np
import pandas as pd
import pytest

from latticework import materials
from latticework.analysis.movies.transformations import NOTHING, follow
from latticework.analysis.movies.transitions import (
    fitted_chain,
    share_table,
    state_table,
    states_of,
    transition_table,
)
from latticework.evaluation.transitions import confusion_table, transition_scores, true_states
from latticework.structures.changing_columns import chain, changing_crystal

SYMBOLS = (NOTHING, "Mo", "S2", "S", "SSe")
STATES = ("S2", "S", NOTHING)
STEP = np.array([[0.97, 0.03, 0.0], [0.03, 0.92, 0.05], [0.0, 0.02, 0.98]])
# What is seen of each state: a class that is no state now and then, and misreadings.
CONFUSION = np.array(
    [[0.01, 0.0, 0.9, 0.03, 0.06], [0.1, 0.0, 0.06, 0.83, 0.01], [0.93, 0.01, 0.01, 0.05, 0.0]]
)


def film(seed, sites=250, frames=40, step=STEP):
    """True states (sites, frames), and what is seen of them."""
    rng = np.random.default_rng(seed)
    true = chain(rng, rng.choice(3, sites, p=[0.6, 0.2, 0.2]), step, frames).T
    odds = np.cumsum(CONFUSION, axis=1)[true]
    return true, (rng.random(true.shape)[..., None] > odds).sum(axis=-1)


def happened(true):
    """Share of each next state after each, as it happened."""
    pairs = np.zeros((3, 3))
    np.add.at(pairs, (true[:, :-1], true[:, 1:]), 1)
    return pairs / pairs.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("known", [CONFUSION, None], ids=["measured", "fitted"])
def test_rates_are_corrected_for_misreadings(known):
    true, seen = film(1)
    found = fitted_chain(seen, SYMBOLS, STATES, known)
    truth = happened(true)
    for i, j in ((0, 1), (1, 0), (1, 2), (2, 1)):
        assert found.step[i, j] == pytest.approx(truth[i, j], rel=0.2)
        assert found.low[i, j] < STEP[i, j] < found.high[i, j]
    code = np.array([2, 3, 0])
    before, after = seen[:, :-1], seen[:, 1:]
    raw = np.mean(after[before == code[1]] == code[2])
    assert raw > 1.5 * truth[1, 2]
    assert np.abs(found.confusion - CONFUSION).max() < 0.03


def test_what_is_out_of_the_frame_says_nothing():
    _, seen = film(2)
    whole = fitted_chain(seen, SYMBOLS, STATES, CONFUSION)
    gone = np.random.default_rng(0).random(seen.shape) < 0.4
    part = fitted_chain(np.where(gone, -1, seen), SYMBOLS, STATES, CONFUSION)
    assert part.step[0, 1] == pytest.approx(whole.step[0, 1], rel=0.25)
    assert part.pairs.sum() == pytest.approx((~gone[:, 1:] & ~gone[:, :-1]).sum())
    # The interval knows that there is less to go by.
    assert part.high[0, 1] / part.low[0, 1] > whole.high[0, 1] / whole.low[0, 1]
    blank = seen.copy()
    blank[:, 7] = -1
    assert np.isfinite(fitted_chain(blank, SYMBOLS, STATES).step).all()


def test_the_interval_holds_the_truth_as_often_as_it_says():
    inside = []
    for seed in range(30):
        _, seen = film(100 + seed, sites=120, frames=25)
        found = fitted_chain(seen, SYMBOLS, STATES, CONFUSION)
        inside += [found.low[i, j] < STEP[i, j] < found.high[i, j] for i, j in ((0, 1), (1, 2))]
    # 60 trials at 95 %: fewer than 51 have a probability of 0.1 %.
    assert sum(inside) >= 51


def test_a_class_that_is_gone_in_the_next_frame_is_no_state():
    _, seen = film(3)
    assert "SSe" in states_of(seen, SYMBOLS)
    assert "Mo" not in states_of(seen, SYMBOLS)
    sites = pd.DataFrame({"host": ["S2"] * len(seen)})
    table, chains = transition_table(followed(sites, seen))
    assert set(chains["S2"].states) == set(STATES)
    assert not {"SSe"} & set(table["from"])


def followed(sites, seen):
    from latticework.analysis.movies.transformations import Followed

    places = pd.DataFrame({"x_angstrom": 0.0, "y_angstrom": 0.0}, index=sites.index)
    return Followed(places.join(sites), SYMBOLS, seen, np.zeros((seen.shape[1], 2)))


# From atoms


SAMPLING, FRAMES, SIZE = 0.3, 12, 140


def movie(seed=0, frames=FRAMES, jump=0.0, shear=0.0):
    """A crystal whose columns change, its truth, and where its atoms are in each drifted frame.

    From the middle on, atoms lie off by `jump` lattice vectors, and the images do not show it; odd
    frames are sheared by `shear` Å from the first line to the last.
    """
    streams = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    crystal = changing_crystal(
        streams,
        material=materials.load("mos2"),
        repeats=(14, 8),
        element="S",
        matrix=STEP,
        start=np.array([0.8, 0.1, 0.1]),
        disorder=0.03,
        frames=frames,
    )
    drift = np.cumsum(np.random.default_rng(seed + 2).normal(0, 0.3, (frames, 2)), axis=0)
    drift[0] = 0
    truth, atoms, images = [], [], []
    y, x = np.indices((SIZE, SIZE)) * SAMPLING
    for frame in range(frames):
        table = pd.DataFrame(crystal.columns, columns=["x_angstrom", "y_angstrom"])
        table = table.assign(frame=frame, column=np.arange(len(table)))
        table["class"] = crystal.classes(frame)
        truth.append(table)
        here = table[table["class"] != ""].assign(probability=0.9)
        here[["x_angstrom", "y_angstrom"]] += drift[frame]
        line = here["y_angstrom"] / (SIZE * SAMPLING) - 0.5
        here["x_angstrom"] += shear * (frame % 2) * line
        visible = here.copy()
        visible["x_angstrom"] += jump * (frame >= frames // 2) * crystal.box / 14
        inside = visible[["x_angstrom", "y_angstrom"]].to_numpy()
        atoms.append(visible[((inside > 0) & (inside < (SIZE - 1) * SAMPLING)).all(axis=1)])
        within = here[["x_angstrom", "y_angstrom"]].to_numpy()
        heights = here["class"].map({"Mo": 3.0, "S2": 1.5, "S": 0.7}).to_numpy()
        one = np.exp(-0.5 * ((x[0] - within[:, :1]) / 0.6) ** 2)
        two = np.exp(-0.5 * ((y[:, 0] - within[:, 1:]) / 0.6) ** 2)
        images.append((two * heights[:, None]).T @ one)
    noise = np.random.default_rng(seed + 3).normal(0, 0.1, (frames, SIZE, SIZE))
    return crystal, pd.concat(truth), pd.concat(atoms), np.array(images) + noise, drift


CLASSES = ("Mo", "S2", "S", "SSe")


def test_sites_follow_the_drift_and_states_are_the_truth():
    _, truth, atoms, images, drift = movie()
    found = follow(atoms, images, SAMPLING, CLASSES)
    off = found.drift - drift
    assert np.abs(off - off.mean(axis=0)).max() < 0.05
    assert set(found.sites["host"]) == {"Mo", "S2"}
    true = true_states(truth, found)
    known = (true >= 0) & (found.seen >= 0)
    assert known.mean() > 0.7
    np.testing.assert_array_equal(found.seen[known], true[known])
    # Columns that are empty all the time count as well.
    chalcogen = (found.sites["host"] == "S2").to_numpy()
    assert (np.where(known, true, 0) == 0).all(axis=1)[chalcogen].sum() > 5
    counts = confusion_table(found, true).set_index(["host", "state"])
    assert counts.at[("S2", "S"), "S"] == counts.loc[("S2", "S")].sum() > 50
    table, chains = transition_table(found)
    scores = transition_scores(table, found, true).set_index(["from", "to"])
    assert scores.at[("S2", "S"), "events_raw"] == scores.at[("S2", "S"), "true_events"] > 10
    assert abs(scores.at[("S2", "S"), "error"]) < 0.2
    states = state_table(found, chains)
    assert (states["state"] == states["seen"])[states["seen"] != ""].mean() > 0.98
    shares = share_table(states)
    assert shares.groupby(["host", "frame"])["share"].sum().to_numpy() == pytest.approx(1)


def test_a_frame_that_is_a_lattice_vector_off_is_put_right():
    """A crystal looks the same there but for its defects: the images alone cannot tell."""
    crystal, truth, atoms, images, drift = movie(4, jump=1)
    found = follow(atoms, images, SAMPLING, CLASSES)
    true = true_states(truth, found)
    known = (true >= 0) & (found.seen >= 0)
    assert (found.seen == true)[known].mean() > 0.999
    off = found.drift - drift
    step = off[FRAMES // 2 :].mean(axis=0) - off[: FRAMES // 2].mean(axis=0)
    assert step == pytest.approx([crystal.box / 14, 0], abs=0.05)


def test_a_scan_that_drifts_within_its_frame_is_made_straight():
    """At the edges atoms are nearer to another site than to their own."""
    _, truth, atoms, images, _ = movie(9, shear=2.6)
    found = follow(atoms, images, SAMPLING, CLASSES)
    true = true_states(truth, found)
    known = (true >= 0) & (found.seen >= 0)
    assert known.mean() > 0.7
    assert (found.seen == true)[known].mean() > 0.999


def test_a_blank_frame_says_nothing():
    _, _, atoms, images, _ = movie(5)
    images[4] = 0
    atoms = atoms[(atoms["frame"] != 4) | (np.arange(len(atoms)) % 20 == 0)]
    found = follow(atoms, images, SAMPLING, CLASSES)
    assert (found.seen[:, 4] == -1).all()
    assert np.isnan(found.drift[4]).all()
    assert not np.isnan(np.delete(found.drift, 4, axis=0)).any()
    table, _ = transition_table(found)
    # Were the frame taken for one without atoms, every site would have lost its own.
    assert table[table["to"] == NOTHING]["rate"].max() < 0.2


@pytest.mark.parametrize("kept", [0, 1])
def test_less_than_two_frames_with_a_crystal_are_refused(kept):
    _, _, atoms, images, _ = movie(6)
    with pytest.raises(ValueError, match="fewer than two frames"):
        follow(atoms[atoms["frame"] < kept], images, SAMPLING, CLASSES)


# The crystal


def test_a_chain_of_columns_has_the_steps_that_it_was_given():
    states = chain(np.random.default_rng(0), np.zeros(4000, int), STEP, 30)
    np.testing.assert_allclose(happened(states.T), STEP, atol=0.006)
    assert (happened(states.T)[STEP == 0] == 0).all()


def test_columns_hold_what_their_class_says():
    crystal, *_ = movie(7)
    for frame in (0, FRAMES - 1):
        atoms, classes = crystal.atoms(frame), crystal.classes(frame)
        sulphur = (atoms.symbols == "S").sum()
        assert sulphur == 2 * (classes == "S2").sum() + (classes == "S").sum()
        assert (atoms.symbols == "Mo").sum() == (classes == "Mo").sum() == 224
    heights = np.unique(np.round(crystal.atoms(0).positions[:, 2], 2))
    assert heights.tolist() == [2.0, 3.56, 5.12]
    # Three metals around each chalcogen, a / sqrt(3) away.
    metal, other = (crystal.columns[crystal.elements == name] for name in ("Mo", "S"))
    step = other[:, None] - metal[None]
    step -= crystal.box * np.round(step / crystal.box)
    nearest = np.sort(np.linalg.norm(step, axis=2), axis=1)
    assert np.median(nearest[:, :3]) == pytest.approx(3.16 / np.sqrt(3), rel=0.02)
    assert nearest[:, 3].min() > 3
