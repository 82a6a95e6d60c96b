"""Columns fitted as Gaussians: errors at the Cramér-Rao bound, honest, and no lattice assumed."""

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage, signal

from latticework.analysis.atoms import gaussian_columns
from latticework.analysis.atoms.column_fit import fit_columns
from latticework.analysis.atoms.gaussian_columns import refine
from latticework.analysis.atoms.scan_noise import memory_of, noise_of
from latticework.limits.fisher import fisher_information

SIZE, WIDTH, FLOOR, NEAREST = 96, 3.2, 0.3, 11.0


def columns(rng, size=SIZE, nearest=NEAREST, disorder=0.8):
    """Columns (n, 2) px of a honeycomb with random displacements, their places without, heights."""
    cells = np.array([(i, j) for i in range(-20, 20) for j in range(-20, 20)])
    corners = cells @ (nearest * np.array([[1.5, np.sqrt(3) / 2], [0, np.sqrt(3)]]))
    places = np.concatenate([corners, corners + np.array([nearest, 0])]) + 3.3
    places = places[((places > 1) & (places < size - 2)).all(axis=1)]
    heights = rng.uniform(0.8, 1.2, len(places))
    heights[::9] *= 5  # heavy among light ones, whose tails reach their neighbours
    return places + rng.normal(0, disorder, places.shape), places, heights


def mean_image(points, heights, width=WIDTH, floor=FLOOR, size=SIZE):
    y, x = np.mgrid[:size, :size]
    image = np.full((size, size), float(floor))
    for (px, py), height in zip(points, heights, strict=True):
        image += height * np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * width**2))
    return image


def bounds(points, heights, electrons):
    """Cramér-Rao bounds (n, 2) with heights, the width and the floor unknown, by differences."""
    step, derivatives = 1e-4, []
    given = (points, heights, WIDTH, FLOOR)
    for which in range(4):
        for index in np.ndindex(np.shape(given[which])):
            images = []
            for sign in (1, -1):
                changed = [np.array(value, dtype=float) for value in given]
                changed[which][index] += sign * step
                images.append(mean_image(*changed))
            derivatives.append((images[0] - images[1]) / (2 * step))
    information = fisher_information(derivatives, mean_image(points, heights), electrons)
    variance = np.diag(np.linalg.inv(information))
    return np.sqrt(variance[: points.size]).reshape(-1, 2)


@pytest.fixture(scope="module")
def counted():
    """Fits to twelve pictures of counted electrons, with the truth and the bounds."""
    rng = np.random.default_rng(5)
    points, places, heights = columns(rng)
    electrons = 60.0
    mean = mean_image(points, heights)
    group = np.zeros(len(points), dtype=int)
    fits = [
        fit_columns(
            # Any gain and offset of the detector.
            7.0 * rng.poisson(electrons * mean) / electrons,
            points + rng.normal(0, 0.8, points.shape),
            group,
            nearest=NEAREST,
            smooth=np.inf,
        )
        for _ in range(12)
    ]
    inside = ((points > 8) & (points < SIZE - 8)).all(axis=1)
    return points, places, heights, fits, inside, bounds(points, heights, electrons)


def test_errors_reach_the_bound(counted):
    points, _, _, fits, inside, bound = counted
    errors = np.stack([fit.positions - points for fit in fits])[:, inside]
    ratio = np.sqrt(np.mean((errors / bound[inside]) ** 2))
    assert 0.9 < ratio <= 1.1


def test_stated_errors_are_honest(counted):
    points, _, heights, fits, inside, _ = counted
    scores = np.stack([(fit.positions - points) / fit.sigma for fit in fits])[:, inside]
    assert 0.62 <= np.mean(np.abs(scores) < 1) <= 0.74
    scores = np.stack([(f.heights / 7 - heights) / (f.sigma_heights / 7) for f in fits])[:, inside]
    assert 0.60 <= np.mean(np.abs(scores) < 1) <= 0.76
    assert np.mean([fit.widths[0] for fit in fits]) == pytest.approx(WIDTH, rel=0.01)
    # Poisson counts × 7 / 60 have a variance of 7 / 60 of their mean, and none beyond it.
    assert np.mean([fit.noise[1] for fit in fits]) == pytest.approx(7 / 60, rel=0.06)


