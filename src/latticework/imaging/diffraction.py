"""What a microscope and its detector add to simulated diffraction patterns (Munshi 2022, Methods).

In the order of the beam: inelastic background, elliptic distortion and shift of the projector
lenses, counting noise, hot and dead pixels. Batched, on any device. The zero frequency of a picture
of n px lies at n // 2.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch.nn.functional import pad

from latticework.imaging.detector import poisson_counts
from latticework.imaging.draws import Distribution, dihedral, draw


@dataclass(frozen=True)
class Triplets:
    """Patterns, probes and structure factors (n, size, size) of a batch, and what was drawn."""

    pattern: torch.Tensor
    probe: torch.Tensor
    structure_factors: torch.Tensor
    parameters: dict[str, torch.Tensor]


def plasmon_background(probe: torch.Tensor, width: torch.Tensor, step: float) -> torch.Tensor:
    """Pictures (n, size, size) with sum one: a Lorentzian 1/(q² + q0²) convolved with the probe.

    `width` (n,) is q0 in 1/Å, `step` the pixel in 1/Å. The convolution is periodic.
    """
    size = probe.shape[-1]
    q = (torch.arange(size, device=probe.device) - size // 2) * step
    squares = q[:, None] ** 2 + q**2
    lorentzian = 1 / (squares + width[:, None, None] ** 2)
    centred = torch.fft.ifftshift(lorentzian, dim=(-2, -1))
    spectrum = torch.fft.rfft2(centred) * torch.fft.rfft2(probe)
    background = torch.fft.irfft2(spectrum, s=(size, size)).clamp(min=0)
    return background / background.sum(dim=(-2, -1), keepdim=True)


def ellipse_matrix(ellipticity: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """Matrices (n, 2, 2) on (x, y) that stretch by 1 + e/2 along an angle (rad) from x.

    Across it they shrink by the same factor: areas, and so intensities, stay.
    """
    stretch = 1 + ellipticity / 2
    cosine, sine = torch.cos(angle), torch.sin(angle)
    diagonal = torch.diag_embed(torch.stack([stretch, 1 / stretch], dim=-1))
    turn = torch.stack(
        [torch.stack([cosine, -sine], dim=-1), torch.stack([sine, cosine], dim=-1)], dim=-2
    )
    return turn @ diagonal @ turn.transpose(-1, -2)


def distort(
    pictures: torch.Tensor, matrices: torch.Tensor, shift: torch.Tensor | None = None
) -> torch.Tensor:
    """Move what is at r in pictures (n, size, size) to M r + shift, r from the zero frequency.

    `matrices` (n, 2, 2) and `shift` (n, 2) px act on (x, y). Bilinear; zero comes in from outside.
    """
    size = pictures.shape[-1]
    offset = torch.arange(size, device=pictures.device, dtype=pictures.dtype) - size // 2
    y, x = torch.meshgrid(offset, offset, indexing="ij")
    target = torch.stack([x, y], dim=-1)[None]
    if shift is not None:
        target = target - shift[:, None, None]
    source = torch.einsum(
        "nij,nyxj->nyxi", torch.linalg.inv(matrices), target.expand(len(pictures), size, size, 2)
    )
    grid = 2 * (source + size // 2) / (size - 1) - 1
    return torch.nn.functional.grid_sample(
        pictures[:, None], grid, mode="bilinear", padding_mode="zeros", align_corners=True
    )[:, 0]


def turn(pictures: torch.Tensor, elements: torch.Tensor) -> torch.Tensor:
    """Pictures (n, size, size), size even, under symmetries of the square about n // 2.

    `elements` (n,) are those of `draws.dihedral`. The first row and column, which have no
    opposite, become zero.
    """
    return pad(dihedral(pictures[:, 1:, 1:], elements), (1, 0, 1, 0))


def count(
    patterns: torch.Tensor, dose: torch.Tensor, generator: torch.Generator | None
) -> torch.Tensor:
    """Counts of patterns (n, size, size) of probabilities, over their `dose` (n,) electrons."""
    expected = patterns.clamp(min=0) * dose[:, None, None]
    # One call a pattern: whether the fast sampler may be used depends on its own counts.
    counts = torch.stack([poisson_counts(pattern, generator) for pattern in expected])
    return counts / dose[:, None, None]


def defective_pixels(
    patterns: torch.Tensor,
    hot: torch.Tensor,
    dead: torch.Tensor,
    generator: torch.Generator | None,
) -> torch.Tensor:
    """Set a share `dead` (n,) of the pixels to zero and a share `hot` (n,) to something bright.

    A hot pixel is uniform up to the pattern's brightest pixel, as an X-ray's or a defect's is.
    """
    device = patterns.device
    chance = torch.rand(patterns.shape, generator=generator, device=device)
    bright = torch.rand(patterns.shape, generator=generator, device=device)
    bright = bright * patterns.amax(dim=(-2, -1), keepdim=True)
    dead, hot = dead[:, None, None], hot[:, None, None]
    patterns = torch.where(chance < dead, torch.zeros_like(patterns), patterns)
    return torch.where((chance >= dead) & (chance < dead + hot), bright, patterns)


def augment(
    patterns: torch.Tensor,
    probes: torch.Tensor,
    structure_factors: torch.Tensor,
    *,
    step: float,
    ranges: Mapping[str, Distribution],
    generator: torch.Generator,
) -> Triplets:
    """Draw microscopes and detectors, and make training triplets of simulated ones.

    Parameters
    ----------
    patterns, probes
        (n, size, size) in units of the probe's brightest pixel, from a diffraction shard.
    structure_factors
        (n, size, size).
    step
        Pixel, 1/Å.
    ranges
        Limits of `background` (share of the electrons), `background_width` (q0, 1/Å),
        `ellipticity` (stretch along over stretch across, less one, nearly), `shift` (px, along x
        and along y), `dose` (electrons in the probe), `hot` and `dead` (shares of the pixels).
    generator
        On the patterns' device; everything random comes from it.

    The ellipse distorts pattern, probe and structure factors alike, since a real vacuum probe went
    through the same lenses; a shift moves the pattern and with it the structure factors; noise and
    defects are the pattern's own.
    """
    limits = dict(ranges)
    shift = limits.pop("shift")
    limits |= {"shift_x": shift, "shift_y": shift}
    drawn = draw(limits, len(patterns), generator)
    angle = math.pi * torch.rand(len(patterns), generator=generator, device=patterns.device)
    ellipse = ellipse_matrix(drawn["ellipticity"], angle)
    moved = torch.stack([drawn["shift_x"], drawn["shift_y"]], dim=-1)

    electrons = probes.sum(dim=(-2, -1), keepdim=True)
    share = drawn["background"][:, None, None]
    total = patterns.sum(dim=(-2, -1), keepdim=True)
    background = plasmon_background(probes, drawn["background_width"], step)
    blurred = (1 - share) * patterns + share * total * background
    recorded = count(distort(blurred, ellipse, moved) / electrons, drawn["dose"], generator)
    recorded = defective_pixels(recorded, drawn["hot"], drawn["dead"], generator)
    return Triplets(
        recorded * electrons,
        distort(probes, ellipse),
        distort(structure_factors, ellipse, moved),
        drawn | {"ellipse_angle": angle},
    )
