"""Exit waves in memory, and the intensities that a microscope makes of them."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from latticework.imaging.bank import Bank, bank_of
from latticework.imaging.optics import transfer_function

LENS = (
    "defocus",
    "cs",
    "c5",
    "astigmatism",
    "astigmatism_angle",
    "coma",
    "coma_angle",
    "threefold",
    "threefold_angle",
    "focal_spread",
)
OPTICS = (*LENS, "deflection")


def fixed_microscope(
    defocus: float, cs: float, focal_spread: float, count: int
) -> dict[str, torch.Tensor]:
    """Parameters of `count` equal and otherwise perfect microscopes for `exit_intensity`; Å."""
    values = dict.fromkeys(OPTICS, 0.0) | {
        "defocus": defocus,
        "cs": cs,
        "focal_spread": focal_spread,
    }
    return {name: torch.full((count,), float(value)) for name, value in values.items()}


def wave_bank(
    waves: torch.Tensor,
    box: float,
    band_limit: float,
    positions: Sequence[torch.Tensor] = (),
    classes: Sequence[torch.Tensor] = (),
) -> Bank:
    """Crop the spectra of periodic square waves (n, size, size) to |k| ≤ band_limit, 1/Å.

    `positions` (atoms, 2) Å and `classes` (atoms,) of every wave are what labels are drawn from;
    without them the bank has no atoms.
    """
    size = waves.shape[-1]
    frequencies = torch.fft.fftfreq(size, box / size)
    kept = (frequencies.abs() <= band_limit) & (frequencies > frequencies.min())
    spectra = torch.fft.fft2(waves, norm="forward")[:, kept][:, :, kept]
    return bank_of(spectra, frequencies[kept], box, positions, classes)


def exit_intensity(
    spectra: torch.Tensor,
    frequencies: torch.Tensor,
    box: float,
    size: int,
    energy: float,
    parameters: Mapping[str, torch.Tensor],
    shift: torch.Tensor | None = None,
    foci: int = 1,
) -> torch.Tensor:
    """Intensity (n, size, size) in the image plane of waves given by their spectra (n, m, m).

    `frequencies` (m,) are in FFT order; `parameters` has those in `OPTICS`; `shift` (n, 2) moves
    the picture by (x, y) Å. The pixel is box/size Å: exact Fourier resampling. Only the band of
    the spectra is computed. With one of `foci` the focal spread is the quasi-coherent envelope of
    `transfer_function`; with more, intensities are averaged over so many foci (Gauss–Hermite
    quadrature), which is exact where the envelope loses electrons.

    Raises ValueError where the band does not fit into `size` pixels.
    """
    optics = {name: parameters[name] for name in OPTICS}
    if foci == 1:
        intensity = _intensity(spectra, frequencies, box, size, energy, optics, shift)
    else:
        nodes, weights = np.polynomial.hermite.hermgauss(foci)
        spread, sharp = optics["focal_spread"], torch.zeros_like(optics["focal_spread"])
        intensity = sum(
            weight
            / math.sqrt(math.pi)
            * _intensity(
                spectra,
                frequencies,
                box,
                size,
                energy,
                optics | {"defocus": optics["defocus"] + node * spread, "focal_spread": sharp},
                shift,
            )
            for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True)
        )
    return deflected(intensity, optics["deflection"], box / size)


def deflected(intensity: torch.Tensor, deflection: torch.Tensor, sampling: float) -> torch.Tensor:
    """Periodic images (n, size, size) blurred by an image deflection of RMS (n,) Å.

    An image that trembles while it is recorded: a Gaussian convolution of the intensity, which
    loses no electron. `sampling` is in Å per px.
    """
    if not bool(torch.any(deflection != 0)):
        return intensity
    size = intensity.shape[-1]
    ky = torch.fft.fftfreq(size, sampling, device=intensity.device)
    kx = torch.fft.rfftfreq(size, sampling, device=intensity.device)
    exponent = -2 * math.pi**2 * (ky[:, None] ** 2 + kx**2)
    damping = torch.exp(exponent * (deflection**2)[:, None, None].to(exponent))
    return torch.fft.irfft2(torch.fft.rfft2(intensity) * damping, s=(size, size))


def _intensity(
    spectra: torch.Tensor,
    frequencies: torch.Tensor,
    box: float,
    size: int,
    energy: float,
    parameters: Mapping[str, torch.Tensor],
    shift: torch.Tensor | None,
) -> torch.Tensor:
    """`exit_intensity` of one focus, without deflection."""
    m = len(frequencies)
    if m > size:
        raise ValueError(f"a band of {m} frequencies does not fit into {size} px")
    transfer = transfer_function(
        frequencies[None, :].expand(m, m),
        frequencies[:, None].expand(m, m),
        energy,
        **{name: parameters[name] for name in LENS},
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
    foci: int = 1,
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
        foci,
    )
    return intensity.unflatten(0, (len(spectra), frames))
