"""What images of gold show of its columns, focus by focus: the claims of docs/gold.md."""

import numpy as np
import pytest
import torch
from grown import grow_particle
from scipy import ndimage
from scipy.spatial import Delaunay, cKDTree

from latticework import materials
from latticework.imaging.optics import transfer_function, wavelength
from latticework.imaging.waves import LENS, exit_intensity, fixed_microscope, wave_bank
from latticework.limits.fisher import joint_position_bounds
from latticework.limits.positions import STEP, columns_of, displaced
from latticework.seeds import stream
from latticework.simulation.multislice import exit_wave
from latticework.structures import targets

ENERGY, CS, FOCAL_SPREAD = 300e3, -1.5e5, 28.0
SIZE = 160


def particle(axis, radius, tilt):
    return grow_particle(
        stream(5, "contrast", 0),
        box=32.0,
        radius=(radius, radius),
        added=(0, 0),
        zone_axes=(axis,),
        tilt=(tilt, tilt),
        disorder=(0, 0),
    )


def wave_of(atoms):
    return exit_wave(
        atoms,
        energy=ENERGY,
        sampling=0.2,
        slice_thickness=1.5,
        thermal_sigma=0.087,
        stored_sampling=0.25,
    )


def images(waves, defocus):
    """Noise-free images (n, 160, 160) of 0.2 Å/px of waves in the evaluation's microscope."""
    bank = wave_bank(torch.from_numpy(np.asarray(waves)), box=32.0, band_limit=1.5)
    optics = fixed_microscope(defocus, CS, FOCAL_SPREAD, len(waves))
    return (
        exit_intensity(
            bank.spectra.to(torch.complex128),
            bank.frequencies.double(),
            32.0,
            SIZE,
            ENERGY,
            {name: value.double() for name, value in optics.items()},
        )
        .numpy()
        .clip(min=1e-6)
    )


def at(image, positions):
    """Values of an image at positions (n, 2) in Å."""
    rows = positions[:, ::-1].T * SIZE / 32.0
    return ndimage.map_coordinates(image, rows, order=3, mode="grid-wrap")


def test_the_contrast_of_220_reverses_between_100_and_140_overfocus():
    k = torch.tensor([np.sqrt(8) / materials.load("gold").lattice_constant])
    values = {}
    for defocus in (-140, -120, -100, -60, -20):
        optics = fixed_microscope(defocus, CS, FOCAL_SPREAD, 1)
        lens = {name: optics[name] for name in LENS}
        values[defocus] = transfer_function(k, 0 * k, ENERGY, **lens)[0, 0].imag.item()
    assert values == pytest.approx(
        {-140: 0.48, -120: 0.01, -100: -0.46, -60: -0.82, -20: -0.15}, abs=0.01
    )
    # Independently: χ = π where ½θ²·C10 + ¼Cs·θ⁴ = λ/2.
    theta = wavelength(ENERGY) * k.item()
    assert (wavelength(ENERGY) / 2 - CS * theta**4 / 4) / (theta**2 / 2) == pytest.approx(
        120, abs=1
    )


@pytest.fixture(scope="module")
def along_111():
    """A particle along ⟨111⟩, its wave, its columns (n, 2), and the sites between three of them."""
    atoms = particle("111", 9.0, 0.0)
    columns = targets(atoms).positions[:, :2]
    corners = columns[Delaunay(columns).simplices]
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1)
    return atoms, wave_of(atoms), columns, corners[(sides < 1.9).all(axis=1)].mean(axis=1)


@pytest.mark.parametrize(("defocus", "bright"), [(-140, False), (-100, True), (-60, True)])
def test_columns_of_111_are_dark_where_220_is_reversed(along_111, defocus, bright):
    _, wave, columns, hollow = along_111
    image = images([wave], defocus)[0]
    assert (at(image, columns).mean() > at(image, hollow).mean()) == bright


def test_reversed_contrast_tells_as_much_of_a_column_s_place(along_111):
    """Cramér–Rao bounds at 10³ e/Å², the six neighbours' places unknown, too."""
    atoms, wave, columns, _ = along_111
    middle = cKDTree(columns).query(columns.mean(axis=0))[1]
    near = cKDTree(columns).query(columns[middle], k=7)[1]
    waves = displaced(wave_of, atoms, np.unique(columns_of(atoms))[near])
    bounds = {}
    for defocus in (-140, -120, -60, -20):
        shown = images([wave, *waves], defocus)
        derivatives = (shown[2::2] - shown[1::2]) / (2 * STEP)
        found = joint_position_bounds(derivatives, shown[0], 1e3 * (32.0 / SIZE) ** 2)[0]
        bounds[defocus] = np.sqrt(np.mean(found**2))
    assert max(bounds[-140], bounds[-120]) < 1.2 * bounds[-60] < 0.03
    assert bounds[-20] > 2 * bounds[-60]


@pytest.mark.parametrize(("defocus", "share"), [(-94, 0.04), (-74, 0.0), (-34, -0.22)])
def test_where_a_tilted_column_is_seen(defocus, share):
    """Spot against label, along the column's projection, in units of its length, at 4° off ⟨110⟩.

    Negative: towards the side where the beam comes in. Defocus counts from the middle.
    """
    atoms = particle("110", 12.0, 4.0)
    image = images([wave_of(atoms)], defocus)[0]
    peaks = np.argwhere((image == ndimage.maximum_filter(image, 5)) & (image > 1.2))
    spots = peaks[:, ::-1] * 32.0 / SIZE
    numbers, labels = columns_of(atoms), targets(atoms).positions[:, :2]
    distance, nearest = cKDTree(spots).query(labels)
    offsets, lengths = [], []
    for number, label in zip(np.unique(numbers), range(len(labels)), strict=True):
        column = atoms.positions[numbers == number]
        span = (column[column[:, 2].argmax()] - column[column[:, 2].argmin()])[:2]
        length = np.linalg.norm(span)
        if len(column) >= 5 and distance[label] < 0.8:
            offsets.append((spots[nearest[label]] - labels[label]) @ span / length)
            lengths.append(length)
    assert len(offsets) > 30
    assert np.dot(offsets, lengths) / np.dot(lengths, lengths) == pytest.approx(share, abs=0.05)
