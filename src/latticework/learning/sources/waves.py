"""Exit waves from shards into memory."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from latticework import shards
from latticework.imaging.bank import Bank
from latticework.imaging.waves import wave_bank


def load_wave_bank(paths: Sequence[Path], band_limit: float) -> Bank:
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
        boxes.pop(),
        band_limit,
        [torch.from_numpy(p[:, :2]).float() for p in positions],
        [torch.from_numpy(c).long() for c in classes],
    )
