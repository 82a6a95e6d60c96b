"""Simulated structures of one study in memory: what was simulated as spectra, with their atoms."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.utils.rnn import pad_sequence


@dataclass(frozen=True)
class Bank:
    """Exit waves or sharp images of one study as spectra, with their atoms.

    `spectra` complex64 (n, …, m, m) are Fourier coefficients at `frequencies` (m,) 1/Å along both
    axes, in FFT order; `positions` float32 (n, atoms, 2) Å and `classes` int64 (n, atoms), 0 where
    padded; `box` is the side of the periodic square, Å.
    """

    spectra: torch.Tensor
    frequencies: torch.Tensor
    positions: torch.Tensor
    classes: torch.Tensor
    box: float

    def to(self, device: torch.device | str) -> "Bank":
        """The same on a device."""
        return Bank(
            self.spectra.to(device),
            self.frequencies.to(device),
            self.positions.to(device),
            self.classes.to(device),
            self.box,
        )


def bank_of(
    spectra: torch.Tensor,
    frequencies: torch.Tensor,
    box: float,
    positions: Sequence[torch.Tensor] = (),
    classes: Sequence[torch.Tensor] = (),
) -> Bank:
    """A bank of spectra (n, …, m, m), with positions (atoms, 2) Å and classes (atoms,) of each.

    Without them the bank has no atoms.
    """
    positions = list(positions) or [torch.zeros(0, 2)] * len(spectra)
    classes = list(classes) or [torch.zeros(0, dtype=torch.int64)] * len(spectra)
    return Bank(
        spectra,
        frequencies,
        pad_sequence(positions, batch_first=True).float(),
        pad_sequence(classes, batch_first=True),
        box,
    )


def image_bank(
    images: torch.Tensor,
    box: float,
    positions: Sequence[torch.Tensor] = (),
    classes: Sequence[torch.Tensor] = (),
) -> Bank:
    """A bank of periodic square images (n, channels, m, m); all else as in `bank_of`."""
    size = images.shape[-1]
    spectra = torch.fft.fft2(images, norm="forward")
    return bank_of(spectra, torch.fft.fftfreq(size, box / size), box, positions, classes)
