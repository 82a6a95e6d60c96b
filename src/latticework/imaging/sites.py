"""Training images of sites at any scale, from images of several studies.

What a study's images show is told by the distance of its sites, not by their pixel in Å: the unit
of length is the spacing, the median distance of a structure's sites to their nearest neighbours.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.spatial import cKDTree

from latticework.config.base import Range
from latticework.imaging.bank import Bank
from latticework.imaging.draws import Distribution
from latticework.imaging.levelling import level
from latticework.imaging.normalisation import normalise

# px; a window above which a local normalisation is a global one.
EVERYWHERE = 1e4


@dataclass(frozen=True)
class Part:
    """The images of one study.

    Parameters
    ----------
    bank
        With one class of sites.
    spacings
        (n,), of each of its structures, Å.
    ranges
        Of the study's own microscopes.
    make
        Makes training images of its modality, as `imaging.stem.make_batch`.
    """

    bank: Bank
    spacings: torch.Tensor
    ranges: Mapping[str, Distribution]
    make: Callable[..., "Batch"]


@dataclass(frozen=True)
class Mixture:
    """The images of several studies, each as likely as any other."""

    parts: tuple[Part, ...]

    def to(self, device: torch.device | str) -> "Mixture":
        """The same on a device."""
        return Mixture(tuple(replace(part, bank=part.bank.to(device)) for part in self.parts))


@dataclass(frozen=True)
class Batch:
    """Training images: `images` (n, 1, crop, crop), `labels` (n, 2, crop, crop)."""

    images: torch.Tensor
    labels: torch.Tensor


def spacing(positions: np.ndarray, box: float) -> float:
    """Median distance of sites (n, 2) in a periodic square to their nearest neighbours.

    In units of `box`; NaN for less than two sites.
    """
    if len(positions) < 2:
        return math.nan
    distance, _ = cKDTree(positions % box, boxsize=box).query(positions % box, k=2)
    return float(np.median(distance[:, 1]))


def one_class(bank: Bank) -> Bank:
    """A bank whose classes are all the same: a site."""
    return replace(bank, classes=(bank.classes > 0).long())


def spacings_of(bank: Bank) -> torch.Tensor:
    """Spacing (n,) of each structure of a bank, Å."""
    pairs = zip(bank.positions, bank.classes, strict=True)
    values = [spacing(where[known > 0].double().numpy(), bank.box) for where, known in pairs]
    return torch.tensor(values, dtype=torch.float32)


def part_of(bank: Bank, ranges: Mapping[str, Distribution], make: Callable[..., "Batch"]) -> Part:
    """The images of a study's bank; structures with less than two sites have no scale."""
    spacings = spacings_of(bank)
    known = spacings.isfinite()
    kept = replace(
        one_class(bank),
        spectra=bank.spectra[known],
        positions=bank.positions[known],
        classes=(bank.classes[known] > 0).long(),
    )
    return Part(kept, spacings[known], ranges, make)


def make_batch(
    mixture: Mixture,
    count: int,
    *,
    ranges: Mapping[str, Distribution],
    crop: int,
    label_sigma: float,
    window: float,
    levelled: float,
    generator: torch.Generator,
) -> Batch:
    """Draw studies, structures, scales and microscopes, and make `count` training images.

    Parameters
    ----------
    mixture
        On the device where training images are made.
    ranges
        `sampling`, the pixel over the spacing.
    crop
        Side of the images, px.
    label_sigma
        Width of the labels over the spacing.
    window
        Of the local normalisation, px: the same at every scale, since that of an image to be read
        is not known beforehand.
    levelled
        Probability that planes and lines are taken off.
    generator
        On the bank's device; everything random comes from it.
    """

    def integer(below: int) -> int:
        return int(torch.randint(below, (1,), generator=generator, device=generator.device))

    images, labels = [], []
    for _ in range(count):
        part = mixture.parts[integer(len(mixture.parts))]
        number = integer(len(part.spacings))
        length = float(part.spacings[number])
        limits = ranges["sampling"]
        pixel = Range(
            low=length * limits.low, high=length * limits.high, distribution=limits.distribution
        )
        made = part.make(
            part.bank,
            count=1,
            ranges=dict(part.ranges) | {"sampling": pixel},
            crop=crop,
            label_sigma=label_sigma * length,
            normalisation_sigma=EVERYWHERE * length * limits.high,
            generator=generator,
            n_classes=2,
            structures=torch.tensor([number], device=generator.device),
        )
        chance = torch.rand(1, generator=generator, device=generator.device)
        image = level(made.images) if float(chance) < levelled else made.images
        images.append(image)
        labels.append(made.labels)
    return Batch(normalise(torch.cat(images), window), torch.cat(labels))
