"""Random microscopes: turn exit waves into training images with labels (Madsen 2018, §2.3)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from latticework.imaging import waves
from latticework.imaging.bank import Bank
from latticework.imaging.detector import detect
from latticework.imaging.draws import Distribution, dihedral, draw
from latticework.imaging.labels import render_labels
from latticework.imaging.normalisation import normalise

CAMERA = ("c1", "c2", "c3", "nyquist_ratio")


def image_sizes(box: float, low: float, high: float) -> list[int]:
    """Even sizes in px that give the box a pixel between `low` and `high` Å (scale jitter).

    Raises ValueError where there is none.
    """
    # 43.2 Å / 0.12 Å is a little over 360 in floating point.
    fewest, most = math.ceil(box / high - 1e-9), math.floor(box / low + 1e-9)
    sizes = [n for n in range(fewest, most + 1) if n % 2 == 0]
    if not sizes:
        raise ValueError(f"no even number of pixels gives {box} Å a pixel of {low} to {high} Å")
    return sizes


@dataclass(frozen=True)
class Batch:
    """Training images: `images` (n, frames, crop, crop), `labels` (n, classes, crop, crop).

    `parameters` holds what was drawn, (n,) each; `sampling` is in Å per px.
    """

    images: torch.Tensor
    labels: torch.Tensor
    parameters: dict[str, torch.Tensor]
    sampling: float


def make_batch(
    bank: Bank,
    count: int,
    *,
    energy: float,
    ranges: Mapping[str, Distribution],
    crop: int,
    label_sigma: float,
    normalisation_sigma: float,
    generator: torch.Generator,
    n_classes: int = 2,
    series: Sequence[float] = (0.0,),
    foci: int = 1,
    structures: torch.Tensor | None = None,
) -> Batch:
    """Draw microscopes and make `count` training images with their labels.

    Parameters
    ----------
    bank
        Waves on the device where images are made.
    energy
        eV.
    ranges
        Limits of every parameter in `waves.OPTICS` and `CAMERA`, of `dose` (e/Å²) and of `sampling`
        (Å per px, one draw a batch).
    crop
        Side of the images, px; must fit into the box at the finest pixel.
    label_sigma, normalisation_sigma
        Å.
    generator
        On the bank's device; everything random comes from it.
    series
        Defocus of each frame beyond the drawn one, Å (Madsen 2018, §4.3). The frames of a field
        share everything but the noise: geometry, microscope and a third, say, of the dose each.
    foci
        Foci that intensities are averaged over; one is the quasi-coherent envelope.
    structures
        (count,) indices into the bank; drawn where not given.

    Every image gets a random translation (sub-pixel, periodic) and one of the eight
    symmetries of the square.
    """
    device = bank.spectra.device
    if structures is None:
        structures = torch.randint(len(bank.spectra), (count,), generator=generator, device=device)
    sizes = image_sizes(bank.box, ranges["sampling"].low, ranges["sampling"].high)
    if crop > sizes[0]:
        raise ValueError(f"a crop of {crop} px does not fit into {sizes[0]} px")
    drawn = draw({k: v for k, v in ranges.items() if k != "sampling"}, count, generator)
    size = sizes[int(torch.randint(len(sizes), (), generator=generator, device=device))]
    sampling = bank.box / size
    shift = bank.box * torch.rand(count, 2, generator=generator, device=device)
    elements = torch.randint(8, (count,), generator=generator, device=device)

    intensity = waves.series_intensity(
        bank.spectra[structures],
        bank.frequencies,
        bank.box,
        size,
        energy,
        drawn,
        series,
        shift,
        foci,
    )
    recorded = detect(
        intensity,
        drawn["dose"] / len(series) * sampling**2,
        **{name: drawn[name] for name in CAMERA},
        generator=generator,
    )[..., :crop, :crop]
    labels = render_labels(
        bank.positions[structures] + shift[:, None],
        bank.classes[structures],
        (crop, crop),
        torch.full((count,), sampling, device=device),
        label_sigma,
        n_classes,
        box=bank.box,
    )
    images = normalise(recorded, normalisation_sigma / sampling)
    return Batch(dihedral(images, elements), dihedral(labels, elements), drawn, sampling)
