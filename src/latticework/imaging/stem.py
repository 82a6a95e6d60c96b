"""Random scanning microscopes: turn sharp ADF images into training images with labels.

What a residual aberration does to the sharp image of a thin specimen is a convolution, nearly: its
spectrum is multiplied by the ratio of the aberrated probe's transfer to the perfect one's.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from latticework.electrons import wavelength
from latticework.imaging.bank import Bank
from latticework.imaging.detector import poisson_counts
from latticework.imaging.draws import Distribution, draw
from latticework.imaging.labels import render_labels
from latticework.imaging.normalisation import local_mean, normalise
from latticework.imaging.scan import Scan, random_scan, scanned

OPTICS = ("defocus", "astigmatism", "astigmatism_angle", "coma", "coma_angle", "source_size")
LEAST_TRANSFER = 1e-3  # of the perfect probe, below which nothing is said of a frequency
TILE = 0.13  # Å, pixel of the tiles that a scan is read from, at most
AMORPHOUS = 0.6  # Å, RMS size of an atom of an amorphous layer as the probe sees it


def middle_probe(
    ranges: Mapping[str, Distribution], count: int, defocus: float
) -> dict[str, torch.Tensor]:
    """`count` probes without aberrations but a defocus in Å, in the middle of a study's ranges.

    Source size and share of the medium-angle detector are those in the middle.
    """
    values = dict.fromkeys(OPTICS, 0.0) | {"defocus": defocus}
    for name in ("source_size", "maadf"):
        values[name] = 0.5 * (ranges[name].low + ranges[name].high)
    return {name: torch.full((count,), value) for name, value in values.items()}


def probe_transfer(
    frequencies: torch.Tensor,
    energy: float,
    semiangle: float,
    *,
    defocus: torch.Tensor,
    astigmatism: torch.Tensor,
    astigmatism_angle: torch.Tensor,
    coma: torch.Tensor,
    coma_angle: torch.Tensor,
    source_size: torch.Tensor,
) -> torch.Tensor:
    """Transfer of probes relative to that of the perfect one, complex (n, m, m).

    The ratio of the Fourier transforms of the probes' intensities, times that of the source's.
    An aberration only lowers the modulus of the former, so that it never exceeds one.

    Parameters
    ----------
    frequencies
        (m,) 1/Å, in FFT order, that hold twice the aperture.
    energy, semiangle
        eV, mrad.
    defocus, astigmatism, coma, source_size
        (n,) in Å: −C10, C12, C21, and the RMS radius per axis.
    astigmatism_angle, coma_angle
        (n,) in rad.
    """
    lam = wavelength(energy)
    kx, ky = frequencies[None, :], frequencies[:, None]
    squared = kx**2 + ky**2
    theta, phi = lam * squared.sqrt(), torch.atan2(ky, kx)
    inside = (theta <= semiangle * 1e-3 * (1 + 1e-6)).to(frequencies.dtype)

    def column(values: torch.Tensor) -> torch.Tensor:
        return values.reshape(-1, 1, 1)

    two_fold = column(astigmatism) * torch.cos(2 * (phi - column(astigmatism_angle)))
    one_fold = column(coma) * torch.cos(phi - column(coma_angle))
    # Coma displaces the probe as well; the image is registered at the probe's centre of mass.
    cubic = theta * (theta**2 - (semiangle * 1e-3) ** 2) / 3
    path = 0.5 * theta**2 * (two_fold - column(defocus)) + cubic * one_fold
    probe = torch.fft.ifft2(torch.polar(inside.expand_as(path), -2 * math.pi / lam * path))
    transfer = torch.fft.fft2(probe.abs().square())
    ideal = torch.fft.fft2(torch.fft.ifft2(inside).abs().square()).real
    known = ideal > LEAST_TRANSFER * ideal[0, 0]
    source = torch.exp(-2 * (math.pi * column(source_size)) ** 2 * squared)
    return transfer / torch.where(known, ideal, 1) * known * source


def tiles(spectra: torch.Tensor, size: int) -> torch.Tensor:
    """Images (n, size, size) of spectra (n, m, m) on a finer grid: exact Fourier interpolation."""
    m = spectra.shape[-1]
    padded = torch.zeros(len(spectra), size, size, dtype=spectra.dtype, device=spectra.device)
    # FFT order: frequencies from zero up come first, the negative ones last.
    halves = slice(0, (m + 1) // 2), slice(-(m // 2), None)
    for rows, columns in itertools.product(halves, halves):
        padded[:, rows, columns] = spectra[:, rows, columns]
    return torch.fft.ifft2(padded, norm="forward").real


def signal(
    bank: Bank,
    structures: torch.Tensor,
    drawn: Mapping[str, torch.Tensor],
    scan: Scan,
    energy: float,
    semiangle: float,
) -> torch.Tensor:
    """Share of the beam that the detector collects in every pixel of scans, (n, size, size).

    `drawn` has those of `OPTICS`, and `maadf`, the share of the medium-angle detector.
    """
    optics = {name: drawn[name] for name in OPTICS}
    transfer = probe_transfer(bank.frequencies, energy, semiangle, **optics)
    share = drawn["maadf"].reshape(-1, 1, 1)
    haadf, maadf = bank.spectra[structures].unbind(dim=1)
    seen = torch.lerp(haadf, maadf, share.to(haadf.dtype)) * transfer
    fine = tiles(seen, 2 * math.ceil(bank.box / TILE / 2))
    return scanned(fine, scan.places(), bank.box).clamp(min=0)


def random_field(
    count: int, size: int, width: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Smooth random fields (n, size, size) of mean zero and variance one; `width` (n,) in px."""
    white = torch.randn(count, size, size, generator=generator, device=generator.device)
    field = local_mean(white, width.reshape(-1, 1, 1))
    field = field - field.mean(dim=(1, 2), keepdim=True)
    return field / field.std(dim=(1, 2), keepdim=True)


