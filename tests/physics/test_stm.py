"""Surfaces, molecules and their tunnelling images against what is known of them."""

import numpy as np
import pytest
import torch
from ase import Atoms
from scipy.spatial import cKDTree

from latticework import materials
from latticework.config.base import Range
from latticework.config.stm import Simulation
from latticework.imaging.bank import image_bank
from latticework.imaging.scan import straight_scan
from latticework.imaging.stm import disturbances, make_batch, scanned_surface
from latticework.seeds import stream
from latticework.simulation.hueckel import density, frontier, pi_orbitals
from latticework.simulation.stm import image_of
from latticework.structures import (
    molecules,
    read_structures,
    surfaces,
    targets,
    write_structures,
)

GIVEN = Simulation(sampling=0.6, height=4.0, substrate=1e-3)


def surface(kind, constant, seed=0, **changes):
    rng = stream(1, "surface", seed)
    given = surfaces.Parameters(kind=kind, **{"box": 40.0} | changes).model_dump()
    return surfaces.surface(rng, constant=constant, element="Si", **given)


# Structures


def test_c60_has_its_rings_and_its_orientations_point_up():
    positions, hexagons, pentagons, bonds = molecules.fullerene()
    assert (len(positions), len(hexagons), len(pentagons), len(bonds)) == (60, 20, 12, 30)
    tops = [6, 2, 5, 1]
    for (atoms, _), count in zip(molecules.orientations("fullerene"), tops, strict=True):
        assert (atoms[:, 2] > atoms[:, 2].max() - 0.05).sum() == count
        np.testing.assert_allclose(atoms.mean(axis=0), 0, atol=1e-9)
        # The topmost atoms are about the axis.
        np.testing.assert_allclose(atoms[atoms[:, 2].argsort()[-count:], :2].mean(0), 0, atol=0.01)


def test_the_bowl_is_sumanene():
    up, down = (atoms for atoms, _ in molecules.orientations("bowl"))
    assert len(up) == 21
    assert np.ptp(up[:, 2]) == pytest.approx(1.11)
    np.testing.assert_allclose(np.sort(up[:, 2]), np.sort(-down[:, 2]), atol=1e-9)
    # The central hexagon, three pentagons and three hexagons: 27 bonds of carbon.
    bonds = cKDTree(down).query_pairs(1.65)
    assert len(bonds) == 27


def test_a_layer_of_molecules_has_targets_domains_and_vacancies():
    rng = stream(1, "layer", 0)
    given = molecules.Parameters(box=60, domains=(2, 3), vacancies=(0.1, 0.1), on_top=(1, 1))
    atoms = molecules.layer(rng, constant=10.02, **given.model_dump())
    found = targets(atoms)
    # Six columns by seven rows, of which about a tenth is missing.
    assert 30 <= len(found.positions) <= 42
    places = found.positions[:, :2] % 60
    distance = cKDTree(places, boxsize=60).query(places, k=2)[0]
    assert np.median(distance[:, 1]) == pytest.approx(10.0, abs=0.8)
    assert set(np.unique(found.classes)) <= {1, 2, 3, 4}
    assert 1 <= len(np.unique(atoms.arrays["domain"])) <= 3


def test_twelve_adatoms_a_cell_at_the_distances_of_silicon():
    atoms = surface("silicon_7x7", 26.88, box=135.0, missing=(0, 0), adsorbates=(0, 0))
    cell = 26.88**2 * np.sqrt(0.75)
    assert len(atoms) / (135**2 / cell) == pytest.approx(12, rel=0.06)
    places = atoms.positions[:, :2]
    nearest = cKDTree(places, boxsize=135).query(places, k=2)[0][:, 1]
    # 6.65 Å across a row of dimers, 7.68 Å in a half.
    assert np.percentile(nearest, 50) == pytest.approx(6.65, abs=0.5)


def test_charge_order_is_a_checkerboard_with_antiphase_domains():
    atoms = surface(
        "perovskite_001", 3.87, ordered=1, missing=(0, 0), adsorbates=(0, 0), order=(0.3, 0.3)
    )
    charge = atoms.arrays["density"]
    np.testing.assert_allclose(np.abs(charge - 1), 0.3)
    assert (atoms.arrays["classes"] == np.where(charge > 1, 1, 2)).all()
    pairs = cKDTree(atoms.positions[:, :2], boxsize=40).query_pairs(4.6, output_type="ndarray")
    domain = atoms.arrays["domain"]
    inside = domain[pairs[:, 0]] == domain[pairs[:, 1]]
    product = (charge[pairs[:, 0]] - 1) * (charge[pairs[:, 1]] - 1)
    assert (product[inside] < 0).all()
    assert (product[~inside] > 0).all()


