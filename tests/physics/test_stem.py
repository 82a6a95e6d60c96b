"""Scanning images: the scattering matrix against abTEM's own scan, probes, scans, detectors."""

import abtem
import numpy as np
import pytest
import torch
from abtem.parametrizations import LobatoParametrization
from ase import Atoms

from latticework.config.base import Range
from latticework.imaging.bank import image_bank
from latticework.imaging.scan import random_scan, scanned, straight_scan, wander
from latticework.imaging.stem import (
    OPTICS,
    middle_probe,
    probe_transfer,
    record,
    signal,
    tiles,
)
from latticework.simulation.scattering_matrix import Parameters, image, slices_of

ENERGY, SEMIANGLE = 60e3, 30.0
DETECTORS = {"haadf": (80.0, 170.0), "maadf": (40.0, 80.0)}
A = 3.16


def layer():
    """A cell of MoS2 with a missing sulphur atom, 6.3 by 5.5 Å."""
    sulphur = [(x, y, z) for x, y in ((0, 0.5774), (0.5, 1.4434)) for z in (0, 3.12)]
    places = np.array([(0, 0, 1.56), (0.5, 0.866, 1.56), *sulphur])
    places *= (A, A, 1)
    atoms = Atoms("Mo2S4", places, cell=[A, A * np.sqrt(3), 7], pbc=True).repeat((2, 1, 1))
    atoms.positions[:, 2] += 2
    del atoms[3]
    return atoms


def simulated(atoms, **given):
    parameters = Parameters(**{"sampling": 0.095, "window": 1e3} | given)
    return image(atoms, parameters, energy=ENERGY, semiangle=SEMIANGLE, detectors=DETECTORS)


def exact_potential(atoms, sampling=0.095):
    """abTEM's potential of an atom's exact form factors: its own spreads an atom over pixels.

    A slice for each height at which there are atoms.
    """
    width, height, depth = atoms.cell.lengths()
    nx, ny = int(np.ceil(width / sampling)), int(np.ceil(height / sampling))
    kx, ky = np.fft.fftfreq(nx, width / nx), np.fft.fftfreq(ny, height / ny)
    squares = kx[:, None] ** 2 + ky**2
    heights = np.unique(atoms.positions[:, 2])
    planes = []
    for z in heights:
        total = np.zeros((nx, ny), complex)
        for atom in atoms[atoms.positions[:, 2] == z]:
            factor = LobatoParametrization().projected_scattering_factor(atom.symbol)
            total += factor(squares.astype(np.float32)) * np.exp(
                -2j * np.pi * (kx[:, None] * atom.x + ky * atom.y)
            )
        planes.append(np.fft.ifft2(total, norm="forward").real / (width * height))
    thickness = [*np.diff(heights), depth - heights[-1]]
    return abtem.PotentialArray(
        np.array(planes, np.float32), thickness, sampling=(width / nx, height / ny)
    )


@pytest.fixture(scope="module")
def exact():
    """Our images of a layer at some pixels, and abTEM's of a probe in focus on its lowest plane."""
    atoms = layer()
    ours = simulated(atoms)
    ny, nx = ours.shape[1:]
    pixels = [(y, x) for y in range(0, ny, 4) for x in range(1, nx, 5)]
    width, height = atoms.cell.lengths()[:2]
    places = np.array([(x * width / nx, y * height / ny) for y, x in pixels])
    potential = exact_potential(atoms)
    probe = abtem.Probe(energy=ENERGY, semiangle_cutoff=SEMIANGLE, soft=False)
    probe.grid.match(potential)
    detectors = [abtem.AnnularDetector(*limits) for limits in DETECTORS.values()]
    scan = abtem.CustomScan(places)
    measured = probe.scan(potential, scan=scan, detectors=detectors, lazy=False)
    rows, columns = np.array(pixels).T
    return ours[:, rows, columns], np.stack([np.asarray(m.array) for m in measured])


@pytest.mark.parametrize("shift", [0.25, 0.5])
def test_an_atom_is_as_bright_wherever_it_lies_between_pixels(shift):
    pixel = 12 / np.ceil(12 / 0.095)
    on, between = (
        simulated(Atoms("C", [(6 + d, 6 + d, 2)], cell=[12, 12, 4], pbc=True))
        for d in (0, shift * pixel)
    )
    assert between.sum(axis=(1, 2)) == pytest.approx(on.sum(axis=(1, 2)), rel=0.02)


def test_slices_are_planes():
    slices = slices_of(layer(), 1.2)
    assert [set(part.get_chemical_symbols()) for part, _ in slices] == [{"S"}, {"Mo"}, {"S"}]
    assert [height for _, height in slices] == pytest.approx([2, 3.56, 5.12])


