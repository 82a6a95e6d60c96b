"""Training images of random tips and scans, made anew in every step from sharp images."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from latticework import shards
from latticework.config.stm import Imaging
from latticework.config.training import ClassMapTraining
from latticework.imaging.stm import HeightBank, height_bank, make_batch
from latticework.learning.recipe import Recipe
from latticework.learning.sources import Streams
from latticework.learning.sources.class_maps import ImageSource


def load_height_bank(paths: Sequence[Path]) -> HeightBank:
    """Read shards of sharp images into one bank.

    Raises ShardError for a shard that is corrupt or that disagrees in size with the first.
    """
    images, positions, classes, boxes = [], [], [], set()
    for path in paths:
        arrays, _ = shards.read(path, "stm_images")
        images.append(arrays["image"])
        positions += arrays["positions"]
        classes += arrays["classes"]
        boxes |= set(np.round(arrays["box"], 6).ravel())
        if len(boxes) > 1 or images[-1].shape[1:] != images[0].shape[1:]:
            raise shards.ShardError(f"{path}: expected images of one square box, found {boxes} Å")
    return height_bank(
        torch.from_numpy(np.concatenate(images)),
        boxes.pop(),
        [torch.from_numpy(p[:, :2]).float() for p in positions],
        [torch.from_numpy(c).long() for c in classes],
    )


def source(
    recipe: Recipe, shard_paths: Sequence[Path], held_out_paths: Sequence[Path]
) -> ImageSource:
    """The source of a recipe from shards of images; raises ShardError for a bad one."""
    imaging = Imaging.model_validate(recipe.imaging)
    training = ClassMapTraining.model_validate(recipe.training)
    return ImageSource(
        load_height_bank(shard_paths),
        load_height_bank(held_out_paths),
        Streams(recipe.seed, recipe.study),
        imaging.ranges(),
        training,
        partial(
            make_batch,
            count=training.batch_size,
            crop=imaging.crop,
            label_sigma=imaging.label_sigma,
            normalisation_sigma=imaging.normalisation_sigma,
            n_classes=1 + len(recipe.classes),
        ),
    )


def arguments(recipe: Recipe) -> dict[str, Any]:
    """What the network's architecture takes from the study: one image in, classes out."""
    return {"frames": 1, "classes": 1 + len(recipe.classes)}