def record(
    seen: torch.Tensor,
    drawn: Mapping[str, torch.Tensor],
    sampling: torch.Tensor,
    generator: torch.Generator | None,
) -> torch.Tensor:
    """Images as a detector records them, in units of the mean signal, (n, size, size).

    Parameters
    ----------
    seen
        (n, size, size), share of the beam that is collected.
    drawn
        (n,) each: `dose` in e/Å²; `readout`, RMS noise in electrons; `offset`, black level over the
        mean signal.
    sampling
        (n,) Å.
    """
    mean = seen.mean(dim=(1, 2), keepdim=True).clamp(min=1e-12)
    dose = (drawn["dose"] * sampling**2).reshape(-1, 1, 1)
    counts = torch.stack([poisson_counts(image, generator) for image in seen * dose])
    noise = torch.randn(seen.shape, generator=generator, device=seen.device)
    counts = counts + drawn["readout"].reshape(-1, 1, 1) * noise
    return counts / (dose * mean) + drawn["offset"].reshape(-1, 1, 1)


def processed(
    images: torch.Tensor, drawn: Mapping[str, torch.Tensor], sampling: torch.Tensor
) -> torch.Tensor:
    """Images (n, size, size) as they come from software: smoothed, high-passed, clipped.

    `drawn` has `smoothing` and `sharpening` in Å, and `saturation` in RMS contrasts.
    """
    widths = ((drawn[name] / sampling).reshape(-1, 1, 1) for name in ("smoothing", "sharpening"))
    smoothing, sharpening = widths
    images = local_mean(images, smoothing.clamp(min=0.05))
    images = images - local_mean(images, sharpening)
    limit = drawn["saturation"].reshape(-1, 1, 1) * images.std(dim=(1, 2), keepdim=True)
    return torch.clamp(images, -limit, limit)