def test_an_image_is_that_of_a_multislice_scan(exact):
    ours, theirs = exact
    for our, their in zip(ours, theirs, strict=True):
        assert np.sqrt(np.mean((our - their) ** 2)) < 0.04 * their.std()
        assert our.mean() == pytest.approx(their.mean(), rel=0.03)


def test_uncoupled_slices_are_nearly_the_same():
    full, first = simulated(layer()), simulated(layer(), coupled=False)
    for a, b in zip(full, first, strict=True):
        assert 1e-4 < np.sqrt(np.mean((a - b) ** 2)) / a.std() < 0.05


def test_far_fields_may_be_summed_coarsely():
    """Far tails of the probe matter little: half as many pixels, a few per cent."""
    carbon = Atoms("C", [(10, 10, 2)], cell=[20, 20, 4], pbc=True)
    full, coarse = simulated(carbon), simulated(carbon, window=10)
    assert np.abs(full - coarse).max() < 0.05 * full.max()


def test_a_potential_too_coarse_for_the_detector_is_refused():
    with pytest.raises(ValueError, match="mrad"):
        simulated(layer(), sampling=0.2)


def test_brightness_grows_with_the_element():
    """Between Z^1.4 and Z^2 of single atoms on this detector."""
    peaks = [
        simulated(Atoms(element, [(6, 6, 2)], cell=[12, 12, 4], pbc=True))[0].max()
        for element in ("C", "Si")
    ]
    assert 1.4 < np.log(peaks[1] / peaks[0]) / np.log(14 / 6) < 2.0


def frequencies(size=60, box=22.0):
    return torch.fft.fftfreq(size, box / size)


def probe(count=1, **given):
    none = dict.fromkeys(OPTICS, 0.0) | given
    return {name: torch.full((count,), value) for name, value in none.items()}


def test_a_perfect_probe_changes_nothing_within_its_band():
    transfer = probe_transfer(frequencies(), ENERGY, 31.0, **probe())[0]
    inside = transfer.abs() > 0
    assert torch.allclose(transfer[inside].abs(), torch.ones(()), atol=1e-3)
    k = torch.hypot(*torch.meshgrid(frequencies(), frequencies(), indexing="ij"))
    assert inside[k < 1.9 * 0.031 / 0.0487].all()
    assert not inside[k > 2.05 * 0.031 / 0.0487].any()


@pytest.mark.parametrize(
    "given", [{"defocus": 40.0}, {"astigmatism": 20.0}, {"coma": 4000.0, "coma_angle": 0.4}]
)
def test_aberrations_only_take_contrast_away(given):
    transfer = probe_transfer(frequencies(), ENERGY, 31.0, **probe(**given))[0]
    assert float(transfer.abs().max()) <= 1 + 1e-4
    assert float(transfer[0, 0].real) == pytest.approx(1, abs=1e-5)
    assert float(transfer.abs().mean()) < 0.9 * float((transfer.abs() > 0).float().mean())
    # Nor do they move the image: the phase is flat about zero frequency. Uncorrected, the coma
    # would move it by C21 α²/3 = 1.3 Å.
    step = 2 * torch.pi * float(frequencies()[1])
    assert abs(float(transfer[0, 1].angle())) / step < 0.1
    assert abs(float(transfer[1, 0].angle())) / step < 0.1


def test_the_source_blurs_by_its_size():
    """A point becomes a Gaussian of the source's RMS radius: its variance is added."""
    wide = probe_transfer(frequencies(), ENERGY, 31.0, **probe(source_size=0.5))[0].real
    sharp = probe_transfer(frequencies(), ENERGY, 31.0, **probe())[0].real
    k = frequencies()
    ratio = (wide / sharp)[0, 1:12]
    expected = torch.exp(-2 * (torch.pi * 0.5 * k[1:12]) ** 2)
    assert torch.allclose(ratio, expected, atol=1e-4)


