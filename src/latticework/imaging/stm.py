"""Random tips and scans: turn images of a sharp tip into training images with labels.

Everything that a scan adds is in units of the corrugation, the robust standard deviation of the
image without it, so that one set of ranges serves all surfaces.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from latticework.imaging.bank import Bank
from latticework.imaging.draws import Distribution, draw
from latticework.imaging.labels import render_labels
from latticework.imaging.levelling import MAD, level
from latticework.imaging.normalisation import local_mean, normalise
from latticework.imaging.scan import Scan, random_scan, scanned, wander

# A second tip adds its current, and a height is (1/2κ) of the logarithm of a current, 1/Å.
DECAY = 1.05
# Share of the parameters of a tip that a change draws anew; lines over which a line offset lasts.
CHANGED_BLUR, CHANGED_SECOND = 2.0, 0.5
BACKGROUND_LENGTH = 0.2  # of the image's side
HUM_PERIODS = (3.0, 40.0)  # of a vibration, a line


def tip_images(
    bank: Bank, structures: torch.Tensor, tip: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """Periodic images (n, m, m) of structures by a blunt, perhaps double, tip.

    Parameters
    ----------
    bank
        Of images (n, 2, m, m): the height in Å and the current over its mean.
    tip
        (n,) each: `blur`, RMS radius of the end in Å; `second_tip`, the current of a second one
        over that of the first, `second_tip_x` and `second_tip_y` in Å where it is; `mode`, 0 for
        constant current, 1 for constant height.
    """

    def column(name: str) -> torch.Tensor:
        return tip[name].reshape(-1, 1, 1)

    count = torch.arange(len(structures), device=bank.spectra.device)
    spectra = bank.spectra[structures][count, tip["mode"].long()]
    k = bank.frequencies
    squared = k[:, None] ** 2 + k**2
    blunt = spectra * torch.exp(-2 * (math.pi * column("blur")) ** 2 * squared)
    path = k[:, None] * column("second_tip_y") + k * column("second_tip_x")
    first = torch.fft.ifft2(blunt, norm="forward").real
    moved = torch.polar(torch.ones_like(path), 2 * math.pi * path)
    second = torch.fft.ifft2(blunt * moved, norm="forward").real
    share = column("second_tip")
    # At constant current the tip that is nearer decides: the sum is one of currents.
    follows = torch.logaddexp(
        2 * DECAY * first, 2 * DECAY * second + torch.log(share.clamp(min=1e-9))
    ) / (2 * DECAY)
    return torch.where(column("mode") > 0.5, first + share * second, follows)


def random_tip(
    drawn: Mapping[str, torch.Tensor], generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """A tip's parameters for `tip_images` from what was drawn."""
    count, device = len(drawn["blur"]), generator.device
    angle = 2 * math.pi * torch.rand(count, generator=generator, device=device)
    chance = torch.rand(count, generator=generator, device=device)
    return {
        "blur": drawn["blur"],
        "second_tip": drawn["second_tip"],
        "second_tip_x": drawn["second_tip_distance"] * torch.cos(angle),
        "second_tip_y": drawn["second_tip_distance"] * torch.sin(angle),
        "mode": (chance < drawn["current"]).float(),
    }


