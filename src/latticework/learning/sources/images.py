"""Sharp images from shards into memory."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from latticework import shards
from latticework.imaging.bank import Bank, image_bank


def load_image_bank(paths: Sequence[Path], kind: str) -> Bank:
    """Read shards of sharp images into one bank; `kind` is the format of the shards.

    Raises ShardError for a shard that is corrupt or that disagrees in size with the first.
    """
    images, positions, classes, boxes = [], [], [], set()
    for path in paths:
        arrays, _ = shards.read(path, kind)
        images.append(arrays["image"])
        positions += arrays["positions"]
        classes += arrays["classes"]
        boxes |= set(np.round(arrays["box"], 6).ravel())
        if len(boxes) > 1 or images[-1].shape[1:] != images[0].shape[1:]:
            raise shards.ShardError(f"{path}: expected images of one square box, found {boxes} Å")
    return image_bank(
        torch.from_numpy(np.concatenate(images)).float(),
        boxes.pop(),
        [torch.from_numpy(p[:, :2]).float() for p in positions],
        [torch.from_numpy(c).long() for c in classes],
    )
