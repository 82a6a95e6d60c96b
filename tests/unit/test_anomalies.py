"""Anomalous contours: as many false alarms as stated, and defects found, at a given dose."""

import numpy as np
import pandas as pd
import pytest

from latticework.analysis.atoms import anomalies
from latticework.analysis.atoms.anomalies import find_anomalies
from latticework.analysis.atoms.contours import describe, find_sites, radial

SIZE, NEAREST, WIDTH = 160, 14.2, 4.6
# Electrons at a carbon atom's peak: 5 in each pixel of 0.1 Å, of which 0.4 % are scattered to the
# detector, are 1.2e5 e/Å².
ELECTRONS = 5.0


def crystal(turn=0.2):
    """Atoms (n, 2) px of graphene at 0.1 Å/px, on the picture and around it."""
    cells = np.array([(i, j) for i in range(-20, 21) for j in range(-20, 21)])
    corners = cells @ (NEAREST * np.array([[1.5, np.sqrt(3) / 2], [0, np.sqrt(3)]]))
    points = np.concatenate([corners, corners + np.array([NEAREST, 0])])
    cos, sin = np.cos(turn), np.sin(turn)
    points = points @ np.array([[cos, sin], [-sin, cos]]) + SIZE / 2
    return points[((points > -12) & (points < SIZE + 12)).all(axis=1)]


def picture(rng, points, heights):
    y, x = np.mgrid[:SIZE, :SIZE]
    mean = np.full((SIZE, SIZE), 0.1)
    for (px, py), height in zip(points, heights, strict=True):
        mean += height * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * WIDTH**2))
    return rng.poisson(ELECTRONS * mean).astype(float)


def atoms_of(rng, points, there):
    """A table of the atoms on the picture, found to 0.07 Å."""
    seen = there & ((points > 0) & (points < SIZE - 1)).all(axis=1)
    x, y = (points[seen] + rng.normal(0, 0.7, (seen.sum(), 2))).T
    return pd.DataFrame({"x_px": x, "y_px": y, "class": "C"})


@pytest.fixture
def quick(monkeypatch):
    """Fewer simulated sites than usual."""
    monkeypatch.setattr(anomalies, "SIMULATED", 500)
    monkeypatch.setattr(anomalies, "FEWEST_PICTURES", 8)


def test_a_perfect_crystal_gives_the_stated_false_alarms(quick):
    rng = np.random.default_rng(2)
    points = crystal()
    points = points + rng.normal(0, 0.5, points.shape)  # frozen disorder of 0.05 Å
    image = picture(rng, points, np.ones(len(points)))
    found = find_anomalies(image, atoms_of(rng, points, points[:, 0] > -99), rate=0.05)
    judged = found.sites[found.sites["p_value"].notna()]
    assert len(judged) > 40
    assert judged["anomalous"].mean() < 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(judged))
    assert 0.2 < judged["p_value"].median() < 0.8
    assert found.noise[1] == pytest.approx(1, rel=0.1)  # counts are counted
    assert found.expected_false == pytest.approx(0.05 * len(judged))


def test_missing_and_foreign_atoms_are_found(quick):
    """Vacancies, and atoms of five protons more: (11 / 6)^1.7 = 2.8 times as bright as carbon."""
    rng = np.random.default_rng(7)
    points = crystal()
    inside = np.flatnonzero(((points > 28) & (points < SIZE - 28)).all(axis=1))
    chosen = inside[:: len(inside) // 6][:6]
    gone, foreign = chosen[::2], chosen[1::2]
    heights, there = np.ones(len(points)), np.ones(len(points), dtype=bool)
    heights[gone], heights[foreign], there[gone] = 0, (11 / 6) ** 1.7, False
    moved = points + rng.normal(0, 0.5, points.shape)
    found = find_anomalies(picture(rng, moved, heights), atoms_of(rng, moved, there), rate=0.01)
    assert found.sites["empty"].sum() == len(gone)
    places = found.sites.loc[found.sites["anomalous"], ["x_px", "y_px"]].to_numpy()
    distance = np.linalg.norm(places[:, None] - points[None, chosen], axis=2)
    assert (distance.min(axis=0) < 0.5 * NEAREST).mean() >= 0.8
    # What else is anomalous stands near a defect, whose image reaches its surroundings.
    assert (distance.min(axis=1) > 2.1 * NEAREST).sum() <= 2


def test_contours_have_the_shape_of_their_atoms():
    """An elongated atom among round ones: its axis, and its area, without noise."""
    points = crystal()
    y, x = np.mgrid[:SIZE, :SIZE]
    middle = int(np.linalg.norm(points - SIZE / 2, axis=1).argmin())
    image = np.zeros((SIZE, SIZE))
    for number, (px, py) in enumerate(points):
        dx, dy = x - px, y - py
        if number == middle:
            along, across = (dx + dy) / np.sqrt(2), (dy - dx) / np.sqrt(2)
            image += np.exp(-0.5 * ((along / 4.6) ** 2 + (across / 2.6) ** 2))
        else:
            image += np.exp(-0.5 * (dx**2 + dy**2) / 3.2**2)
    seen = ((points > 0) & (points < SIZE - 1)).all(axis=1)
    table = pd.DataFrame({"x_px": points[seen, 0], "y_px": points[seen, 1], "class": "C"})
    sites = find_sites(table, image.shape)
    _, contours = describe(image, sites, sites.positions)
    odd = contours.iloc[int(np.flatnonzero(np.flatnonzero(seen) == middle)[0])]
    inside = ((sites.positions > 28) & (sites.positions < SIZE - 28)).all(axis=1)
    assert odd["orientation_deg"] == pytest.approx(45, abs=4)
    assert odd["ellipticity"] > 0.25
    assert contours.loc[inside, "ellipticity"].median() < 0.08
    # Half height of a smoothed Gaussian: a disc of radius √(2 ln 2) widths.
    area = np.pi * 2 * np.log(2) * (3.2**2 + (0.14 * NEAREST) ** 2)
    assert contours.loc[inside, "area_px2"].median() == pytest.approx(area, rel=0.2)


def test_zernike_polynomials():
    radius = np.linspace(0, 1, 4001)
    for orders in ((2, 0), (4, 0)), ((3, 1), (1, 1)), ((4, 2), (2, 2)):
        first, second = (radial(*one, radius) for one in orders)
        assert np.trapezoid(first * second * radius, radius) == pytest.approx(0, abs=1e-6)
        assert first[-1] == second[-1] == 1
    assert radial(4, 2, np.array([0.5]))[0] == pytest.approx(4 * 0.5**4 - 3 * 0.5**2)


def test_what_cannot_be_judged():
    atoms = pd.DataFrame({"x_px": [10.0], "y_px": [10.0], "class": ["C"]})
    with pytest.raises(ValueError, match="atoms are too few"):
        find_anomalies(np.ones((32, 32)), atoms)
    with pytest.raises(ValueError, match="rate of false alarms"):
        find_anomalies(np.ones((32, 32)), atoms, rate=0.0)
    with pytest.raises(ValueError, match="no numbers"):
        find_anomalies(np.full((32, 32), np.nan), atoms)