def changed_tip(
    tip: Mapping[str, torch.Tensor], generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """The tip after a change: blunter or sharper, its second end elsewhere."""

    def uniform() -> torch.Tensor:
        return torch.rand(len(tip["blur"]), generator=generator, device=generator.device)

    turned = 2 * math.pi * uniform()
    distance = torch.hypot(tip["second_tip_x"], tip["second_tip_y"])
    return dict(tip) | {
        "blur": tip["blur"] * CHANGED_BLUR ** (2 * uniform() - 1),
        "second_tip": torch.where(
            uniform() < CHANGED_SECOND, tip["second_tip"], tip["second_tip"] * uniform()
        ),
        "second_tip_x": distance * torch.cos(turned),
        "second_tip_y": distance * torch.sin(turned),
    }


def scanned_surface(
    bank: Bank,
    structures: torch.Tensor,
    drawn: Mapping[str, torch.Tensor],
    scan: Scan,
    generator: torch.Generator,
) -> torch.Tensor:
    """What scans record of structures, of robust standard deviation 1, (n, size, size).

    A hole or an adsorbate does not set the unit, the lattice does. Where the tip changes, the lines
    after it are those of another tip.
    """
    tip = random_tip(drawn, generator)
    places = scan.places()
    seen = scanned(tip_images(bank, structures, tip), places, bank.box)

    def uniform() -> torch.Tensor:
        return torch.rand(len(structures), generator=generator, device=generator.device)

    changes = uniform() < drawn["tip_changes"]
    line = (scan.size * uniform()).long().reshape(-1, 1)
    if changes.any():
        other = scanned(tip_images(bank, structures, changed_tip(tip, generator)), places, bank.box)
        after = torch.arange(scan.size, device=seen.device) >= line
        seen = torch.where((after & changes[:, None])[:, :, None], other, seen)
    seen = seen - seen.flatten(1).median(dim=1).values[:, None, None]
    spread = MAD * seen.abs().flatten(1).median(dim=1).values[:, None, None]
    return seen / spread.clamp(min=1e-6)


def disturbances(
    drawn: Mapping[str, torch.Tensor], size: int, generator: torch.Generator
) -> torch.Tensor:
    """What a scan adds to the surface, (n, size, size), in corrugations.

    Tilt; offsets of lines that wander and that do not; a vibration that does not stay in step with
    the lines; noise of pixels; a step edge; a slow background. All of `drawn` are (n,).
    """
    count, device = len(drawn["noise"]), generator.device

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(count, *shape, generator=generator, device=device)

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(count, *shape, generator=generator, device=device)

    def column(name: str) -> torch.Tensor:
        return drawn[name].reshape(-1, 1, 1)

    line = torch.linspace(-0.5, 0.5, size, device=device)
    y, x = line[:, None].expand(size, size), line.expand(size, size)
    angle = 2 * math.pi * uniform(1, 1)
    total = column("tilt") * (torch.cos(angle) * x + torch.sin(angle) * y)
    rows = normal(size) + 2 * wander(normal(size))
    total = total + column("line_noise") * rows[:, :, None]
    low, high = (math.log(limit) for limit in HUM_PERIODS)
    periods = torch.exp(low + (high - low) * uniform(1, 1))
    # A whole number of vibrations in a line and its way back would make a pattern.
    phase = 2 * math.pi * (periods * x + uniform(size, 1) * 0.2 + uniform(1, 1) * size * y)
    total = total + column("hum") * torch.sin(phase)
    total = total + column("noise") * normal(size, size)
    edge = 2 * math.pi * uniform(1, 1)
    beyond = torch.cos(edge) * x + torch.sin(edge) * y > 0.6 * (uniform(1, 1) - 0.5)
    stepped = (uniform(1, 1) < column("steps")) * column("step_height")
    total = total + stepped * beyond
    slow = local_mean(normal(size, size), BACKGROUND_LENGTH * size)
    slow = slow / slow.std(dim=(1, 2), keepdim=True)
    return total + column("background") * slow


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
    ranges: Mapping[str, Distribution],
    crop: int,
    label_sigma: float,
    normalisation_sigma: float,
    generator: torch.Generator,
    n_classes: int,
    structures: torch.Tensor | None = None,
) -> Batch:
    """Draw tips and scans, and make `count` training images with their labels.

    Parameters
    ----------
    bank
        Images on the device where training images are made.
    ranges
        Limits of every parameter of `config.stm.Imaging`.
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
    drawn = draw(ranges, count, generator)
    sampling = drawn["sampling"]
    scan = random_scan(drawn, bank.box, crop, generator)
    seen = scanned_surface(bank, structures, drawn, scan, generator)
    images = prepared(seen + disturbances(drawn, crop, generator), normalisation_sigma / sampling)
    appearances, classes = scan.appearances(
        bank.positions[structures], bank.classes[structures], bank.box, 4 * label_sigma
    )
    labels = render_labels(
        appearances * sampling[:, None, None],
        classes,
        (crop, crop),
        sampling,
        label_sigma,
        n_classes,
    )
    return Batch(images, labels, drawn)


def prepared(images: torch.Tensor, sigma: torch.Tensor | float) -> torch.Tensor:
    """Images (n, ny, nx) as the network reads them, (n, 1, ny, nx): levelled, locally normalised.

    `sigma` in px, one for all or (n,).
    """
    width = sigma.mean() if isinstance(sigma, torch.Tensor) else sigma
    return normalise(level(images)[:, None], float(width))
