"""Molecules in images: where they are, how they are turned, and what their neighbours say."""

import numpy as np
import pytest

from latticework.analysis.surfaces.appearances import Appearances, find_molecules
from latticework.analysis.surfaces.azimuths import circular_waves, turned_kinds
from latticework.analysis.surfaces.markov_field import (
    domains,
    labelled,
    lattice_graph,
    most_probable,
    pair_potential,
)

HALF = 9
SPACING = 15.0


def triangle(x, y, turn):
    """Three lobes, or for a negative turn two, around a middle."""
    count = 3 if turn >= 0 else 2
    angles = np.deg2rad(abs(turn)) + 2 * np.pi / count * np.arange(count)
    lobes = [np.exp(-((x - 3 * np.cos(t)) ** 2 + (y - 3 * np.sin(t)) ** 2) / 6) for t in angles]
    return sum(lobes)


def known():
    """Pictures of three lobes, and of two, every ten degrees."""
    line = np.arange(-HALF, HALF + 1)
    x, y = np.meshgrid(line, line)
    turns = [*range(0, 120, 10), *range(-180, 0, 10)]
    pictures = np.array([triangle(x, y, t if t >= 0 else -(-t % 180) - 1e-9) for t in turns])
    window = np.exp(-0.5 * (x**2 + y**2) / 5**2)
    kinds = np.array([0 if t >= 0 else 1 for t in turns])
    azimuths = np.array([t if t >= 0 else -t % 180 for t in turns], dtype=float)
    return Appearances(pictures, kinds, azimuths, np.array([120.0, 180.0]), window / window.sum())


def layer(noise, seed=0):
    """A hexagonal layer of both kinds in an image: places, kinds, azimuths."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:130, :130].astype(float)
    image, places, kinds, azimuths = np.zeros(x.shape), [], [], []
    for row in range(9):
        for column in range(8):
            place = np.array([SPACING * (column + 0.5 * (row % 2)), SPACING * 0.866 * row]) + 10
            place = place + rng.normal(0, 0.3, 2)
            kind, turn = int(rng.integers(2)), float(rng.uniform(0, 120))
            image += triangle(x - place[0], y - place[1], turn if kind == 0 else -turn - 1e-9)
            places.append(place)
            kinds.append(kind)
            azimuths.append(turn)
    image = (image - np.median(image)) / image.std()
    image += rng.normal(0, noise, image.shape)
    return image, np.array(places), np.array(kinds), np.array(azimuths)


@pytest.mark.parametrize("noise", [0.1, 0.5])
def test_molecules_are_found_placed_and_told_apart(noise):
    image, places, kinds, azimuths = layer(noise)
    pictures = known()
    found = find_molecules(image, pictures, nearest=0.7 * SPACING)
    inside = ((places > 12) & (places < 118)).all(axis=1)
    distance = np.linalg.norm(found.positions[:, None] - places[inside], axis=2)
    nearest = distance.argmin(axis=0)
    error = distance.min(axis=0)
    assert error.max() < 2
    assert np.sqrt((error**2).mean()) < 0.5
    assert (found.kinds[nearest] == kinds[inside]).mean() > 0.95
    period = pictures.periods[kinds[inside]]
    azimuth = found.azimuths[nearest, kinds[inside]]
    off = np.abs((azimuth - azimuths[inside] + period / 2) % period - period / 2)
    assert np.percentile(off, 90) < 8


def sites(count=12):
    line = np.arange(count)
    x, y = np.meshgrid(line, line)
    return np.column_stack([(x + 0.5 * (y % 2)).ravel(), 0.866 * y.ravel()])


def test_a_hexagonal_layer_has_six_neighbours_and_none_across_a_hole():
    places = sites()
    pairs = lattice_graph(places)
    degree = np.bincount(pairs.ravel(), minlength=len(places)).reshape(12, 12)
    assert (degree[2:-2, 2:-2] == 6).all()
    hole = np.hypot(*(places - places.mean(axis=0)).T) < 2
    pairs = lattice_graph(places[~hole])
    lengths = np.linalg.norm(places[~hole][pairs[:, 0]] - places[~hole][pairs[:, 1]], axis=1)
    assert lengths.max() < 1.5


def test_without_neighbours_the_evidence_decides():
    evidence = np.log(np.array([[0.9, 0.1], [0.2, 0.8]]))
    labels, belief = most_probable(evidence, np.zeros((0, 2), int), np.zeros((2, 2)))
    np.testing.assert_array_equal(labels, [0, 1])
    np.testing.assert_allclose(belief, np.exp(evidence), atol=1e-9)


def test_neighbours_help_where_up_surrounds_down():
    # Of three sublattices of a hexagonal layer one is down: every down has six up around it.
    places = sites()
    row, column = np.divmod(np.arange(144), 12)
    truth = ((column - row // 2 - row) % 3 == 0).astype(int)
    pairs = lattice_graph(places)
    rng = np.random.default_rng(0)
    seen = 2.0 * np.stack([1 - truth, truth], axis=1) + rng.normal(0, 1.2, (144, 2))
    alone = (seen.argmax(axis=1) == truth).mean()
    labels, _ = labelled(seen, pairs)
    assert alone < 0.92
    assert (labels == truth).mean() > alone + 0.03
    potential = pair_potential(truth, pairs, 2)
    assert potential[1, 1] < -2 < 0 < potential[0, 1]


def test_domains_are_mapped_through_odd_molecules():
    places = sites(16)
    truth = (places[:, 0] > 8).astype(int) + (places[:, 1] > 7).astype(int)
    rng = np.random.default_rng(1)
    seen = np.where(rng.random(256) < 0.25, rng.integers(0, 4, 256), truth)
    belief = np.full((256, 4), 0.02)
    belief[np.arange(256), seen] = 0.94
    found = domains(belief, lattice_graph(places)).argmax(axis=1)
    assert (seen == truth).mean() < 0.86
    assert (found == truth).mean() > 0.95


def test_azimuths_are_told_apart_under_what_all_molecules_share():
    # Molecules with three lobes in two azimuths and with two in three; the network says how many.
    rng = np.random.default_rng(3)
    places = np.array([[SPACING * (c + 0.5 * (r % 2)), SPACING * 0.866 * r] for r in range(12)
                       for c in range(12)]) + 15  # fmt: skip
    kinds, turns = rng.integers(2, size=144), rng.integers(6, size=144)
    turns %= np.array([2, 3])[kinds]
    y, x = np.mgrid[:180, :210].astype(float)
    image = np.zeros(x.shape)
    for (px, py), kind, turn in zip(places, kinds, turns, strict=True):
        angle = 60 * turn + rng.normal(0, 6)
        image += triangle(x - px, y - py, angle if kind == 0 else -(angle % 360) - 1e-9)
    # Lines lose their means, and with them the same part of every molecule.
    image += rng.normal(0, 0.3, image.shape)
    image -= image.mean(axis=1, keepdims=True)
    shares = np.where(kinds[:, None] == np.arange(2), 0.9, 0.1)
    seen, of = turned_kinds(circular_waves(image, places, SPACING), shares, [2, 3], 60.0)
    assert of.tolist() == [0, 0, 1, 1, 1]
    np.testing.assert_allclose(seen.sum(axis=1), 1)
    for kind, count in enumerate([2, 3]):
        own = kinds == kind
        told = seen[own][:, of == kind].argmax(axis=1)
        # Which azimuth is the first is chance.
        right = max(np.mean((told + first) % count == turns[own]) for first in range(count))
        assert right > 0.95
