"""Random microscopes: draw imaging parameters, and turn waves into pictures with labels."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from latticework.imaging.aberrations import transfer_function
from latticework.imaging.detector import detect
from latticework.imaging.labels import render_labels
from latticework.imaging.normalisation import normalise


class Distribution(Protocol):
    """A range of an imaging parameter, as the config gives it."""

    low: float
    high: float
    distribution: str  # "uniform" or "loguniform"


def draw(
    ranges: Mapping[str, Distribution], count: int, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """Draw `count` values of every parameter, (count,) each, on the generator's device."""
    values = {}
    for name in sorted(ranges):
        limits = ranges[name]
        unit = torch.rand(count, generator=generator, device=generator.device)
        if limits.distribution == "loguniform":
            low, high = math.log(limits.low), math.log(limits.high)
            values[name] = torch.exp(low + unit * (high - low))
        else:
            values[name] = limits.low + unit * (limits.high - limits.low)
    return values


def fixed_microscope(
    defocus: float, cs: float, focal_spread: float, count: int
) -> dict[str, torch.Tensor]:
    """Parameters of `count` equal and otherwise perfect microscopes for `exit_intensity`; Å."""
    values = {"defocus": defocus, "cs": cs, "focal_spread": focal_spread}
    names = ("c5", "astigmatism", "astigmatism_angle", "deflection")
    return {
        k: torch.full((count,), float(v)) for k, v in (values | dict.fromkeys(names, 0)).items()
    }


@dataclass(frozen=True)
class WaveBank:
    """Exit waves of one study held in memory as band-limited spectra, with their atoms.

    `spectra` complex64 (n, m, m) are Fourier coefficients at `frequencies` (m,) 1/Å along both
    axes; `positions` float32 (n, atoms, 2) Å and `classes` int64 (n, atoms), 0 where padded.
    """

    spectra: torch.Tensor
    frequencies: torch.Tensor
    positions: torch.Tensor
    classes: torch.Tensor
    box: float

    def to(self, device: torch.device | str) -> "WaveBank":
        return WaveBank(
            self.spectra.to(device),
            self.frequencies.to(device),
            self.positions.to(device),
            self.classes.to(device),
            self.box,
        )


def wave_bank(
    waves: torch.Tensor,
    positions: list[torch.Tensor],
    classes: list[torch.Tensor],
    box: float,
    band_limit: float,
) -> WaveBank:
    """Crop the spectra of periodic square waves (n, size, size) to |k| ≤ band_limit, 1/Å."""
    size = waves.shape[-1]
    frequencies = torch.fft.fftfreq(size, box / size)
    kept = (frequencies.abs() <= band_limit) & (frequencies > frequencies.min())
    spectra = torch.fft.fft2(waves, norm="forward")[:, kept][:, :, kept]
    return WaveBank(
        spectra,
        frequencies[kept],
        torch.nn.utils.rnn.pad_sequence(positions, batch_first=True).float(),
        torch.nn.utils.rnn.pad_sequence(classes, batch_first=True),
        box,
    )


OPTICS = ("defocus", "cs", "c5", "astigmatism", "astigmatism_angle", "focal_spread", "deflection")
CAMERA = ("c1", "c2", "c3", "nyquist_ratio")


