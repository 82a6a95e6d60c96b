"""Specimens that are scanned: their atoms lie where their strain puts them."""

import numpy as np
import pytest

from latticework import names
from latticework.analysis.diffraction.strain import components
from latticework.simulation.scans import aperture, simulate_positions
from latticework.specimens import flakes, multilayers

LAYERS = [
    {"thickness": 100, "germanium": 0.0, "strain": -0.01},
    {"thickness": 100, "germanium": 0.5, "strain": 0.01},
    {"thickness": 100, "germanium": 0.25, "strain": 0.0},
]
PROBE = {"energy": 200e3, "semiangle": 2.0, "bullseye": 0, "box": 46.1, "gpts": 192, "size": 128}
PROBE |= {"slice_thickness": 2.0}


def multilayer(**changed):
    return multilayers.Parameters.model_validate({"layers": LAYERS, "positions": 30} | changed)


def spots(atoms, vectors):
    """Kinematical amplitude of reciprocal vectors (n, 2) in projection, of all atoms."""
    return np.abs(np.exp(2j * np.pi * atoms.positions[:, :2] @ vectors.T).sum(0)) / len(atoms)


@pytest.mark.parametrize("name", names.available("specimens"))
def test_a_specimen_has_what_a_scan_asks_of_it(name):
    module = names.load("specimens", name)
    for function in ("prepare", "places", "local_box", "true_deformation", "reference", "settled"):
        assert callable(getattr(module, function))


@pytest.mark.parametrize("tilt", [0.0, 3.0])
@pytest.mark.parametrize("place", [50.0, 150.0, 250.0])
def test_the_lattice_is_strained_as_it_says(place, tilt):
    design = multilayer(height=80.0, tilt=(tilt, tilt), azimuth=(30.0, 30.0))
    atoms = multilayers.local_box(multilayers.prepare(design, 1, "any", 23), (place, 0.0), 46.1)
    deformation = multilayers.true_deformation(design, place)
    # (400) along the stack and (04-4), both allowed and weakly foreshortened by the tilt.
    plain = np.array([[4, 0], [0, 2 * np.sqrt(2)]]) / design.lattice
    vectors = plain @ np.linalg.inv(deformation)
    tilts = np.linspace(-0.02, 0.02, 81)
    for i, vector in enumerate(vectors):
        strength = spots(atoms, vector * (1 + tilts[:, None]))
        # A tilted box's atoms are in phase in three dimensions only; without a tilt they peak here.
        if tilt == 0:
            assert abs(tilts[strength.argmax()]) < 2e-3, i


def test_a_tilt_foreshortens_the_lattice():
    design = multilayer(tilt=(4.0, 4.0), azimuth=(0.0, 0.0))
    exx, eyy, exy, turn = components(multilayers.true_deformation(design, 250.0))
    # Reciprocal vectors in projection are shorter by cos t, as if the crystal were stretched.
    assert exx == pytest.approx(1 / np.cos(np.radians(4)) - 1, rel=1e-9)
    np.testing.assert_allclose([eyy, exy, turn], 0, atol=1e-12)


def test_composition_and_density_are_those_of_the_layers():
    design = multilayer(height=60.0)
    prepared = multilayers.prepare(design, 1, "any", 23)
    for place, layer in zip((50, 150, 250), design.layers, strict=True):
        atoms = multilayers.local_box(prepared, (place, 0.0), 40.0)
        assert np.mean(atoms.numbers == 32) == pytest.approx(layer.germanium, abs=0.02)
        volume = design.lattice**3 * (1 + layer.strain) / 8
        assert len(atoms) == pytest.approx(40.0**2 * 60 / volume, rel=0.08)  # whole planes
        nearest = atoms.get_distances(0, range(1, len(atoms))).min()
        assert nearest == pytest.approx(design.lattice * np.sqrt(3) / 4, rel=0.02)


def test_neighbouring_positions_share_their_atoms():
    prepared = multilayers.prepare(multilayer(height=30.0), 1, "any", 23)
    first = multilayers.local_box(prepared, (250.0, 0.0), 40.0)
    second = multilayers.local_box(prepared, (255.0, 0.0), 40.0)
    moved = second.positions + np.array([5.0, 0, 0])
    both = moved[:, 0] < 40 - 1e-6
    known = {tuple(p): n for p, n in zip(first.positions.round(3), first.numbers, strict=True)}
    shared = [
        (known[tuple(p)], n)
        for p, n in zip(moved[both].round(3), second.numbers[both], strict=True)
        if tuple(p) in known
    ]
    assert len(shared) > 0.9 * both.sum()
    assert all(a == b for a, b in shared)


def test_an_interface_is_in_the_box_of_a_position_beside_it():
    design = multilayer(height=60.0)
    atoms = multilayers.local_box(multilayers.prepare(design, 1, "any", 23), (100.0, 0.0), 46.1)
    left = atoms.positions[:, 0] < 23.05
    assert not (atoms.numbers[left] == 32).any()
    assert np.mean(atoms.numbers[~left] == 32) == pytest.approx(0.5, abs=0.03)
    assert not multilayers.settled(design, 100.0, 8.0)
    assert multilayers.settled(design, 150.0, 8.0)


def test_disks_lie_where_the_reference_says():
    design = {"layers": (6, 6), "positions": 2, "azimuth": 20.0}
    arrays = simulate_positions(
        "flakes", design, PROBE | {"box": 40.0}, seed=1, name="any", indices=[0]
    )
    pattern = np.asarray(arrays["pattern"].data)[0]
    assert pattern.sum() == pytest.approx(1, abs=0.02)
    reference = flakes.reference(flakes.Parameters.model_validate(design))
    y, x = np.mgrid[:128, :128] - 64
    for vector in (reference[0], reference[1], reference[0] + reference[1]):
        near = np.hypot(x - vector[0] * 40, y - vector[1] * 40) < 4.5
        centre = np.array([(a[near] * pattern[near]).sum() for a in (x, y)]) / pattern[near].sum()
        np.testing.assert_allclose(centre / 40, vector, atol=0.3 / 40)


def test_a_bullseye_has_dark_rings():
    plain, rings = (aperture(256, 92.0, 80e3, 3.4, n) for n in (0, 2))
    line = rings[0, :128]
    edges = np.count_nonzero(np.diff((line > 0.5).astype(int)))
    assert edges == 5
    assert rings.sum() < 0.75 * plain.sum()
