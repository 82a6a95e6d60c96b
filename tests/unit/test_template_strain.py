import numpy as np
import pytest

from latticework.analysis.atoms.template_strain import (
    fit_templates,
    polar_decomposition,
    strain,
    strain_table,
)

BOND = 1.42


def turn(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def graphene(extent, angle=0.0):
    """Perfect graphene around the origin, and the sublattice of each atom."""
    n = int(extent)
    i, j = np.meshgrid(np.arange(-n, n), np.arange(-n, n))
    lattice = np.stack([i + j / 2, j * np.sqrt(3) / 2], axis=-1).reshape(-1, 2)
    atoms = BOND * np.concatenate([np.sqrt(3) * lattice, np.sqrt(3) * lattice + [0, 1]])
    side = np.repeat([0, 1], len(lattice))
    inside = np.hypot(*atoms.T) < extent
    return atoms[inside] @ turn(angle).T, side[inside]


def away_from_edge(atoms, extent, margin=4.0):
    return np.hypot(*atoms.T) < extent - margin


@pytest.mark.parametrize("angle", np.deg2rad([0, 17, 30, 45, 60, 90, 121, 180, 271]))
def test_uniform_deformation_is_exact(angle):
    gradient = np.array([[1.05, 0.04], [-0.02, 0.97]])
    atoms, _ = graphene(20, angle)
    table = strain(atoms @ gradient.T, bond_length=BOND)
    inside = away_from_edge(atoms, 20)
    expected = polar_decomposition(gradient)[0] - np.eye(2)
    found = table.loc[inside, ["xx", "yy", "xy"]].to_numpy()
    assert np.abs(found - [expected[0, 0], expected[1, 1], expected[0, 1]]).max() < 1e-6
    assert table.planar[inside].to_numpy() == pytest.approx(np.trace(expected) / 2, abs=1e-6)
    assert table.residual[inside].max() < 1e-6


@pytest.mark.parametrize("scale", [0.1, 1.0, 7.0])
def test_rescaled_strain_knows_no_scale(scale):
    atoms, _ = graphene(20, 0.3)
    stretched = atoms @ np.diag([1.03, 1.01])
    table = strain(scale * stretched)
    inside = away_from_edge(atoms, 20)
    assert np.abs(table.planar[inside]).max() < 1e-6
    assert (table.xx - table.yy)[inside].to_numpy() == pytest.approx(0.02 / 1.02, abs=1e-6)


def test_slowly_varying_strain():
    atoms, _ = graphene(40, 0.2)
    length = 60.0
    # u_x = a L sin(x/L): exx = a cos(x/L), which bends little over a segment.
    moved = atoms + np.stack([0.03 * length * np.sin(atoms[:, 0] / length), 0 * atoms[:, 0]], 1)
    table = strain(moved, bond_length=BOND)
    inside = away_from_edge(atoms, 40)
    expected = 0.03 * np.cos(atoms[inside, 0] / length)
    assert np.abs(table.xx[inside] - expected).max() < 1e-4
    assert np.abs(table.yy[inside]).max() < 1e-4


def test_rotation_is_local_and_relative():
    atoms, _ = graphene(20, 0.4)
    bent = np.deg2rad(2.0) * np.tanh(atoms[:, 1] / 30)
    # Rigid rotation by a slowly varying angle, to first order.
    moved = atoms + np.stack([0 * bent, bent * atoms[:, 0]], axis=1)
    inside = away_from_edge(moved, 20)
    assert strain(atoms).rotation[inside].abs().max() < 1e-6
    rotation = strain(moved).rotation[inside]
    assert np.corrcoef(rotation, bent[inside])[0, 1] > 0.9


def test_sublattices_are_told_apart():
    atoms, side = graphene(20, 1.1)
    inside = away_from_edge(atoms, 20)
    found = strain(atoms).sublattice.to_numpy()[inside]
    agreement = np.mean(found == side[inside])
    assert agreement in (0.0, 1.0)


def test_noise_propagates_as_least_squares_says():
    atoms, _ = graphene(60, 0.5)
    inside = away_from_edge(atoms, 60)
    noise = 0.05
    table = strain(atoms + np.random.default_rng(2).normal(0, noise, atoms.shape))
    # tr(A)/2 over ten points with sum of squares 10.5 bond² along either axis.
    assert table.planar[inside].std() == pytest.approx(noise / (BOND * np.sqrt(21)), rel=0.03)
    # 20 coordinates less 6 parameters.
    rms = np.sqrt(np.mean(table.residual[inside] ** 2))
    assert rms == pytest.approx(noise * np.sqrt(14 / 10) / BOND, rel=0.03)


def test_strong_noise_loses_few_atoms():
    atoms, _ = graphene(40, 0.5)
    inside = away_from_edge(atoms, 40)
    table = strain(atoms + np.random.default_rng(2).normal(0, 0.12, atoms.shape))
    assert table.planar[inside].isna().mean() < 0.02


def test_edges_and_vacancies_have_no_strain():
    atoms, _ = graphene(20)
    centre = np.hypot(*atoms.T).argmin()
    vacancy = atoms[centre]
    atoms = np.delete(atoms, centre, axis=0)
    table = strain(atoms)
    distance = np.hypot(*(atoms - vacancy).T)
    assert table.planar[distance < 2.5].isna().all()
    assert (table.sublattice[distance < 2.5] == -1).all()
    assert table.planar[(distance > 2.6) & away_from_edge(atoms, 20)].notna().all()
    assert table.planar[~away_from_edge(atoms, 20, margin=1.0)].isna().all()
    assert table.residual.notna().all()


def test_a_scatter_of_points_has_no_strain():
    points = np.random.default_rng(0).uniform(0, 40, (300, 2))
    assert strain(points).planar.isna().mean() > 0.98


@pytest.mark.parametrize("angle", [0.0, 0.7, -2.5, np.pi])
def test_polar_decomposition(angle):
    stretch = np.array([[1.1, 0.03], [0.03, 0.94]])
    found, rotation = polar_decomposition(stretch @ turn(angle))
    assert found == pytest.approx(stretch)
    assert turn(rotation) == pytest.approx(turn(angle))


def test_bad_input_is_named():
    atoms, _ = graphene(8)
    with pytest.raises(ValueError, match="n >= 10"):
        fit_templates(atoms[:9])
    with pytest.raises(ValueError, match="finite"):
        strain(np.where(np.arange(len(atoms))[:, None] == 3, np.nan, atoms))
    with pytest.raises(ValueError, match="bond_length"):
        strain(atoms, bond_length=0.0)


@pytest.mark.parametrize("count", [0, 5, 60])
def test_table_has_a_row_for_every_atom_and_always_the_same_columns(count):
    positions = np.random.default_rng(0).uniform(0, 12, (count, 2))
    table = strain_table(positions, "honeycomb")
    assert len(table) == count
    assert list(table) == [
        "x_angstrom",
        "y_angstrom",
        *strain(np.random.default_rng(1).uniform(0, 9, (12, 2))),
    ]
    bare = strain_table(positions, None)
    assert list(bare) == list(table)
    assert bare["planar"].isna().all()


def test_an_unknown_template_is_refused():
    with pytest.raises(ValueError, match="kagome"):
        strain_table(np.zeros((0, 2)), "kagome")
