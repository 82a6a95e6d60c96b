"""Waves from shards into memory, and the counter that stands in for a data set."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from latticework import shards
from latticework.imaging.augmentation import WaveBank, wave_bank


class Steps(Dataset):
    """A data set of `length` step numbers: pictures are made on the device, in the step."""

    def __init__(self, length: int):
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> int:
        return index


def load_wave_bank(paths: Sequence[Path], band_limit: float) -> WaveBank:
    """Read exit-wave shards into one bank, cropped to `band_limit` 1/Å.

    Raises ShardError for a shard that is corrupt or that disagrees in size with the first.
    """
    waves, positions, classes, boxes = [], [], [], set()
    for path in paths:
        arrays, _ = shards.read(path, "exit_waves")
        waves.append(arrays["wave"])
        positions += arrays["positions"]
        classes += arrays["classes"]
        boxes |= set(np.round(arrays["sampling"] * arrays["wave"].shape[-1], 6).ravel())
        if len(boxes) > 1 or arrays["wave"].shape[1:] != waves[0].shape[1:]:
            raise shards.ShardError(f"{path}: expected square waves of one box, found {boxes} Å")
    return wave_bank(
        torch.from_numpy(np.concatenate(waves)),
        [torch.from_numpy(p[:, :2]).float() for p in positions],
        [torch.from_numpy(c).long() for c in classes],
        boxes.pop(),
        band_limit,
    )