def test_displacements_are_measured_in_full(counted):
    """No lattice is assumed: what a column is displaced by is what is found."""
    points, places, _, fits, inside, _ = counted
    true = (points - places)[inside].ravel()
    found = np.mean([fit.positions - places for fit in fits], axis=0)[inside].ravel()
    assert np.polyfit(true, found, 1)[0] == pytest.approx(1, abs=0.02)


def test_noise_along_the_lines_of_a_scan():
    """Noise that is held along a line: honest errors, and less than by plain least squares."""
    rng = np.random.default_rng(8)
    points, _, heights = columns(rng)
    heights = np.ones_like(heights)
    mean, group = mean_image(points, heights), np.zeros(len(points), dtype=int)
    inside = ((points > 8) & (points < SIZE - 8)).all(axis=1)
    scores, errors, plain = [], [], []
    for _ in range(4):
        white = rng.normal(0, 0.15, (SIZE, SIZE + 50))
        noise = signal.lfilter([1.0], [1.0, -0.7], white, axis=1)[:, 50:]
        fit = fit_columns(mean + noise, points, group, nearest=NEAREST, smooth=np.inf)
        assert fit.memory[0] == pytest.approx(0.7, abs=0.1)
        errors.append((fit.positions - points)[inside])
        scores.append(errors[-1] / fit.sigma[inside])
        plain.append((unaware(mean + noise, points, group) - points)[inside])
    assert 0.60 <= np.mean(np.abs(scores) < 1) <= 0.78
    assert np.std(errors) < 0.97 * np.std(plain)


def unaware(image, points, group):
    """The fit without knowledge of correlated noise."""
    from latticework.analysis.atoms import column_fit

    original = column_fit.memory_of
    column_fit.memory_of = lambda noise: (np.zeros(3), 1.0)
    try:
        return fit_columns(image, points, group, nearest=NEAREST, smooth=np.inf).positions
    finally:
        column_fit.memory_of = original


def test_noise_is_told_from_its_residual():
    rng = np.random.default_rng(0)
    model = np.tile(np.linspace(0.5, 5, 400), 100)
    residual = rng.normal(0, np.sqrt(0.2 + 0.3 * model))
    assert noise_of(model, residual) == pytest.approx((0.2, 0.3), rel=0.1)
    held, new = memory_of(rng.normal(size=(80, 80)))
    assert np.all(held == 0)
    assert new == 1


def test_smooth_noise_has_something_new_in_every_pixel():
    """Waves along short lines: the share that is new is a variance, and above nothing."""
    for phase in range(3):
        waves = np.cos(2 * np.pi * np.arange(24) / 8 + phase)
        _, new = memory_of(np.tile(waves / waves.std(), (8, 1)))
        assert 0 < new < 1


def test_a_picture_in_tiles_is_one_picture(monkeypatch):
    """Tiles with margins agree with one fit of the whole; the background may vary slowly."""
    rng = np.random.default_rng(2)
    points, _, heights = columns(rng, 150)
    slope = 0.3 * np.linspace(0, 1, 150)
    mean = mean_image(points, heights, size=150) + slope
    picture = rng.poisson(200 * mean)
    atoms = pd.DataFrame({"x_px": points[:, 0], "y_px": points[:, 1], "class": "C"})
    whole = refine(picture, atoms, 0.1, None, None)
    monkeypatch.setattr(gaussian_columns, "TILE_COLUMNS", 40)
    tiled = refine(picture, atoms, 0.1, None, None)
    assert np.isfinite(tiled.model).all()
    off = (whole.atoms[["x_px", "y_px"]] - tiled.atoms[["x_px", "y_px"]]).to_numpy()
    inside = ((points > 8) & (points < 142)).all(axis=1)
    sigma = whole.atoms[["sigma_x_angstrom", "sigma_y_angstrom"]].to_numpy() / 0.1
    assert np.sqrt(np.mean((off / sigma)[inside] ** 2)) < 0.3
    assert whole.residual.std() == pytest.approx(
        np.sqrt(np.mean(picture)) / picture.mean(), rel=0.1
    )
    # The table is the network's, in its order, and the cross-section is the volume, here in Å².
    assert whole.atoms["x_network_angstrom"].to_numpy() == pytest.approx(points[:, 0] * 0.1)
    volume = 2 * np.pi * (WIDTH * 0.1) ** 2 * heights * 200 / picture.mean()
    found = whole.atoms["cross_section"].to_numpy()
    assert np.median(np.abs(found / volume - 1)[inside]) < 0.05
    width, sigma = whole.parameters["width_C_angstrom"]
    assert abs(width - WIDTH * 0.1) < max(4 * sigma, 0.005)