@pytest.mark.parametrize(
    ("kind", "a", "box"), [("graphite", 2.46, 40.0), ("charge_density_wave", 3.33, 70.0)]
)
def test_hexagonal_surfaces_close_over_the_box(kind, a, box):
    still = {"missing": (0, 0), "adsorbates": (0, 0), "disorder": (0, 0)}
    atoms = surface(kind, a, box=box, **still)
    sites = 2 if kind == "graphite" else 1
    assert len(atoms) / box**2 * a**2 * np.sqrt(0.75) / sites == pytest.approx(1, abs=0.06)
    tree = cKDTree(atoms.positions[:, :2], boxsize=box)
    nearest = tree.query(atoms.positions[:, :2], k=2)[0][:, 1]
    assert np.ptp(nearest) < 0.02 * a


# Orbitals


def test_c60_has_the_levels_of_hueckels_method():
    energies, _, normals = pi_orbitals(molecules.fullerene()[0])
    assert len(frontier(energies, "filled")) == 5
    assert len(frontier(energies, "empty")) == 3
    positions = molecules.fullerene()[0]
    radial = positions / np.linalg.norm(positions, axis=1)[:, None]
    assert (normals * radial).sum(axis=1).min() > 0.97


def test_benzene_has_hueckels_energies():
    angle = np.arange(6) * np.pi / 3
    ring = 1.45 * np.column_stack([np.cos(angle), np.sin(angle), np.zeros(6)])
    energies, _, _ = pi_orbitals(ring)
    np.testing.assert_allclose(energies, [-2, -1, -1, 1, 1, 2], atol=1e-9)


def lobes(kind, order):
    """Strength of an angular component of the current over an orientation of C60, over the mean."""
    atoms = molecules.orientations("fullerene")[kind][0]
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    ring = np.column_stack([2.2 * np.cos(angle), 2.2 * np.sin(angle), np.full(72, 7.5)])
    current = density(atoms, ring, 1.05, "empty")
    return abs((current * np.exp(1j * order * angle)).mean()) / current.mean()


def test_c60_looks_as_published():
    # Three lobes, two, a ring of five, and one that is off the middle (Hands et al. 2010).
    assert lobes(0, 3) > 3 * max(lobes(0, 2), lobes(0, 1))
    assert lobes(1, 2) > 3 * max(lobes(1, 3), lobes(1, 1))
    assert max(lobes(2, n) for n in (1, 2, 3, 4)) < 0.02
    assert lobes(3, 1) > 0.05


def test_density_decays_as_the_orbitals_do():
    atoms = molecules.orientations("fullerene")[2][0]
    line = np.array([[0.0, 0.0, z] for z in (12.0, 13.0)])
    far = density(atoms, line, 1.05, "empty")
    # 2κ an ångström, and a little more for the waves that cancel.
    assert 2 * 1.05 < np.log(far[0] / far[1]) < 2.6 * 1.05


# Images


def one_site(height=4.0):
    atoms = Atoms("Si", positions=[[10.0, 10.0, 2.0]], cell=(20, 20, 8))
    for name, value in (("density", 1.0), ("orbital_x", 0.0), ("orbital_y", 0.0)):
        atoms.new_array(name, np.full(1, value))
    atoms.new_array("specimen", np.ones(1, bool))
    return atoms, Simulation(sampling=0.5, height=height)


def test_the_current_of_a_site_is_tersoff_and_hamanns():
    atoms, given = one_site()
    current = image_of(atoms, given)[1]
    x = 0.5 * np.arange(8)
    expected = np.exp(-2 * 1.05 * (np.hypot(x, 4.0) - 4.0))
    np.testing.assert_allclose(current[20, 20:28] / current[20, 20], expected, rtol=1e-4)


def test_constant_current_follows_the_surface():
    atoms, _ = one_site()
    pair = atoms.copy()
    pair.positions[0, 0] = 5.0
    atoms.positions[0] = [15.0, 10.0, 2.6]
    both = pair + atoms
    both.set_cell((20, 20, 8))
    height = image_of(both, Simulation(sampling=0.5, height=3.4))[0]
    # Sites of one kind, the tip over either at the same distance.
    assert height[20, 30] - height[20, 10] == pytest.approx(0.6, abs=0.03)


def test_images_are_periodic():
    atoms = surface("perovskite_001", 3.87, adsorbates=(0, 0))
    moved = atoms.copy()
    moved.positions[:, :2] = (moved.positions[:, :2] + [6.0, 12.0]) % 40
    first, second = (image_of(a, Simulation(sampling=0.5, height=2.5))[0] for a in (atoms, moved))
    np.testing.assert_allclose(np.roll(first, (24, 12), (0, 1)), second, atol=1e-4)


def test_a_shard_on_disk_gives_the_images_of_the_structures_in_memory(tmp_path):
    atoms = surface("perovskite_001", 3.87, adsorbates=(0, 0))
    write_structures(tmp_path / "shard.extxyz", [atoms])
    (read,) = read_structures(tmp_path / "shard.extxyz")
    how = Simulation(sampling=0.5, height=2.5)
    np.testing.assert_allclose(image_of(read, how), image_of(atoms, how), atol=1e-4)


# Training images