def drawn_microscopes(
    ranges: Mapping[str, Distribution], count: int, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """Every parameter of `config.stem.Imaging` and the angles of aberrations, (count,) each."""
    drawn = draw(ranges, count, generator)
    for name in ("astigmatism_angle", "coma_angle"):
        unit = torch.rand(count, generator=generator, device=generator.device)
        drawn[name] = 2 * math.pi * unit
    return drawn


def images_of(
    bank: Bank,
    structures: torch.Tensor,
    drawn: Mapping[str, torch.Tensor],
    scan: Scan,
    energy: float,
    semiangle: float,
    generator: torch.Generator,
) -> torch.Tensor:
    """Images (n, size, size) of structures as a user gets them, in drawn microscopes."""
    seen = signal(bank, structures, drawn, scan, energy, semiangle)
    seen = seen + covering(seen, drawn, drawn["sampling"], generator)
    recorded = record(seen.clamp(min=0), drawn, drawn["sampling"], generator)
    return processed(recorded, drawn, drawn["sampling"])


@dataclass(frozen=True)
class Batch:
    """Training images: `images` (n, 1, crop, crop), `labels` (n, classes, crop, crop).

    `parameters` holds what was drawn, (n,) each.
    """

    images: torch.Tensor
    labels: torch.Tensor
    parameters: dict[str, torch.Tensor]


def make_batch(
    bank: Bank,
    count: int,
    *,
    energy: float,
    semiangle: float,
    ranges: Mapping[str, Distribution],
    crop: int,
    label_sigma: float,
    normalisation_sigma: float,
    generator: torch.Generator,
    n_classes: int,
    structures: torch.Tensor | None = None,
) -> Batch:
    """Draw microscopes and scans, and make `count` training images with their labels.

    Parameters
    ----------
    bank
        Images on the device where training images are made.
    energy, semiangle
        eV, mrad.
    ranges
        Limits of every parameter of `config.stem.Imaging`.
    crop
        Side of the images, px.
    label_sigma, normalisation_sigma
        Å.
    generator
        On the bank's device; everything random comes from it.
    n_classes
        With the background.
    structures
        (count,) indices into the bank; drawn where not given.
    """
    device = bank.spectra.device
    if structures is None:
        structures = torch.randint(len(bank.spectra), (count,), generator=generator, device=device)
    drawn = drawn_microscopes(ranges, count, generator)
    sampling = drawn["sampling"]
    scan = random_scan(drawn, bank.box, crop, generator)
    images = images_of(bank, structures, drawn, scan, energy, semiangle, generator)
    appearances, classes = scan.appearances(
        bank.positions[structures], bank.classes[structures], bank.box, 4.0
    )
    labels = render_labels(
        appearances * sampling[:, None, None],
        classes,
        (crop, crop),
        sampling,
        label_sigma,
        n_classes,
    )
    working = 0.5 * (ranges["sampling"].low + ranges["sampling"].high)
    return Batch(normalise(images[:, None], normalisation_sigma / working), labels, drawn)


def covering(
    seen: torch.Tensor,
    drawn: Mapping[str, torch.Tensor],
    sampling: torch.Tensor,
    generator: torch.Generator,
) -> torch.Tensor:
    """Signal of what lies on specimens, (n, size, size): smooth haze, and an amorphous layer.

    `drawn` has `haze` and `layer` over the specimens' mean signal, and `haze_length` in Å. Haze is
    a smooth random field with its lowest values cut off, so that it has an edge.
    """
    count, size = len(seen), seen.shape[-1]
    mean = seen.mean(dim=(1, 2), keepdim=True)
    haze = random_field(count, size, drawn["haze_length"] / sampling, generator).clamp(min=0)
    grain = random_field(count, size, AMORPHOUS / sampling, generator)
    haze = drawn["haze"].reshape(-1, 1, 1) * haze
    layer = drawn["layer"].reshape(-1, 1, 1) * (1 + grain).clamp(min=0)
    return mean * (haze + layer)