def test_what_is_not_there_keeps_its_place_and_is_told():
    rng = np.random.default_rng(4)
    points, _, heights = columns(rng)
    picture = rng.poisson(300 * mean_image(points[1:], heights[1:]))
    atoms = pd.DataFrame({"x_px": points[:, 0], "y_px": points[:, 1], "class": "C"})
    # The middle of a ring, as far from all columns as can be.
    grid = np.stack(np.meshgrid(np.arange(30, 66.0), np.arange(30, 66.0)), axis=-1).reshape(-1, 2)
    empty = grid[np.linalg.norm(grid[:, None] - points[None, 1:], axis=2).min(axis=1).argmax()]
    atoms.loc[0, ["x_px", "y_px"]] = empty
    found = refine(picture, atoms, 0.1, None, None)
    assert np.isnan(found.atoms.loc[0, "sigma_x_angstrom"])
    assert found.atoms.loc[0, "x_px"] == empty[0]
    assert any("could not be refined" in warning for warning in found.warnings)
    nothing = refine(picture, atoms.iloc[:0], 0.1, None, None)
    assert len(nothing.atoms) == 0
    assert np.isnan(nothing.model).all()
    with pytest.raises(ValueError, match="no numbers"):
        refine(np.full((32, 32), np.nan), atoms, 0.1, None, None)


@pytest.mark.slow
def test_real_silicon_dumbbells(mirror):
    """A fast, noisy scan of Si [110]: separations scatter less than AtomSegNet's 7.14, 6.78 pm."""
    from skimage.io import imread

    path = mirror / "stem/silicon_110_dumbbells.png"
    if not path.exists():
        pytest.skip("no picture of silicon there")
    image, pixel = imread(path, as_gray=True).astype(float), 0.089
    sharp = -ndimage.gaussian_laplace(image, 4.2)
    peaks = (sharp == ndimage.maximum_filter(sharp, 9)) & (sharp > 0)
    rows, cols = np.nonzero(peaks & (sharp > 0.45 * np.median(sharp[peaks])))
    atoms = pd.DataFrame({"x_px": cols, "y_px": rows, "class": "Si"})
    refined = refine(image, atoms, pixel, None, None)
    separations = dumbbells(refined.atoms[["x_px", "y_px"]].to_numpy(), image.shape) * pixel
    assert len(separations) > 140
    assert np.all(100 * separations.std(axis=0) <= 6.5)


def dumbbells(points, shape, margin=25):
    """Vectors (n, 2) between the two columns of each dumbbell away from the border, px."""
    distance = np.linalg.norm(points[:, None] - points[None], axis=2) + np.diag(
        [np.inf] * len(points)
    )
    partner = distance.argmin(axis=1)
    own = np.arange(len(points))
    pair = (partner[partner] == own) & (own < partner) & (distance.min(axis=1) < 20)
    first, second = points[own[pair]], points[partner[pair]]
    middle = (first + second) / 2
    inside = ((middle > margin) & (middle < np.array(shape[::-1]) - margin)).all(axis=1)
    vectors = (second - first)[inside]
    return vectors * np.sign(vectors[:, :1])