RANGES = {
    "sampling": (0.5, 0.6), "current": (0.2, 0.2), "blur": (0.2, 0.8), "second_tip": (0.01, 0.2),
    "second_tip_distance": (2, 6), "tip_changes": (0.3, 0.3), "shear": (0, 0.05),
    "line_jitter": (0, 0.2), "flyback": (0, 0.5), "tilt": (0, 10), "line_noise": (0.05, 0.5),
    "hum": (0, 0.1), "noise": (0.05, 0.3), "steps": (0.3, 0.3), "step_height": (1, 4),
    "background": (0, 0.5),
}  # fmt: skip
LIMITS = {name: Range(low=low, high=high) for name, (low, high) in RANGES.items()}


@pytest.fixture(scope="module")
def bank():
    structures = [surface("perovskite_001", 3.87, seed, adsorbates=(0, 0)) for seed in range(2)]
    images = [image_of(atoms, Simulation(sampling=0.4, height=2.1)) for atoms in structures]
    found = [targets(atoms) for atoms in structures]
    return image_bank(
        torch.from_numpy(np.stack(images)),
        40.0,
        [torch.from_numpy(t.positions[:, :2]).float() for t in found],
        [torch.from_numpy(t.classes) for t in found],
    )


def batch(bank, seed=0, **changes):
    ranges = LIMITS | {k: Range(low=v, high=v) for k, v in changes.items()}
    return make_batch(
        bank, 3, ranges=ranges, crop=64, label_sigma=0.7, normalisation_sigma=10.0,
        generator=torch.Generator().manual_seed(seed), n_classes=3,
    )  # fmt: skip


def test_batches_are_finite_labelled_and_repeatable(bank):
    made = batch(bank)
    assert made.images.shape == (3, 1, 64, 64)
    assert made.labels.shape == (3, 3, 64, 64)
    assert torch.isfinite(made.images).all()
    torch.testing.assert_close(made.labels.sum(dim=1), torch.ones(3, 64, 64))
    torch.testing.assert_close(batch(bank).images, made.images)
    assert not torch.equal(batch(bank, 1).images, made.images)


def test_labels_lie_on_the_sites_through_distorted_scans(bank):
    quiet = dict.fromkeys(
        (
            "current",
            "second_tip",
            "tip_changes",
            "tilt",
            "line_noise",
            "hum",
            "steps",
            "background",
        ),
        0.0,
    ) | {"noise": 0.01, "blur": 0.2, "shear": 0.05}
    made = batch(bank, **quiet)
    sites = 1 - made.labels[:, 0]
    # Sites are higher than what is between them.
    for image, site in zip(made.images[:, 0], sites, strict=True):
        assert image[site > 0.8].mean() > image[site < 0.05].mean() + 0.3


def test_a_second_tip_repeats_the_image(bank):
    none = {name: torch.zeros(1) for name in RANGES}
    scan = straight_scan(1, 0.5, 40.0, 80)
    where = torch.tensor([0])

    def seen(**changes):
        drawn = none | {"second_tip": torch.tensor([1e-6])} | changes
        return scanned_surface(bank, where, drawn, scan, torch.Generator().manual_seed(3))[0]

    single = seen(current=torch.ones(1))
    double = seen(
        current=torch.ones(1), second_tip=torch.ones(1), second_tip_distance=torch.tensor([5.0])
    )
    correlation = torch.fft.ifft2(
        torch.fft.fft2(double - double.mean()) * torch.fft.fft2(single - single.mean()).conj()
    ).real
    # Two peaks of equal height, five ångström, or ten pixels, apart.
    first = np.array(np.unravel_index(int(correlation.argmax()), correlation.shape))
    assert np.abs((first + 40) % 80 - 40).max() <= 10
    assert (
        correlation.max() > 0.4 * (single - single.mean()).norm() * (double - double.mean()).norm()
    )


def test_disturbances_have_the_size_that_was_drawn():
    drawn = {name: torch.zeros(4) for name in RANGES}
    generator = torch.Generator().manual_seed(0)
    assert not disturbances(drawn, 64, generator).any()
    noisy = disturbances(drawn | {"noise": torch.full((4,), 0.3)}, 64, generator)
    assert float(noisy.std()) == pytest.approx(0.3, rel=0.05)
    tilted = disturbances(drawn | {"tilt": torch.full((4,), 5.0)}, 64, generator)
    slopes = torch.hypot(tilted.diff(dim=-1).mean((1, 2)), tilted.diff(dim=-2).mean((1, 2)))
    np.testing.assert_allclose(slopes * 63, 5, rtol=1e-3)


def test_the_materials_fit_their_generators():
    facts = materials.load("c60_gold")
    assert molecules.classes({}, facts) == ["hexagon", "bond", "pentagon", "apex"]
    assert len(molecules.orientations("fullerene")) == len(facts.classes)
    assert facts.density == pytest.approx(1 / (facts.lattice_constant**2 * np.sqrt(0.75)), rel=0.01)
    facts = materials.load("manganite_001")
    assert facts.density == pytest.approx(facts.lattice_constant**-2, rel=0.01)