def test_transfer_is_that_of_an_aberrated_scan():
    """Of a thin atom, our transfer on the sharp image is abTEM's image with the aberration."""
    atoms = Atoms("Si", [(5, 5, 2)], cell=[10, 10, 4], pbc=True)
    sharp = torch.from_numpy(simulated(atoms)[:1])
    size = sharp.shape[-1]
    k = torch.fft.fftfreq(size, 10 / size)
    transfer = probe_transfer(k, ENERGY, SEMIANGLE, **probe(defocus=50.0))
    ours = torch.fft.ifft2(torch.fft.fft2(sharp) * transfer).real[0].numpy()
    potential = exact_potential(atoms)
    microscope = abtem.Probe(
        energy=ENERGY, semiangle_cutoff=SEMIANGLE, soft=False, aberrations={"C10": -50.0}
    )
    microscope.grid.match(potential)
    row = ours[size // 2]
    places = np.array([(x * 10 / size, (size // 2) * 10 / size) for x in range(0, size, 2)])
    detector = abtem.AnnularDetector(*DETECTORS["haadf"])
    theirs = microscope.scan(
        potential, scan=abtem.CustomScan(places), detectors=[detector], lazy=False
    )
    theirs = np.asarray((theirs[0] if isinstance(theirs, list) else theirs).array).ravel()
    assert np.corrcoef(row[::2], theirs)[0, 1] > 0.99
    assert np.abs(row[::2] - theirs).max() < 0.12 * theirs.max()


BOX = 12.0


def dots(positions, size=48):
    """A sharp image (1, 2, size, size) with a Gaussian of 0.5 Å at each place, periodic."""
    axis = torch.arange(size) * (BOX / size)
    total = torch.zeros(size, size)
    for x, y in positions:
        dx, dy = (axis - x + BOX / 2) % BOX - BOX / 2, (axis - y + BOX / 2) % BOX - BOX / 2
        total += torch.exp(-(dx[None, :] ** 2 + dy[:, None] ** 2) / (2 * 0.5**2))
    return torch.stack([total, total])[None]


def faults(count=6, **given):
    values = {"sampling": 0.25, "shear": 0.03, "line_jitter": 0.0, "flyback": 0.0} | given
    return {name: torch.full((count,), value) for name, value in values.items()}


@pytest.mark.parametrize("given", [{}, {"flyback": 0.8}, {"line_jitter": 0.15}])
def test_atoms_appear_where_the_image_is_bright(given):
    """In any direction, sheared, at any pixel, beyond the box: within a tenth of a pixel."""
    place = (3.1, 7.4)
    generator = torch.Generator().manual_seed(3)
    scan = random_scan(faults(**given), BOX, 96, generator)
    pictures = scanned(
        tiles(torch.fft.fft2(dots([place])[0, :1], norm="forward"), 120).expand(6, -1, -1),
        scan.places(),
        BOX,
    )
    positions = torch.tensor([place]).expand(6, 1, 2)
    seen, known = scan.appearances(positions, torch.ones(6, 1, dtype=torch.int64), BOX, -5.0)
    errors = []
    for picture, atoms, kinds in zip(pictures, seen, known, strict=True):
        assert int((kinds > 0).sum()) >= 2
        for x, y in atoms[kinds > 0].tolist():
            rows = torch.arange(round(y) - 5, round(y) + 6)
            columns = torch.arange(round(x) - 5, round(x) + 6)
            patch = picture[rows[:, None], columns[None]]
            weights = patch / patch.sum()
            errors.append(float((weights.sum(0) * columns).sum()) - x)
            errors.append(float((weights.sum(1) * rows).sum()) - y)
    assert np.sqrt(np.mean(np.square(errors))) < (0.05 if not given else 0.25)


def test_a_straight_scan_is_the_image_itself():
    scan = straight_scan(1, BOX / 48, BOX, 48)
    shown = scanned(dots([(3.1, 7.4)])[0, :1], scan.places(), BOX)
    assert torch.allclose(shown[0], dots([(3.1, 7.4)])[0, 0], atol=1e-4)


def test_wandering_lines_keep_their_variance():
    white = torch.randn(200, 256, generator=torch.Generator().manual_seed(0))
    smooth = wander(white)[:, 20:-20]
    assert float(smooth.std()) == pytest.approx(1, abs=0.1)
    assert float((smooth[:, 1:] - smooth[:, :-1]).std()) < 0.4


def test_a_signal_counts_the_electrons_of_its_dose():
    """The mean of the recorded image is one plus the offset; its noise is Poisson's."""
    seen = torch.full((2, 64, 64), 1e-3)
    drawn = {"dose": torch.tensor([1e5, 1e6]), "readout": torch.zeros(2), "offset": torch.ones(2)}
    sampling = torch.full((2,), 0.25)
    images = record(seen, drawn, sampling, torch.Generator().manual_seed(1))
    assert images.mean(dim=(1, 2)).tolist() == pytest.approx([2, 2], abs=0.03)
    expected = [(1e-3 * dose * 0.25**2) ** -0.5 for dose in (1e5, 1e6)]
    assert images.std(dim=(1, 2)).tolist() == pytest.approx(expected, rel=0.05)


def test_detectors_are_mixed_by_their_share():
    haadf, maadf = dots([(3, 3)])[0, 0], dots([(9, 9)])[0, 0]
    bank = image_bank(torch.stack([haadf, maadf])[None], BOX)
    scan = straight_scan(1, BOX / 48, BOX, 48)
    ranges = {"source_size": Range(low=0, high=0), "maadf": Range(low=0.25, high=0.25)}
    drawn = middle_probe(ranges, 1, 0.0)
    wide = 1e3 * 2.0 * 0.0487  # mrad: an aperture that holds half of the stored band
    shown = signal(bank, torch.tensor([0]), drawn, scan, ENERGY, wide)[0]
    assert torch.allclose(shown, 0.75 * haadf + 0.25 * maadf, atol=1e-2)
