"""Training images of random scanning microscopes, made anew in every step from sharp images."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from latticework import shards
from latticework.config.stem import Imaging, Simulation
from latticework.config.training import ClassMapTraining
from latticework.imaging.stem import ImageBank, image_bank, make_batch
from latticework.learning.recipe import Recipe
from latticework.learning.sources import Streams
from latticework.learning.sources.class_maps import ImageSource


def load_image_bank(paths: Sequence[Path]) -> ImageBank:
    """Read shards of sharp images into one bank.

    Raises ShardError for a shard that is corrupt or that disagrees in size with the first.
    """
    images, positions, classes, boxes = [], [], [], set()
    for path in paths:
        arrays, _ = shards.read(path, "stem_images")
        images.append(arrays["image"])
        positions += arrays["positions"]
        classes += arrays["classes"]
        boxes |= set(np.round(arrays["box"], 6).ravel())
        if len(boxes) > 1 or images[-1].shape[1:] != images[0].shape[1:]:
            raise shards.ShardError(f"{path}: expected images of one square box, found {boxes} Å")
    return image_bank(
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
    simulation = Simulation.model_validate(recipe.simulation)
    training = ClassMapTraining.model_validate(recipe.training)
    return ImageSource(
        load_image_bank(shard_paths),
        load_image_bank(held_out_paths),
        Streams(recipe.seed, recipe.study),
        imaging.ranges(),
        training,
        partial(
            make_batch,
            count=training.batch_size,
            energy=simulation.energy,
            semiangle=simulation.semiangle,
            crop=imaging.crop,
            label_sigma=imaging.label_sigma,
            normalisation_sigma=imaging.normalisation_sigma,
            n_classes=1 + len(recipe.classes),
        ),
    )


def arguments(recipe: Recipe) -> dict[str, Any]:
    """What the network's architecture takes from the study: one image in, classes out."""
    return {"frames": 1, "classes": 1 + len(recipe.classes)}
