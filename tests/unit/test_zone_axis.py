"""Pixel size from a zone axis that is no regular polygon."""

import numpy as np
import pytest

from latticework import materials
from latticework.datasets.read import read_picture
from latticework.inference.zone_axis import material_sampling, material_scales, zone_axis_sampling

GOLD = materials.load("gold")
FCC_110, FCC_111 = (np.array(GOLD.reflections.zone_axes[axis]) for axis in ("110", "111"))


def crystal(reflections, sampling, degrees, size=256):
    """Plane waves of some reflections (n, 2) in 1/Å, turned."""
    turn = np.deg2rad(degrees)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    y, x = np.indices((size, size)) * sampling
    return sum(np.cos(2 * np.pi * (gx * x + gy * y)) for gx, gy in reflections @ matrix.T)


def noise(size=256):
    return np.random.default_rng(0).normal(size=(size, size))


def test_the_patterns_are_gold_s():
    spacings = 1 / np.hypot(*FCC_110.T)
    np.testing.assert_allclose(spacings, [2.3556, 2.3556, 2.04], atol=1e-4)
    np.testing.assert_allclose(1 / np.hypot(*FCC_111.T), GOLD.lattice_constant / np.sqrt(8))
    # {111} planes meet at 70.5°.
    first, second = (np.rad2deg(np.arctan2(y, x)) for x, y in FCC_110[:2])
    assert first - second == pytest.approx(70.53, abs=0.01)


@pytest.mark.parametrize("sampling", [0.12, 0.15, 0.25])
@pytest.mark.parametrize("degrees", [0, 37, 122])
def test_pixel_of_a_turned_crystal(sampling, degrees):
    image = crystal(FCC_110, sampling, degrees) + 1.5 * noise()
    assert zone_axis_sampling(image, FCC_110).sampling == pytest.approx(sampling, rel=0.01)


def test_a_hexagonal_zone_axis_is_gold_s_111():
    image = crystal(FCC_111, 0.15, 20) + noise()
    found = material_sampling(image, GOLD)
    assert found.sampling == pytest.approx(0.15, rel=0.01)


def test_fringes_of_one_direction_and_noise_are_refused():
    fringes = crystal(FCC_110[:1], 0.15, 10) + noise()
    assert zone_axis_sampling(fringes, FCC_110) is None
    assert zone_axis_sampling(noise(), FCC_110) is None
    assert zone_axis_sampling(np.ones((64, 64)), FCC_110) is None


def test_a_distorted_pattern_is_refused():
    stretched = FCC_110 * (1.0, 1.12)
    assert zone_axis_sampling(crystal(stretched, 0.15, 5) + noise(), FCC_110) is None


def test_the_particle_gives_the_real_image_s_pixel(mirror):
    image = read_picture(mirror / "hrtem" / "gold_on_ceria_dtu.png").image[:, 120:380, 340:580]
    found = zone_axis_sampling(image, FCC_110)
    # 0.105 Å of 1424 px, drawn on 800: 0.1869 Å by the camera's own calibration.
    assert found.sampling == pytest.approx(0.1869, rel=0.03)
    assert found.anisotropy < 0.02


def test_a_region_is_all_that_is_looked_at():
    image = noise(512)
    image[:256, 256:] += crystal(FCC_110, 0.2, 20)
    found = material_sampling(image, GOLD, (256, 0, 512, 256))
    assert found.sampling == pytest.approx(0.2, rel=0.01)
    assert material_sampling(image, GOLD, (0, 256, 256, 512)) is None


def test_a_smaller_crystal_beside_another_is_a_second_scale():
    """In the whole image the larger one wins; a part shows the other."""
    parts = []
    for width, pixel in ((640, 0.24), (256, 0.19)):
        y, x = np.mgrid[:400, :width] * pixel
        waves = sum(np.cos(2 * np.pi * (gx * x + gy * y)) for gx, gy in FCC_110)
        parts.append(waves)
    noise = np.random.default_rng(0).normal(0, 1, (400, 896))
    image = 100 + 10 * np.hstack(parts) + noise
    found = [scale.sampling for scale in material_scales(image, GOLD)]
    assert found[0] == pytest.approx(0.24, rel=0.01)
    # The window has a seam in it.
    assert any(sampling == pytest.approx(0.19, rel=0.02) for sampling in found[1:])
    # What the user points at is all there is.
    region = material_scales(image, GOLD, (650, 0, 896, 400))
    assert [scale.sampling for scale in region] == [pytest.approx(0.19, rel=0.01)]
