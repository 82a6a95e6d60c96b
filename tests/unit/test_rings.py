"""Rings of a known powder: the pixel and the ellipse of a camera."""

import numpy as np
import pytest
from ase.build import bulk

from latticework.datasets.read import PictureError
from latticework.datasets.scans import read_patterns
from latticework.inference.rings import fit_rings, powder_rings, round_again

STEP, SIZE = 0.0102, 256
GOLD = bulk("Au", cubic=True)


def drawn(ratio: float, degrees: float, centre: tuple[float, float]) -> np.ndarray:
    """Counts (ky, kx) of a beam and gold's rings on a background, in an elliptic camera."""
    y, x = np.mgrid[:SIZE, :SIZE]
    away = np.stack([x - centre[0], y - centre[1]], axis=-1) @ round_again(
        ratio, np.radians(degrees)
    )
    q = np.linalg.norm(away, axis=-1) * STEP
    radii, strength = powder_rings(GOLD)
    rings = (strength * np.exp(-0.5 * ((q[..., None] - radii) / 0.018) ** 2)).sum(axis=-1)
    mean = 300 * rings + 3e4 * (q < 4 * STEP) + 200 / (1 + (q / 0.1) ** 2)
    return np.random.default_rng(3).poisson(mean).astype(np.float32)


def test_gold_has_its_rings():
    radii, strength = powder_rings(GOLD)
    np.testing.assert_allclose(radii[:4] * 4.08, np.sqrt([3, 4, 8, 11]), atol=1e-3)
    assert strength[0] == 1


@pytest.mark.parametrize(("ratio", "degrees"), [(1.0, 0), (1.03, 25), (1.06, -70)])
def test_pixel_and_ellipse_come_back(ratio, degrees):
    found = fit_rings(drawn(ratio, degrees, (126.3, 129.8)), GOLD)
    assert found.sampling == pytest.approx(STEP, rel=2e-3)
    np.testing.assert_allclose(found.centre, (126.3, 129.8), atol=0.1)
    np.testing.assert_allclose(
        round_again(found.ratio, found.angle), round_again(ratio, np.radians(degrees)), atol=5e-4
    )


def test_other_rings_are_refused():
    with pytest.raises(PictureError, match="not those of"):
        fit_rings(drawn(1.0, 0, (128, 128)), bulk("Fe", cubic=True))


def test_a_real_grating_is_elliptic(mirror):
    """Gold on a cross-grating replica; the ellipse by a cosine fitted to one ring's radius."""
    pattern = read_patterns(mirror / "diffraction" / "gold_rings_calibration.tif").mean()
    found = fit_rings(pattern, GOLD)
    assert found.ratio == pytest.approx(1.038, abs=4e-3)
    assert found.angle == pytest.approx(-0.554, abs=0.03)