def exit_intensity(
    spectra: torch.Tensor,
    frequencies: torch.Tensor,
    box: float,
    size: int,
    energy: float,
    parameters: Mapping[str, torch.Tensor],
    shift: torch.Tensor | None = None,
) -> torch.Tensor:
    """Intensity (n, size, size) in the image plane of waves given by their spectra (n, m, m).

    `frequencies` (m,) are in FFT order; `parameters` has those of `transfer_function`; `shift`
    (n, 2) moves the picture by (x, y) Å. The pixel is box/size Å: exact Fourier resampling. Only
    the band of the spectra is computed.

    Raises ValueError where the band does not fit into `size` pixels.
    """
    m = len(frequencies)
    if m > size:
        raise ValueError(f"a band of {m} frequencies does not fit into {size} px")
    transfer = transfer_function(
        frequencies[None, :].expand(m, m),
        frequencies[:, None].expand(m, m),
        energy,
        **{name: parameters[name] for name in OPTICS},
    )
    if shift is not None:
        phase = -2 * math.pi * shift[:, :, None] * frequencies
        ramp = torch.polar(torch.ones_like(phase), phase)
        transfer = transfer * (ramp[:, 1, :, None] * ramp[:, 0, None, :])
    band = spectra * transfer
    padded = torch.zeros(len(spectra), size, size, dtype=spectra.dtype, device=spectra.device)
    # FFT order: frequencies from zero up come first, the negative ones last.
    halves = slice(0, (m + 1) // 2), slice(-(m // 2), None)
    for rows, columns in itertools.product(halves, halves):
        padded[:, rows, columns] = band[:, rows, columns]
    wave = torch.fft.ifft2(padded, norm="forward")
    squares = torch.view_as_real(wave).square_()
    return squares[..., 0] + squares[..., 1]


def series_intensity(
    spectra: torch.Tensor,
    frequencies: torch.Tensor,
    box: float,
    size: int,
    energy: float,
    parameters: Mapping[str, torch.Tensor],
    series: Sequence[float],
    shift: torch.Tensor | None = None,
) -> torch.Tensor:
    """Intensities (n, frames, size, size) of a focal series, a frame for each defocus in `series`.

    Å, relative to the parameters' defocus; all else as in `exit_intensity`.
    """
    frames = len(series)
    repeated = {name: parameters[name].repeat_interleave(frames) for name in OPTICS}
    steps = torch.as_tensor(series, dtype=frequencies.dtype, device=spectra.device)
    repeated["defocus"] = repeated["defocus"] + steps.repeat(len(spectra))
    intensity = exit_intensity(
        spectra.repeat_interleave(frames, dim=0),
        frequencies,
        box,
        size,
        energy,
        repeated,
        None if shift is None else shift.repeat_interleave(frames, dim=0),
    )
    return intensity.unflatten(0, (len(spectra), frames))


def dihedral(pictures: torch.Tensor, elements: torch.Tensor) -> torch.Tensor:
    """Apply to each of (n, ..., s, s) one of the eight symmetries of the square, 0 … 7."""
    turned = [
        torch.rot90(p.transpose(-1, -2) if e >= 4 else p, e % 4, dims=(-2, -1))
        for p, e in zip(pictures, elements.tolist(), strict=True)
    ]
    return torch.stack(turned)


def picture_sizes(box: float, low: float, high: float) -> list[int]:
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
    """Training pictures: `pictures` (n, frames, crop, crop), `labels` (n, classes, crop, crop).

    `parameters` holds what was drawn, (n,) each; `sampling` is in Å per px.
    """

    pictures: torch.Tensor
    labels: torch.Tensor
    parameters: dict[str, torch.Tensor]
    sampling: float


def make_batch(
    bank: WaveBank,
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
    structures: torch.Tensor | None = None,
) -> Batch:
    """Draw microscopes and make `count` training pictures with their labels.

    Parameters
    ----------
    bank
        Waves on the device where pictures are made.
    energy
        eV.
    ranges
        Limits of every parameter in `OPTICS` and `CAMERA`, of `dose` (e/Å²) and of `sampling`
        (Å per px, one draw a batch).
    crop
        Side of the pictures, px; must fit into the box at the finest pixel.
    label_sigma, normalisation_sigma
        Å.
    generator
        On the bank's device; everything random comes from it.
    series
        Defocus of each frame beyond the drawn one, Å (Madsen 2018, §4.3). The frames of a field
        share everything but the noise: geometry, microscope and a third, say, of the dose each.
    structures
        (count,) indices into the bank; drawn where not given.

    Every picture gets a random translation (sub-pixel, periodic) and one of the eight
    symmetries of the square.
    """
    device = bank.spectra.device
    if structures is None:
        structures = torch.randint(len(bank.spectra), (count,), generator=generator, device=device)
    sizes = picture_sizes(bank.box, ranges["sampling"].low, ranges["sampling"].high)
    if crop > sizes[0]:
        raise ValueError(f"a crop of {crop} px does not fit into {sizes[0]} px")
    drawn = draw({k: v for k, v in ranges.items() if k != "sampling"}, count, generator)
    size = sizes[int(torch.randint(len(sizes), (), generator=generator, device=device))]
    sampling = bank.box / size
    shift = bank.box * torch.rand(count, 2, generator=generator, device=device)
    elements = torch.randint(8, (count,), generator=generator, device=device)

    intensity = series_intensity(
        bank.spectra[structures], bank.frequencies, bank.box, size, energy, drawn, series, shift
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
    pictures = normalise(recorded, normalisation_sigma / sampling)
    return Batch(dihedral(pictures, elements), dihedral(labels, elements), drawn, sampling)
