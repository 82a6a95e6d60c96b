"""What several physics tests share: ranges of one value, and a bank of waves made by hand."""

import pytest
import torch
from grown import grow_sheet

from latticework.config.base import Range
from latticework.imaging.bank import Bank
from latticework.imaging.waves import wave_bank
from latticework.seeds import stream

BOX = 24.0


@pytest.fixture(scope="session")
def fixed():
    """Function that turns values into imaging ranges of no width."""

    def ranges(**values: float) -> dict[str, Range]:
        return {name: Range(low=value, high=value) for name, value in values.items()}

    return ranges


@pytest.fixture(scope="session")
def phase_sheets() -> Bank:
    """Two phase-object sheets: exp(i Σ of Gaussians at the atoms), 24 Å, band-limited to 1.5/Å."""
    size = 120
    grid = torch.arange(size) * (BOX / size)
    waves, positions = [], []
    for index in range(2):
        atoms = grow_sheet(stream(0, "phase_sheets", index), box=BOX, holes=(1, 2))
        xy = torch.from_numpy(atoms.positions[:, :2]).float()
        offset = grid - xy[:, :, None]
        near = offset - BOX * torch.round(offset / BOX)
        x, y = torch.exp(-0.5 * (near / 0.35) ** 2).unbind(dim=1)
        waves.append(torch.polar(torch.ones(size, size), 0.2 * (y.T @ x)))
        positions.append(xy)
    classes = [torch.ones(len(xy), dtype=torch.long) for xy in positions]
    return wave_bank(torch.stack(waves), BOX, 1.5, positions, classes)
